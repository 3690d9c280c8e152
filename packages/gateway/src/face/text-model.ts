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
  /** The texts as that endpoint takes them: the JSON of one text, or of a list of them. */
  readonly input: Uint8Array
  /** How many texts that is; null for one that stands alone. */
  readonly count: number | null
  /** Other members of the request to that endpoint, as JSON: with a comma before each. */
  readonly more: string
  readonly reading: AnswerReading
  /** Of the Route, that asks for such a model. */
  readonly field: string
  /** The most tokens that the models of this kind take of one request. */
  readonly tokensMax: number
}

const headers = { 'content-type': 'application/json' }
const aroundBytes = 128 // of a request besides its texts

export function toTextModel(of: TextModel): Saying {
  const { path, field, reading, input } = of
  let infer: Buffer | null = null // written out once, where a model of the fleet is asked
  return {
    toNode: (serves): Outbound => {
      infer ??= inferBody(of)
      const target = `/v2/models/${encodeURIComponent(serves)}/infer`
      return { method: 'POST', path: target, headers, body: infer, reading: oipReading }
    },
    toProvider: (provider, { model }) => {
      if (provider.dialect !== 'openai') {
        const message = `${provider.name} speaks ${provider.dialect}, which has no ${path}`
        return { kind: 'impossible', code: 'unsupported', field, message }
      }
      const begin = `{"model":${JSON.stringify(model)},"input":`
      const body = Buffer.concat([Buffer.from(begin), input, Buffer.from(`${of.more}}`)])
      return { method: 'POST', path, headers: providerHeaders(provider), body, reading }
    },
    bounds: {
      ...{
        inputTokens: Math.min(of.tokensMax, input.length + aroundBytes),
        outputTokens: 0,
        answers: 1,
      },
      unpriced: null,
    },
  }
}

function inferBody({ input, count }: TextModel): Buffer {
  const shape = `"shape":[${count ?? 1}],"datatype":"BYTES"`
  const [begin, end] = count === null ? ['[', ']'] : ['', '']
  const before = `{"inputs":[{"name":"text",${shape},"data":${begin}`
  return Buffer.concat([Buffer.from(before), input, Buffer.from(`${end}}]}`)])
}
