// Answer
//
// Errors in the words of the dialect that the caller speaks: OpenAI's `{error: {message, type, code}}` below
// /v1, the Open Inference Protocol's `{error: "…"}` below /v2.

import type { ServerResponse } from 'node:http'

export type Dialect = 'openai' | 'oip'

export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly retryAfterS?: number
}

export function refuse(response: ServerResponse, dialect: Dialect, refusal: Refusal): void {
  const { status, code, message, retryAfterS } = refusal
  const type = status < 500 ? 'invalid_request_error' : 'api_error'
  const body =
    dialect === 'oip' ? { error: message } : { error: { message, type, code, param: null } }
  if (retryAfterS !== undefined) response.setHeader('retry-after', String(retryAfterS))
  sendJson(response, status, body)
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
