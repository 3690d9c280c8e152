// Embed
//
// Asks the models of a Route for the meaning of a text, as a vector: a Provider by OpenAI's `/embeddings`, or a model
// of the fleet by the Open Inference Protocol (a tensor `text` goes in, `embedding` comes out).

import { jsonOf, listOf, objectOf } from '@tutti/core/dialect'
import { embeddingsReading } from './reading.ts'
import { type Saying, toTextModel } from './text-model.ts'

/** How a model is asked for the meaning of a text, given as JSON. */
export function toEmbedder(text: Uint8Array): Saying {
  return toTextModel({
    path: '/embeddings',
    input: text,
    count: null,
    more: ',"encoding_format":"float"',
    reading: embeddingsReading,
    field: 'cache.semantic',
    tokensMax: Infinity, // bounded by the body that it stood in
  })
}

/** Null where there is none in it. */
export function vectorOf(body: Buffer): Float32Array | null {
  const answer = objectOf(jsonOf(body.toString('utf8')))
  const outputs = listOf(answer['outputs']).map(objectOf)
  const own = outputs.find(({ name }) => name === 'embedding')?.['data']
  const given = own ?? objectOf(listOf(answer['data'])[0])['embedding']
  const numbers = listOf(given)
  const isVector = numbers.length > 0 && numbers.every((one) => typeof one === 'number')
  return isVector ? Float32Array.from(numbers as readonly number[]) : null
}
