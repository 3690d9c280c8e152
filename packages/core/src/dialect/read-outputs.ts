// Read outputs
//
// What an answer of a model that says no words gives, whoever asked for it: the tensors of the Open Inference Protocol,
// or the vectors of OpenAI and Gemini. Who answered, which version and what was used do not belong to it.

import { ExactNumber } from '../resource/index.ts'
import { countOf, isObject, type JsonObject, listOf, objectOf, textOf } from './json.ts'

// Tensors of rows may be nested; what lies deeper is nobody's tensor.
const depthMax = 8

type Value = string | number | boolean | null

/** Values by the output's name; null for an answer that has none, or has them behind its JSON. */
export function readOutputs(body: JsonObject): ReadonlyMap<string, readonly Value[]> | null {
  const outputs = listOf(body['outputs']).map(objectOf)
  const named = outputs.map(({ name, data }) => [textOf(name), valuesOf(data)] as const)
  const given = named.length > 0 ? named : [['embedding', valuesOf(vectorsIn(body))] as const]
  const whole = given.flatMap(([name, values]) =>
    values === null ? [] : [[name, values] as const],
  )
  return whole.length === given.length ? new Map(whole) : null
}

function vectorsIn({ data, embeddings, embedding }: JsonObject): unknown {
  if (Array.isArray(data)) {
    return data
      .map(objectOf)
      .toSorted((one, other) => countOf(one['index']) - countOf(other['index']))
      .map((one) => one['embedding'])
  }
  const given = isObject(embedding) ? [embedding] : embeddings
  return Array.isArray(given) ? given.map((one) => objectOf(one)['values']) : null
}

function valuesOf(data: unknown): readonly Value[] | null {
  if (!Array.isArray(data)) return null
  const values = data.flat(depthMax).map((one) => (one instanceof ExactNumber ? one.digits : one))
  return values.every(isValue) ? values : null
}

function isValue(value: unknown): value is Value {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}
