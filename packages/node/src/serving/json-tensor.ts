// JSON tensor
//
// Tensor data as the Open Inference Protocol writes it in JSON: flat or nested in, flat out. Input is
// hostile: nothing is allocated for a shape before as many elements are there, and a number that the
// datatype cannot hold is refused, never rounded or wrapped.

import { type Datatype, elementCount, type JsonTensor } from '@tutti/core/fleet'
import { Failure } from '../failure.ts'
import { float16Bits, float16Value } from './float16.ts'
import {
  type NumericData,
  type NumericDatatype,
  newData,
  numbersOf,
  type Tensor,
  whyStringUnfit,
} from './tensor.ts'

type TensorHead = Pick<Tensor, 'name' | 'datatype' | 'shape'>

/** Reads `data` of a tensor whose name, datatype and shape have been checked. */
export function parseJsonData(value: unknown, head: TensorHead): Tensor {
  const elements = flatten(value, head)
  const expected = elementCount(head.shape)
  if (elements.length !== expected) {
    throw invalid(
      head,
      `expected ${expected} elements for shape [${head.shape}], got ${elements.length}`,
    )
  }
  const { name, datatype, shape } = head
  if (datatype === 'BYTES') return { name, datatype, shape, data: parseStrings(elements, head) }
  return { name, datatype, shape, data: parseNumbers(elements, head, datatype) }
}

/** The tensor with plain values; 64-bit integers lose what a double cannot hold. */
export function toJsonTensor(tensor: Tensor): JsonTensor {
  const { name, datatype, shape } = tensor
  return { name, datatype, shape: [...shape], data: plainValues(tensor) }
}

/** The JSON text of the elements. Long integers keep every digit; NaN and Infinity are refused. */
export function formatJsonData(tensor: Tensor): string {
  switch (tensor.datatype) {
    case 'BYTES':
      return JSON.stringify(tensor.data)
    case 'BOOL':
    case 'FP16':
    case 'FP32':
    case 'FP64':
      return formatFinite(tensor)
    default:
      return `[${tensor.data.join(',')}]`
  }
}

function formatFinite(tensor: Tensor): string {
  const text = JSON.stringify(plainValues(tensor))
  // JSON.stringify writes null for what JSON cannot carry; a tensor has no other null.
  if (!text.includes('null')) return text
  throw new Failure(
    'node/answer-not-json',
    `output '${tensor.name}' holds NaN or Infinity, which JSON cannot carry: ` +
      'ask for it with "parameters": {"binary_data": true}',
  )
}

/** Nested arrays must have the tensor's shape; then one list of the elements. */
function flatten(value: unknown, head: TensorHead): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(head, `expected an array of data, got ${kindOf(value)}`)
  const list: readonly unknown[] = value
  if (!Array.isArray(list[0])) return list
  checkNesting(list, head, 0)
  return list.flat(head.shape.length - 1)
}

function checkNesting(list: readonly unknown[], head: TensorHead, depth: number): void {
  const expected = head.shape[depth]
  if (list.length !== expected) {
    const where = `${list.length} elements at depth ${depth}`
    throw invalid(head, `nested data with ${where} does not have the shape [${head.shape}]`)
  }
  if (depth === head.shape.length - 1) return
  for (const inner of list) {
    if (!Array.isArray(inner)) {
      throw invalid(head, `nested data mixes arrays and ${kindOf(inner)} at depth ${depth}`)
    }
    checkNesting(inner, head, depth + 1)
  }
}

function parseStrings(elements: readonly unknown[], head: TensorHead): string[] {
  return elements.map((element, i) => {
    if (typeof element !== 'string') throw misfit(head, i, element, 'a string')
    const unfit = whyStringUnfit(element)
    if (unfit !== null) throw invalid(head, `element ${i} ${unfit}`)
    return element
  })
}

interface Range {
  readonly min: number
  readonly max: number
}

// JSON numbers are doubles: beyond 2^53 the integer that was sent is not the one that arrived.
const integerRanges: Readonly<Partial<Record<Datatype, Range>>> = {
  UINT8: { min: 0, max: 0xff },
  UINT16: { min: 0, max: 0xffff },
  UINT32: { min: 0, max: 0xffff_ffff },
  UINT64: { min: 0, max: Number.MAX_SAFE_INTEGER },
  INT8: { min: -0x80, max: 0x7f },
  INT16: { min: -0x8000, max: 0x7fff },
  INT32: { min: -0x8000_0000, max: 0x7fff_ffff },
  INT64: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER },
}

function parseNumbers(
  elements: readonly unknown[],
  head: TensorHead,
  datatype: NumericDatatype,
): NumericData {
  const data = newData(datatype, elements.length)
  if (datatype === 'BOOL') return fillBooleans(data, elements, head)
  const range = integerRanges[datatype]
  if (range !== undefined) return fillIntegers(data, elements, head, range)
  return fillFloats(data, elements, head)
}

function fillBooleans(data: NumericData, elements: readonly unknown[], head: TensorHead) {
  for (const [i, element] of elements.entries()) {
    if (typeof element !== 'boolean') throw misfit(head, i, element, 'true or false')
    data[i] = element ? 1 : 0
  }
  return data
}

function fillIntegers(
  data: NumericData,
  elements: readonly unknown[],
  head: TensorHead,
  { min, max }: Range,
): NumericData {
  const wide = data instanceof BigInt64Array || data instanceof BigUint64Array
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i]
    if (
      !Number.isInteger(element) ||
      typeof element !== 'number' ||
      element < min ||
      element > max
    ) {
      const hint = wide ? ' (send greater ones as binary data)' : ''
      throw misfit(head, i, element, `an integer from ${min} to ${max}${hint}`)
    }
    if (wide) data[i] = BigInt(element)
    else data[i] = element
  }
  return data
}

function fillFloats(data: NumericData, elements: readonly unknown[], head: TensorHead) {
  const half = head.datatype === 'FP16'
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i]
    if (typeof element !== 'number') throw misfit(head, i, element, 'a number')
    data[i] = half ? float16Bits(element) : element
    if (!Number.isFinite(half ? float16Value(Number(data[i])) : data[i])) {
      throw misfit(head, i, element, `a number that ${head.datatype} can hold`)
    }
  }
  return data
}

function plainValues(tensor: Tensor): (number | string | boolean)[] {
  switch (tensor.datatype) {
    case 'BYTES':
      return [...tensor.data]
    case 'BOOL':
      return numbersOf(tensor).map((bit) => bit !== 0)
    default:
      return numbersOf(tensor)
  }
}

function misfit(head: TensorHead, index: number, element: unknown, expected: string): Failure {
  return invalid(
    head,
    `element ${index} is ${shown(element)}, expected ${expected} (${head.datatype})`,
  )
}

function invalid(head: TensorHead, complaint: string): Failure {
  return new Failure('node/request-invalid', `tensor '${head.name}': ${complaint}`)
}

/** A value for an error message: short, whatever was sent. */
function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  return kindOf(value)
}

/** What a JSON value is, in words. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
