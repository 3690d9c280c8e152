// ONNX writer
//
// Turns a graph into the bytes of an ONNX file (ModelProto, IR version 8, opset 13). It writes
// what these models need and no more: tensors as raw data, integer and text attributes, named
// dimensions.
// Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. It does not
// check graphs: the runtime that loads them does.

import { strict as assert } from 'node:assert'
import { endianness } from 'node:os'
import { elementCount } from '@tutti/core/fleet'
import { bytesField, concatBytes, integerField, messageField, textField } from './protobuf.ts'

/** An operator of the standard domain; it reads inputs, constants and other nodes' outputs. */
export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, number | string | readonly number[]>>
}

/** A constant of the graph; the kind of array decides its element type. */
export interface OnnxTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly data: Float32Array | Int8Array | Uint8Array | BigInt64Array
}

/** An input or output of the graph; a dimension given as text takes any size. */
export interface OnnxValue {
  readonly name: string
  /** Absent: `float`. */
  readonly element?: 'float' | 'int32' | 'int64'
  readonly shape: readonly (number | string)[]
}

export interface OnnxGraph {
  readonly name: string
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
}

const irVersion = 8
const opset = 13

/** Element types by their number in TensorProto.DataType. */
const elementType = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const

/** The element type of `Cast` to int64. */
export const castToInt64 = elementType.int64

/** The ONNX file of a graph. Same graph, same bytes. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  assert(
    endianness() === 'LE',
    'raw tensor data is little-endian, as the arrays of this machine are',
  )
  return concatBytes([
    integerField(1, irVersion),
    textField(2, 'tutti-examples'),
    messageField(7, [
      ...graph.nodes.map((node) => messageField(1, nodeFields(node))),
      textField(2, graph.name),
      ...graph.constants.map((tensor) => messageField(5, tensorFields(tensor))),
      ...graph.inputs.map((value) => messageField(11, valueFields(value))),
      ...graph.outputs.map((value) => messageField(12, valueFields(value))),
    ]),
    messageField(8, [textField(1, ''), integerField(2, opset)]),
  ])
}

function nodeFields(node: OnnxNode): Uint8Array[] {
  return [
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(3, node.outputs[0] ?? node.op),
    textField(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) =>
      messageField(5, [textField(1, name), ...attributeFields(value)]),
    ),
  ]
}

function attributeFields(value: number | string | readonly number[]): Uint8Array[] {
  const [int, text, ints] = [2, 3, 7]
  if (typeof value === 'string') return [textField(4, value), integerField(20, text)]
  if (typeof value === 'number') return [integerField(3, value), integerField(20, int)]
  return [...value.map((item) => integerField(8, item)), integerField(20, ints)]
}

function tensorFields({ name, shape, data }: OnnxTensor): Uint8Array[] {
  assert(data.length === elementCount(shape), `constant ${name} has as many elements as its shape`)
  return [
    ...shape.map((dimension) => integerField(1, dimension)),
    integerField(2, elementTypeOf(data)),
    textField(8, name),
    bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]
}

function elementTypeOf(data: OnnxTensor['data']): number {
  if (data instanceof Float32Array) return elementType.float
  if (data instanceof Int8Array) return elementType.int8
  return data instanceof Uint8Array ? elementType.uint8 : elementType.int64
}

function valueFields({ name, shape, element = 'float' }: OnnxValue): Uint8Array[] {
  const dimensions = shape.map((size) =>
    messageField(1, [typeof size === 'number' ? integerField(1, size) : textField(2, size)]),
  )
  const tensorType = [integerField(1, elementType[element]), messageField(2, dimensions)]
  return [textField(1, name), messageField(2, [messageField(1, tensorType)])]
}
