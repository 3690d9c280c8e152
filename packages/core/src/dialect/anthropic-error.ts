// Anthropic error
//
// An error in Anthropic's words: `{"type": "error", "error": {"type", "message"}}`.

import { type JsonObject, objectOf, textOf } from './json.ts'
import type { ErrorEvent } from './openai-error.ts'

const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
}

/** The error in a body or event; `status` where its type tells none. */
export function anthropicError(body: JsonObject, status: number): ErrorEvent {
  const error = objectOf(body['error'])
  const code = textOf(error['type'])
  return {
    kind: 'error',
    status: statuses[code] ?? status,
    code,
    message: textOf(error['message']),
  }
}

/** The type that Anthropic gives to a status. */
export function anthropicErrorType(status: number): string {
  const exact = Object.entries(statuses).find(([, of]) => of === status)?.[0]
  return exact ?? (status < 500 ? 'invalid_request_error' : 'api_error')
}
