// Chat body
//
// What routing needs of a request's body; the bytes themselves go on as they came.

import { isUtf8 } from 'node:buffer'
import { isObject, type JsonObject } from '@tutti/core/dialect'

export interface ChatBody {
  readonly model: string
  readonly stream: boolean
  readonly parsed: JsonObject
}

/** The body as an object, or the sentence that says what is wrong with it. */
export function parseJsonBody(body: Buffer): JsonObject | string {
  if (!isUtf8(body)) return 'expected a JSON body in UTF-8'
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    return `expected a JSON body: ${error instanceof Error ? error.message : String(error)}`
  }
  return isObject(parsed) ? parsed : 'expected a JSON object with a model'
}

export function parseChatBody(body: Buffer): ChatBody | string {
  const parsed = parseJsonBody(body)
  if (typeof parsed === 'string') return parsed
  const { model, stream } = parsed
  if (typeof model !== 'string' || model === '') {
    return `model: expected the name of a model, got ${JSON.stringify(model) ?? 'nothing'}`
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    return `stream: expected true or false, got ${JSON.stringify(stream)}`
  }
  return { model, stream: stream === true, parsed }
}
