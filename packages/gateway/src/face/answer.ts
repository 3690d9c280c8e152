// Answer
//
// Errors in the words of the dialect that the caller speaks: OpenAI's, Anthropic's or Gemini's, and the Open
// Inference Protocol's `{error: "…"}` below /v2.

import type { ServerResponse } from 'node:http'
import { type ChatDialect, writeError } from '@tutti/core/dialect'

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
export function dialectOf(path: string): Dialect {
  if (path.startsWith('/v2')) return 'oip'
  if (path.startsWith('/v1/messages')) return 'anthropic'
  if (path.startsWith('/v1beta/')) return 'gemini'
  return path.startsWith('/v1/responses') ? 'openai-responses' : 'openai'
}

export function refuse(response: ServerResponse, dialect: Dialect, refusal: Refusal): void {
  const { status, message, retryAfterS } = refusal
  if (retryAfterS !== undefined && !response.headersSent) {
    response.setHeader('retry-after', String(retryAfterS))
  }
  sendJson(response, status, dialect === 'oip' ? { error: message } : writeError(dialect, refusal))
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) {
    response.destroy() // too late for an error: a cut connection is not mistaken for an answer
    return
  }
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
  response.end(bytes)
}
