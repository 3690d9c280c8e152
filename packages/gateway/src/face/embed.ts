// Embed
//
// Asks the models of a Route for the meaning of a text, as a vector: a Provider by OpenAI's `/embeddings`, or a model
// of the fleet by the Open Inference Protocol (a tensor `text` goes in, `embedding` comes out).

import { jsonOf, listOf, objectOf } from '@tutti/core/dialect'
import type { Call, Outbound } from '../routing/index.ts'
import { providerHeaders } from './chat.ts'
import { embeddingsReading, oipReading } from './reading.ts'

type Saying = Pick<
  Call,
  'toNode' | 'toProvider' | 'mayStream' | 'bounds' | 'promptBytes' | 'selection'
>

/** How a model is asked for the meaning of a text. */
export function toEmbedder(text: string): Saying {
  const tensor = { name: 'text', shape: [1], datatype: 'BYTES', data: [text] }
  const headers = { 'content-type': 'application/json' }
  const infer = Buffer.from(JSON.stringify({ inputs: [tensor] }))
  return {
    toNode: (serves): Outbound => ({
      ...{ method: 'POST', headers, body: infer, reading: oipReading },
      path: `/v2/models/${encodeURIComponent(serves)}/infer`,
    }),
    toProvider: (provider, { model }) => {
      if (provider.dialect !== 'openai') {
        const message = `${provider.name} speaks ${provider.dialect}, which has no /embeddings`
        return { kind: 'impossible', code: 'unsupported', field: 'cache.semantic', message }
      }
      const body = Buffer.from(JSON.stringify({ model, input: text, encoding_format: 'float' }))
      const own = providerHeaders(provider)
      return { method: 'POST', path: '/embeddings', headers: own, body, reading: embeddingsReading }
    },
    ...{ mayStream: false, promptBytes: null, selection: null },
    bounds: { inputTokens: infer.length, outputTokens: 0 },
  }
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
