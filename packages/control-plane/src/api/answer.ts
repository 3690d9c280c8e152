// Answer
//
// Every error that the API gives has one form: `{error: {code, message, …}}`. The status says what class
// it is of, the code what it is, the message what was expected, what came, and what to do.

import { type Finding, formatFinding } from '@tutti/core/resource'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

export const errorCodes = [
  'api/unauthenticated',
  'api/forbidden',
  'api/denied',
  'api/invalid',
  'api/not-found',
  'api/conflict',
  'api/too-large',
  'api/foreign-origin',
  'api/token-refused',
  'api/approval-refused',
  'api/unavailable',
  'api/internal',
] as const
export type ErrorCode = (typeof errorCodes)[number]

const statusOf: Readonly<Record<ErrorCode, ContentfulStatusCode>> = {
  'api/unauthenticated': 401,
  'api/forbidden': 403,
  'api/denied': 403,
  'api/invalid': 422,
  'api/not-found': 404,
  'api/conflict': 409,
  'api/too-large': 413,
  'api/foreign-origin': 403,
  'api/token-refused': 401,
  'api/approval-refused': 409,
  'api/unavailable': 503,
  'api/internal': 500,
}

/** An error answer; `more` joins the body beside code and message. */
export function refuse(
  context: Context,
  code: ErrorCode,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
): Response {
  return context.json({ error: { code, message, ...more } }, statusOf[code])
}

export function refuseFindings(context: Context, findings: readonly Finding[]): Response {
  return refuse(context, 'api/invalid', findings.map(formatFinding).join('\n'), { findings })
}
