// Text model
//
// How texts are put to a model that is no chat: to a Provider by OpenAI's endpoint for it, to a model of the fleet by the
// Open Inference Protocol as the BYTES tensor `text`.

import type { AnswerReading, Call, Outbound } from '../routing/index.ts'
import { providerHeaders } from './chat.ts'
import { oipReading } from './reading.ts'

/** What is asked of a Route on behalf of a call. */
export type Saying = Pick<Call, 'toNode' | 'toProvider' | 'bounds'>

export interface TextModel {
  /** Of OpenAI's API, e.g. `/embeddings`. */
  readonly path: string
  /** What goes to it besides the model. */
  readonly body: object
  readonly reading: AnswerReading
  /** Of the Route, that asks for such a model. */
  readonly field: string
  /** The most tokens that the models of this kind take of one request. */
  readonly tokensMax: number
}

export function toTextModel(texts: readonly string[], of: TextModel): Saying {
  const tensor = { name: 'text', shape: [texts.length], datatype: 'BYTES', data: texts }
  const headers = { 'content-type': 'application/json' }
  const infer = Buffer.from(JSON.stringify({ inputs: [tensor] }))
  const { path, field, reading } = of
  return {
    toNode: (serves): Outbound => ({
      method: 'POST',
      path: `/v2/models/${encodeURIComponent(serves)}/infer`,
      headers,
      body: infer,
      reading: oipReading,
    }),
    toProvider: (provider, { model }) => {
      if (provider.dialect !== 'openai') {
        const message = `${provider.name} speaks ${provider.dialect}, which has no ${path}`
        return { kind: 'impossible', code: 'unsupported', field, message }
      }
      const body = Buffer.from(JSON.stringify({ model, ...of.body }))
      return { method: 'POST', path, headers: providerHeaders(provider), body, reading }
    },
    bounds: { inputTokens: Math.min(of.tokensMax, infer.length), outputTokens: 0 },
  }
}
