// Tensor
//
// A tensor as the node holds it while a request is under way: a typed array over bytes of its own, so that
// it can be handed to a worker without a copy. BYTES are strings, BOOL is one byte each, FP16 is the raw
// 16 bits. Numbers are little-endian, as on the wire: no runtime that we use has a big-endian build.

import { type Datatype, datatypeBytes, elementCount } from '@tutti/core/fleet'
import { assert } from '../assert.ts'
import { float16Value } from './float16.ts'

export type NumericData =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array

export type NumericDatatype = Exclude<Datatype, 'BYTES'>

export interface NumericTensor {
  readonly name: string
  readonly datatype: NumericDatatype
  readonly shape: readonly number[]
  readonly data: NumericData
}

export interface StringTensor {
  readonly name: string
  readonly datatype: 'BYTES'
  readonly shape: readonly number[]
  readonly data: readonly string[]
}

export type Tensor = NumericTensor | StringTensor

const views: Readonly<Record<NumericDatatype, new (buffer: ArrayBuffer) => NumericData>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
}

/** The elements that `bytes` holds; the result owns the buffer. */
export function viewOf(datatype: NumericDatatype, bytes: ArrayBuffer): NumericData {
  return new views[datatype](bytes)
}

/** So many elements, all zero. */
export function newData(datatype: NumericDatatype, count: number): NumericData {
  return viewOf(datatype, new ArrayBuffer(count * datatypeBytes[datatype]))
}

/** A tensor of zeros (BYTES: the string 0), every open dimension being 1. */
export function zeros(signature: {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
}): Tensor {
  const { name, datatype } = signature
  const shape = signature.shape.map((dimension) => (dimension === -1 ? 1 : dimension))
  const count = elementCount(shape)
  if (datatype === 'BYTES') return { name, datatype, shape, data: Array(count).fill('0') }
  return { name, datatype, shape, data: newData(datatype, count) }
}

/** Memory that the elements take. */
export function bytesOf(tensor: Tensor): number {
  if (tensor.datatype !== 'BYTES') return tensor.data.byteLength
  return tensor.data.reduce((sum, text) => sum + 2 * text.length, 0)
}

/** One tensor of all rows, in order. The parts agree in everything but dimension 0. */
export function concatTensors(parts: readonly Tensor[]): Tensor {
  const [first] = parts
  assert(first !== undefined, 'there is something to concatenate')
  const { name, datatype } = first
  const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0)
  const shape = [rows, ...first.shape.slice(1)]
  if (datatype === 'BYTES') {
    const strings = parts.flatMap((part) => (part.datatype === 'BYTES' ? part.data : []))
    return { name, datatype, shape, data: strings }
  }
  const joined = new Uint8Array(elementCount(shape) * datatypeBytes[datatype])
  let offset = 0
  for (const { datatype: type, data } of parts) {
    assert(type === datatype, 'parts of one batch have one datatype')
    joined.set(rawBytes(data), offset)
    offset += data.byteLength
  }
  return { name, datatype, shape, data: viewOf(datatype, joined.buffer) }
}

/** The tensor cut along dimension 0 into parts of that many rows, each with bytes of its own. */
export function splitTensor(tensor: Tensor, rows: readonly number[]): Tensor[] {
  const width = elementCount(tensor.shape.slice(1))
  let start = 0
  return rows.map((count) => {
    const end = start + count * width
    const part = sliceTensor(tensor, start, end)
    start = end
    return { ...part, shape: [count, ...tensor.shape.slice(1)] }
  })
}

function sliceTensor(tensor: Tensor, start: number, end: number): Tensor {
  return tensor.datatype === 'BYTES'
    ? { ...tensor, data: tensor.data.slice(start, end) }
    : { ...tensor, data: tensor.data.slice(start, end) }
}

/** The elements as plain numbers; 64-bit integers lose what a double cannot hold. */
export function numbersOf({ data, datatype }: NumericTensor): number[] {
  const numbers = Array.from({ length: data.length }, (_, i) => Number(data[i]))
  return datatype === 'FP16' ? numbers.map(float16Value) : numbers
}

/** The same memory as plain bytes. */
export function rawBytes(data: NumericData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * Why a string would not reach the model as it is; null where it would. ONNX Runtime's bindings end
 * a string at its first NUL and hold it as UTF-8, which has no half of a surrogate pair.
 */
export function whyStringUnfit(text: string): string | null {
  if (text.includes('\0')) return 'has a NUL in it, which the runtime would cut off'
  return /\p{Surrogate}/u.test(text) ? 'is not well-formed Unicode' : null
}
