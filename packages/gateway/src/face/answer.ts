// Answer
//
// Errors in the words of the dialect that the caller speaks: OpenAI's, Anthropic's or Gemini's, and the Open
// Inference Protocol's `{error: "…"}` below /v2.

import { type ChatDialect, writeError } from '@tutti/core/dialect'
import { exactJson } from '@tutti/core/resource'
import type { Incoming, Reply } from '../wire/index.ts'

export type Dialect = ChatDialect | 'oip'

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  /** The field of the request that is at fault. */
  readonly param?: string
  readonly retryAfterS?: number
}

/** The dialect that is spoken below a path. */
export function dialectOf(path: string, headers: Incoming['headers']): Dialect {
  if (path.startsWith('/v2')) return 'oip'
  if (path.startsWith('/v1/messages')) return 'anthropic'
  if (path.startsWith('/v1beta/') || path.startsWith('/v1alpha/')) return 'gemini'
  if (path.startsWith('/v1/models')) return dialectOfCaller(path, headers)
  return path.startsWith('/v1/responses') ? 'openai-responses' : 'openai'
}

const methodOfGoogles = /:[a-z]+[A-Z]/ // names of models have no capitals

/** Where dialects share a path, or none has it: callers are known by what their clients send. */
export function dialectOfCaller(path: string, headers: Incoming['headers']): Dialect {
  if (methodOfGoogles.test(path)) return 'gemini'
  if (headers['anthropic-version'] !== undefined) return 'anthropic'
  return headers['x-goog-api-key'] !== undefined ? 'gemini' : 'openai'
}

export function refuse(reply: Reply, dialect: Dialect, refusal: Refusal): void {
  const { status, message, retryAfterS } = refusal
  if (retryAfterS !== undefined && !reply.hasBegun) reply.header('retry-after', retryAfterS)
  sendJson(reply, status, dialect === 'oip' ? { error: message } : writeError(dialect, refusal))
}

export function sendJson(reply: Reply, status: number, body: unknown): void {
  // Too late for an error: a cut connection is not mistaken for an answer.
  if (reply.hasBegun) return reply.destroy()
  reply.header('content-type', 'application/json')
  reply.send(status, Buffer.from(exactJson(body)))
}
