// Tiny ONNX
//
// Writes small ONNX models, as bytes, for tests and benchmarks: no model file has to lie in the repository
// to prove that one is served. Writes just the protobuf that this takes (onnx.proto3, IR version 8).

import type { Datatype, Variant } from '@tutti/core/fleet'

export interface TinyModel {
  readonly nodes: readonly TinyNode[]
  readonly inputs: readonly TinyTensor[]
  readonly outputs: readonly TinyTensor[]
  readonly constants?: readonly TinyConstant[]
}

export interface TinyNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly integers?: Readonly<Record<string, number>>
}

export interface TinyTensor {
  readonly name: string
  readonly datatype: Datatype
  /** -1 is any size; null makes it a sequence of tensors. */
  readonly shape: readonly number[] | null
}

export interface TinyConstant {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Raw elements, or the name of a file beside the model that holds them. */
  readonly data: Uint8Array | string
}

/** The file of a model. */
export function tinyOnnx({ nodes, inputs, outputs, constants = [] }: TinyModel): Uint8Array {
  const graph = [
    ...nodes.map((node) => field(1, nodeOf(node))),
    field(2, text('tiny')),
    ...constants.map((constant) => field(5, constantOf(constant))),
    ...inputs.map((input) => field(11, valueInfoOf(input))),
    ...outputs.map((output) => field(12, valueInfoOf(output))),
  ]
  const opset = Buffer.concat([field(1, text('')), number(2, 17)])
  return Buffer.concat([number(1, 8), field(7, Buffer.concat(graph)), field(8, opset)])
}

/** `y = x + amount` over FP32 rows of two. */
export function addingModel(amount: number): Uint8Array {
  return tinyOnnx({
    nodes: [{ op: 'Add', inputs: ['x', 'amount'], outputs: ['y'] }],
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    constants: [floats('amount', [amount])],
  })
}

/** `y = x` for any datatype and shape. */
export function identityModel(datatype: Datatype, shape: readonly number[]): Uint8Array {
  return tinyOnnx({
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    inputs: [{ name: 'x', datatype, shape }],
    outputs: [{ name: 'y', datatype, shape }],
  })
}

/** `y = table[x]`: fails on an `x` that the table does not have. */
export function lookupModel(table: readonly number[]): Uint8Array {
  return tinyOnnx({
    nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'], integers: { axis: 0 } }],
    inputs: [{ name: 'x', datatype: 'INT64', shape: [-1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    constants: [floats('table', table)],
  })
}

/** A variant for such a model, its signature left to the file. */
export function tinyVariant(batchMax: number): Variant {
  return {
    name: 'fp32',
    format: 'onnx',
    precision: 'fp32',
    files: [{ path: 'model.onnx', digest: `sha256:${'0'.repeat(64)}`, sizeBytes: 1_000 }],
    inputs: [],
    outputs: [],
    batchMax,
    requires: { memoryBytes: 0, nodeLabels: {} },
  }
}

/** A constant of FP32 elements in one dimension. */
export function floats(name: string, values: readonly number[]): TinyConstant {
  const data = new Uint8Array(new Float32Array(values).buffer)
  return { name, datatype: 'FP32', shape: [values.length], data }
}

const elementTypes: Readonly<Record<Datatype, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
}

function nodeOf({ op, inputs, outputs, integers = {} }: TinyNode): Buffer {
  const attributes = Object.entries(integers).map(([name, value]) =>
    field(5, Buffer.concat([field(1, text(name)), number(3, value), number(20, 2)])),
  )
  return Buffer.concat([
    ...inputs.map((name) => field(1, text(name))),
    ...outputs.map((name) => field(2, text(name))),
    field(4, text(op)),
    ...attributes,
  ])
}

function constantOf({ name, datatype, shape, data }: TinyConstant): Buffer {
  const head = [...shape.map((size) => number(1, size)), number(2, elementTypes[datatype])]
  const content =
    typeof data === 'string'
      ? [
          field(13, Buffer.concat([field(1, text('location')), field(2, text(data))])),
          number(14, 1),
        ]
      : [field(9, Buffer.from(data))]
  return Buffer.concat([...head, field(8, text(name)), ...content])
}

function valueInfoOf({ name, datatype, shape }: TinyTensor): Buffer {
  const type = number(1, elementTypes[datatype])
  const tensor = shape === null ? type : Buffer.concat([type, field(2, shapeOf(shape))])
  const value = field(1, tensor)
  return Buffer.concat([
    field(1, text(name)),
    field(2, shape === null ? field(4, field(1, value)) : value),
  ])
}

function shapeOf(shape: readonly number[]): Buffer {
  const dimensions = shape.map((size) => field(1, size === -1 ? Buffer.alloc(0) : number(1, size)))
  return Buffer.concat(dimensions)
}

function text(value: string): Buffer {
  return Buffer.from(value, 'utf8')
}

/** A length-delimited field. */
function field(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(tag * 8 + 2), varint(content.byteLength), content])
}

function number(tag: number, value: number): Buffer {
  return Buffer.concat([varint(tag * 8), varint(value)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}
