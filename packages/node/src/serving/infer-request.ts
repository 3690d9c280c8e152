// Infer request
//
// An inference request of the Open Inference Protocol v2, with the binary tensor data extension, read
// strictly against the model's signature. Input is hostile: what is not exactly what the model takes is
// refused with the field and what was expected, before anything is allocated for it.

import { type Datatype, datatype, elementCount, shapeFits } from '@tutti/core/fleet'
import { Failure } from '../failure.ts'
import { parseBinaryData } from './binary-tensor.ts'
import { kindOf, parseJsonData } from './json-tensor.ts'
import type { ModelSignature } from './signature.ts'
import type { Tensor } from './tensor.ts'

/** What of a model decides whether a request suits it. */
export interface InferTarget {
  readonly signature: ModelSignature
  /** Above 1, dimension 0 counts items, and no request may hold more of them. */
  readonly batchMax: number
}

export interface InferRequest {
  readonly id: string | null
  /** In the order of the signature. */
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly RequestedOutput[]
  /** The caller's own deadline. */
  readonly timeoutMs: number | null
}

export interface RequestedOutput {
  readonly name: string
  readonly binary: boolean
}

type JsonObject = Readonly<Record<string, unknown>>
type InputSignature = ModelSignature['inputs'][number]

const dimensionMax = 2 ** 31 - 1 // what every runtime holds in a signed integer

/** Reads a body whose first `jsonBytes` bytes are JSON and whose rest is binary tensor data. */
export function parseInferRequest(
  body: Buffer,
  jsonBytes: number,
  target: InferTarget,
): InferRequest {
  const json = parseObject(parseJson(body.toString('utf8', 0, jsonBytes)), 'the request')
  const parameters = parseParameters(json, 'the request')
  const { signature } = target
  return {
    id: parseId(json['id']),
    inputs: parseInputs(json['inputs'], body.subarray(jsonBytes), target),
    outputs: parseOutputs(json['outputs'], signature, parameters['binary_data_output'] === true),
    timeoutMs: parseTimeout(parameters['timeout']),
  }
}

/** Where the JSON of a body ends, by the header `Inference-Header-Content-Length`. */
export function parseJsonLength(header: string | undefined, bodyBytes: number): number {
  if (header === undefined) return bodyBytes
  const length = /^\d{1,10}$/.test(header) ? Number(header) : Number.NaN
  if (length <= bodyBytes) return length
  const got = JSON.stringify(header.slice(0, 40))
  throw invalid(
    `header Inference-Header-Content-Length is ${got}, expected at most ${bodyBytes}, the body's bytes`,
  )
}

/** Reads tensors for every input of the model; `binary` holds the elements that are not in JSON. */
export function parseInputs(value: unknown, binary: Buffer, target: InferTarget): Tensor[] {
  const { inputs } = target.signature
  const entries = parseArray(value, 'inputs')
  const cursor = { offset: 0 }
  const parsed = new Map<string, Tensor>()
  for (const [i, entry] of entries.entries()) {
    const tensor = parseInput(parseObject(entry, `inputs[${i}]`), inputs, { binary, cursor })
    if (parsed.has(tensor.name)) throw invalid(`input '${tensor.name}' is given twice`)
    parsed.set(tensor.name, tensor)
  }
  const leftBytes = binary.byteLength - cursor.offset
  if (leftBytes > 0) throw invalid(`${leftBytes} bytes of binary data belong to no input`)
  const ordered = inputs.map(({ name }) => {
    const tensor = parsed.get(name)
    if (tensor === undefined) throw invalid(`input '${name}' is missing`)
    return tensor
  })
  if (target.batchMax > 1) checkItems(ordered, target.batchMax)
  return ordered
}

/** A JSON text, parsed. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid(
      `the body is not JSON${cause instanceof Error ? `: ${cause.message}` : ''}`,
      cause,
    )
  }
}

/** A JSON object, or the complaint that `where` is none. */
export function parseObject(value: unknown, where: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`${where}: expected an object, got ${kindOf(value)}`)
  }
  return value as JsonObject
}

interface BinarySection {
  readonly binary: Buffer
  /** How far inputs have been read; moved by `takeBytes`. */
  readonly cursor: { offset: number }
}

function parseInput(
  entry: JsonObject,
  signatures: readonly InputSignature[],
  section: BinarySection,
): Tensor {
  const { name } = entry
  const signature = signatures.find((known) => known.name === name)
  if (typeof name !== 'string' || signature === undefined) {
    const got = typeof name === 'string' ? `'${name.slice(0, 80)}'` : kindOf(name)
    throw invalid(`input name is ${got}, the model takes: ${namesOf(signatures)}`)
  }
  const where = `input '${name}'`
  const type = parseDatatype(entry['datatype'], signature.datatype, where)
  const shape = parseShape(entry['shape'], signature.shape, where)
  const head = { name, datatype: type, shape }
  const size = parseParameters(entry, where)['binary_data_size']
  if (size === undefined) return parseJsonData(entry['data'], head)
  if (entry['data'] !== undefined) throw invalid(`${where} has both data and binary_data_size`)
  return parseBinaryData(takeBytes(size, section, where), head)
}

function takeBytes(size: unknown, { binary, cursor }: BinarySection, where: string): Buffer {
  const left = binary.byteLength - cursor.offset
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > left) {
    throw invalid(`${where}: binary_data_size is ${String(size)}, ${left} bytes are left`)
  }
  cursor.offset += size
  return binary.subarray(cursor.offset - size, cursor.offset)
}

function parseDatatype(value: unknown, expected: Datatype, where: string): Datatype {
  if (value === expected) return expected
  const known = datatype.safeParse(value)
  const got = known.success ? known.data : JSON.stringify(value)?.slice(0, 40)
  throw invalid(`${where}: datatype is ${got}, expected ${expected}`)
}

function parseShape(value: unknown, expected: readonly number[], where: string): number[] {
  const shape = parseArray(value, `${where}: shape`)
  const dimensions = shape.map((dimension) =>
    typeof dimension === 'number' && Number.isInteger(dimension) && dimension >= 0 ? dimension : -1,
  )
  const fits =
    dimensions.every((dimension) => dimension >= 0 && dimension <= dimensionMax) &&
    shapeFits(expected, dimensions) &&
    Number.isSafeInteger(elementCount(dimensions))
  if (fits) return dimensions
  const got = JSON.stringify(value)?.slice(0, 80)
  throw invalid(
    `${where}: shape is ${got}, expected [${expected}]${expected.includes(-1) ? openHint : ''}`,
  )
}
const openHint = ' where -1 is any size'

function checkItems(inputs: readonly Tensor[], itemsMax: number): void {
  const items = inputs[0]?.shape[0] ?? 0
  for (const { name, shape } of inputs) {
    if (shape[0] !== items) {
      throw invalid(`input '${name}' has ${shape[0]} items along dimension 0, others ${items}`)
    }
  }
  if (items > itemsMax) {
    throw invalid(`${items} items along dimension 0, the model takes at most ${itemsMax} at once`)
  }
}

function parseOutputs(
  value: unknown,
  { outputs }: ModelSignature,
  binaryByDefault: boolean,
): RequestedOutput[] {
  const all = outputs.map(({ name }) => ({ name, binary: binaryByDefault }))
  if (value === undefined) return all
  const requested = parseArray(value, 'outputs').map((entry, i) => {
    const output = parseObject(entry, `outputs[${i}]`)
    const { name } = output
    const known = outputs.find((candidate) => candidate.name === name)
    if (known === undefined) {
      const got = typeof name === 'string' ? `'${name.slice(0, 80)}'` : kindOf(name)
      throw invalid(`output name is ${got}, the model gives: ${namesOf(outputs)}`)
    }
    const wanted = parseParameters(output, `output '${known.name}'`)['binary_data']
    return { name: known.name, binary: typeof wanted === 'boolean' ? wanted : binaryByDefault }
  })
  const names = requested.map(({ name }) => name)
  if (new Set(names).size < names.length) throw invalid('an output is asked for twice')
  return requested.length === 0 ? all : requested
}

function parseId(value: unknown): string | null {
  if (value === undefined) return null
  if (typeof value === 'string') return value
  throw invalid(`id: expected a string, got ${kindOf(value)}`)
}

/** Microseconds, as other servers of the protocol have it. */
function parseTimeout(value: unknown): number | null {
  if (value === undefined) return null
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value / 1_000
  throw invalid(
    `parameters.timeout: expected microseconds, an integer above 0, got ${kindOf(value)}`,
  )
}

function parseParameters(entry: JsonObject, where: string): JsonObject {
  const { parameters } = entry
  return parameters === undefined ? {} : parseObject(parameters, `${where}: parameters`)
}

function parseArray(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw invalid(`${where}: expected an array, got ${kindOf(value)}`)
}

function namesOf(signatures: readonly { readonly name: string }[]): string {
  return signatures.map(({ name }) => `'${name}'`).join(', ')
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('node/request-invalid', message, { cause })
}
