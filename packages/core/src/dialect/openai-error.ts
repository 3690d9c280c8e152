// OpenAI error
//
// An error in OpenAI's words: `{"error": {"message", "type", "code", "param"}}`, with the variants of engines that
// speak the dialect loosely.

import type { ChatEvent } from './chat.ts'
import { isObject, type JsonObject, textOf } from './json.ts'

export type ErrorEvent = Extract<ChatEvent, { kind: 'error' }>

/** The error in a body or event; `status` where it names none itself. */
export function openaiError(body: JsonObject, status: number): ErrorEvent {
  const error = body['error']
  if (!isObject(error)) {
    return { kind: 'error', status, code: '', message: textOf(error) || textOf(body['message']) }
  }
  const own = Number(error['code'])
  return {
    kind: 'error',
    status: Number.isInteger(own) && own >= 400 && own < 600 ? own : status,
    code: textOf(error['code']) || textOf(error['type']),
    message: textOf(error['message']),
  }
}
