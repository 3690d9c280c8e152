// Write error
//
// An error in the words of a dialect, as a body and as an event of a stream that has begun.

import { anthropicErrorType } from './anthropic-error.ts'
import type { ChatDialect } from './chat.ts'
import { dataFrame, typedFrame } from './chat-writer.ts'
import { isObject, objectOf } from './json.ts'

export interface DialectError {
  readonly status: number
  readonly code: string
  readonly message: string
  /** The field of the request that is at fault. */
  readonly param?: string
}

/** The body of an error answer. */
export function writeError(dialect: ChatDialect, error: DialectError): unknown {
  const { status, code, message, param = null } = error
  switch (dialect) {
    case 'openai':
    case 'openai-responses':
      return { error: { message, type: openaiErrorType(status), param, code } }
    case 'anthropic':
      return {
        type: 'error',
        error: { type: anthropicErrorType(status), message, ...threadDetails(error) },
      }
    case 'gemini':
      return { error: { code: status, message, status: geminiStatus(status) } }
  }
}

/** True for the body of an error in which clients of the dialect find what they look for. */
export function isErrorOf(dialect: ChatDialect, body: unknown): boolean {
  // Gemini's streams are told in a list where nobody asks for events.
  const said = dialect === 'gemini' && Array.isArray(body) ? objectOf(body[0]) : objectOf(body)
  const { type, error } = said
  if (!isObject(error) || typeof error['message'] !== 'string') return false
  switch (dialect) {
    case 'openai':
    case 'openai-responses':
      return true
    case 'anthropic':
      return type === 'error' && typeof error['type'] === 'string'
    case 'gemini':
      return typeof error['status'] === 'string'
  }
}

/** By these Anthropic's clients know that they have to send the whole conversation instead. */
function threadDetails({ param }: DialectError): object {
  if (param !== 'thread') return {}
  return { details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } }
}

/** The event that says, in a stream which has begun, that it will not be completed. */
export function writeErrorEvent(dialect: ChatDialect, error: DialectError): string {
  const body = writeError(dialect, error)
  switch (dialect) {
    case 'openai':
    case 'gemini':
      return dataFrame(body)
    case 'openai-responses':
      return typedFrame({
        ...{ type: 'error', code: error.code, message: error.message },
        ...{ param: null, sequence_number: 0 },
      })
    case 'anthropic':
      return typedFrame({ type: 'error', ...objectOf(body) })
  }
}

function openaiErrorType(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'api_error'
}

function geminiStatus(status: number): string {
  switch (status) {
    case 400:
    case 413:
      return 'INVALID_ARGUMENT'
    case 401:
      return 'UNAUTHENTICATED'
    case 403:
      return 'PERMISSION_DENIED'
    case 404:
      return 'NOT_FOUND'
    case 429:
      return 'RESOURCE_EXHAUSTED'
    case 504:
      return 'DEADLINE_EXCEEDED'
    default:
      return status < 500 ? 'FAILED_PRECONDITION' : 'UNAVAILABLE'
  }
}
