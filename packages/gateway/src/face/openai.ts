// OpenAI
//
// The OpenAI dialect as a face, towards Providers that speak it too. The body is parsed once for routing and
// forwarded as the same bytes, with the model's name spliced where the Provider has another one.

import { isUtf8 } from 'node:buffer'
import type { Outbound } from '../routing/index.ts'
import { spliceModel } from './splice-model.ts'

export const openaiPaths: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
])

export interface OpenaiBody {
  readonly model: string
  readonly stream: boolean
}

/** What routing needs of a body, or the sentence that says what is wrong with it. */
export function parseOpenaiBody(body: Buffer): OpenaiBody | string {
  if (!isUtf8(body)) return 'expected a JSON body in UTF-8'
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    return `expected a JSON body: ${error instanceof Error ? error.message : String(error)}`
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return 'expected a JSON object with a model'
  }
  const model = 'model' in parsed ? parsed.model : undefined
  if (typeof model !== 'string' || model === '') {
    return `model: expected the name of a model, got ${JSON.stringify(model) ?? 'nothing'}`
  }
  return { model, stream: 'stream' in parsed && parsed.stream === true }
}

/** What goes to a Provider, for the Provider's own name of the model. */
export function toOpenaiProvider(path: string, body: Buffer): (model: string) => Outbound {
  return (model) => ({
    method: 'POST',
    path: path.slice('/v1'.length),
    headers: { 'content-type': 'application/json' },
    body: spliceModel(body, model),
  })
}
