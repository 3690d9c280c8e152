// Chat body
//
// What routing needs of a request; the bytes themselves go on as they came where both sides speak the same dialect.

import { isUtf8 } from 'node:buffer'
import { type ChatDialect, isObject, type JsonObject } from '@tutti/core/dialect'

/** What a caller asks of a chat model. */
export interface ChatAsked {
  readonly dialect: ChatDialect
  /** What is asked of it: below /v1, or the name of Gemini's method. */
  readonly path: string
  readonly model: string
  readonly stream: boolean
  readonly body: Buffer
  readonly parsed: JsonObject
}

/** The request, or the sentence that says what is wrong with it. */
export function parseChatAsked(
  dialect: ChatDialect,
  url: string,
  body: Buffer,
): ChatAsked | string {
  const parsed = parseJsonBody(body)
  if (typeof parsed === 'string') return parsed
  if (dialect === 'gemini') return parseGeminiAsked(url, body, parsed)
  const { model, stream } = parsed
  if (typeof model !== 'string' || model === '') {
    return `model: expected the name of a model, got ${JSON.stringify(model) ?? 'nothing'}`
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    return `stream: expected true or false, got ${JSON.stringify(stream)}`
  }
  const [path = ''] = url.slice('/v1'.length).split('?', 1)
  return { dialect, path, model, stream: stream === true, body, parsed }
}

const geminiPath =
  /^\/v1beta\/models\/([^/:?]+):(generateContent|streamGenerateContent)(?:\?(.*))?$/

/** True for a path that `parseChatAsked` knows. */
export function isGeminiPath(url: string): boolean {
  return geminiPath.test(url)
}

function parseGeminiAsked(url: string, body: Buffer, parsed: JsonObject): ChatAsked | string {
  const [, name = '', path = '', query = ''] = geminiPath.exec(url) ?? []
  const stream = path === 'streamGenerateContent'
  if (stream && new URLSearchParams(query).get('alt') !== 'sse') {
    return 'alt: only streams of server-sent events are given, ask with ?alt=sse'
  }
  return { dialect: 'gemini', path, model: decodeURIComponent(name), stream, body, parsed }
}

function parseJsonBody(body: Buffer): JsonObject | string {
  if (!isUtf8(body)) return 'expected a JSON body in UTF-8'
  let parsed: unknown
  try {
    parsed = JSON.parse(body.toString('utf8'))
  } catch (error) {
    return `expected a JSON body: ${error instanceof Error ? error.message : String(error)}`
  }
  return isObject(parsed) ? parsed : 'expected a JSON object with a model'
}
