// Chat body
//
// What routing needs of a request; the bytes themselves go on as they came where both sides speak the same dialect.

import { isUtf8 } from 'node:buffer'
import {
  type ChatDialect,
  type EngineDialect,
  embeddingDialectOf,
  isEmbeddingPath,
  isObject,
  type JsonObject,
  objectOf,
} from '@tutti/core/dialect'
import { exactJsonOf, mayBeInexact, parseJson } from '@tutti/core/resource'
import { outlineOf, repeatedName, type Span } from '../json/index.ts'

/** What a caller asks of a chat model. */
export interface ChatAsked {
  readonly dialect: ChatDialect
  /** What is asked of it: below /v1, or the name of Gemini's method. */
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** What of Anthropic's the caller wants before it is everybody's; absent: nothing. */
  readonly beta?: string
  readonly body: Buffer
  /** The request with its long texts cut to their beginnings, where it is long; else the whole. */
  readonly outline: JsonObject
  /** The request with all of its texts, and numbers exactly: read when it is first asked for. */
  readonly whole: () => JsonObject
  /** Where its top-level model stands; null where nobody has looked. */
  readonly modelAt: Span | null
}

/** True where engines of a dialect take a request as it came. */
export function isOwn(
  { dialect, path }: Pick<ChatAsked, 'dialect' | 'path'>,
  engines: EngineDialect,
) {
  return engines === dialect || (isEmbeddingPath(path) && embeddingDialectOf(engines) === dialect)
}

const nameMax = 100 // characters of a caller's name in our sentence
// At it an outline takes as long as all of it: some 10 µs.
const outlineBytesMin = 8 * 2 ** 10

/** The request, or the sentence that says what is wrong with it. */
export function parseChatAsked(
  dialect: ChatDialect,
  url: string,
  body: Buffer,
): ChatAsked | string {
  const read = readBody(body)
  if (typeof read === 'string') return read
  if (dialect === 'gemini') return parseGeminiAsked(url, body, read)
  const { model, stream } = read.outline
  if (typeof model !== 'string' || model === '') {
    return `model: expected the name of a model, got ${JSON.stringify(model) ?? 'nothing'}`
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    return `stream: expected true or false, got ${JSON.stringify(stream)}`
  }
  const { background } = read.outline
  if (
    dialect === 'openai-responses' &&
    background !== undefined &&
    background !== null &&
    background !== false
  ) {
    return 'background: an answer that nobody waits for is counted by nobody: ask without it'
  }
  const [path = ''] = url.slice('/v1'.length).split('?', 1)
  const { outline, whole, modelAt } = read
  return { dialect, path, model, stream: stream === true, body, outline, whole, modelAt }
}

const counts: ReadonlySet<string> = new Set([
  ...['/messages/count_tokens', '/responses/input_tokens', 'countTokens'],
])

/** True where tokens are to be counted, and nothing said. */
export function isCount({ path }: Pick<ChatAsked, 'path'>): boolean {
  return counts.has(path)
}

const betaForm = /^[\w.:-]{1,100}(?: ?, ?[\w.:-]{1,100}){0,31}$/

/** The same with what Anthropic's clients say in a header, or what is wrong with it. */
export function withBeta(chat: ChatAsked, beta: string | readonly string[] | undefined) {
  if (beta === undefined || chat.dialect !== 'anthropic') return chat
  const isWell = typeof beta === 'string' && betaForm.test(beta)
  return isWell ? { ...chat, beta } : 'anthropic-beta: expected names with commas between them'
}

const geminiMethods = [
  ...['generateContent', 'streamGenerateContent', 'countTokens'],
  ...['embedContent', 'batchEmbedContents'],
].join('|')
const geminiPath = new RegExp(
  `^/v1(?:beta|alpha)?/models/([^/:?]+):(${geminiMethods})(?:\\?(.*))?$`,
)

/** True for a path that `parseChatAsked` knows. */
export function isGeminiPath(url: string): boolean {
  return geminiPath.test(url)
}

function parseGeminiAsked(url: string, body: Buffer, read: ReadBody): ChatAsked | string {
  const [, model = '', path = '', query = ''] = geminiPath.exec(url) ?? []
  const stream = path === 'streamGenerateContent'
  if (stream && new URLSearchParams(query).get('alt') !== 'sse') {
    return 'alt: only streams of server-sent events are given, ask with ?alt=sse'
  }
  const { outline, whole, modelAt } = read
  return { dialect: 'gemini', path, model, stream, body, outline, whole, modelAt }
}

type ReadBody = Pick<ChatAsked, 'outline' | 'whole' | 'modelAt'>

function readBody(body: Buffer): ReadBody | string {
  const outlined = body.length < outlineBytesMin ? null : outlineOf(body)
  if (outlined !== null && isObject(outlined.value)) {
    const twice = repeatedName(outlined.text, outlined.value)
    if (twice !== null) return saidTwice(twice)
    const whole = once(() => objectOf(exactJsonOf(body.toString('utf8'))))
    return { outline: outlined.value, whole, modelAt: outlined.model }
  }
  const parsed = parseJsonBody(body)
  if (typeof parsed === 'string') return parsed
  return { outline: parsed, whole: once(() => exactly(body, parsed)), modelAt: null }
}

/** The same request, whose numbers a double may not hold. */
function exactly(body: Buffer, parsed: JsonObject): JsonObject {
  const text = body.toString('utf8')
  return mayBeInexact(text) ? objectOf(exactJsonOf(text)) : parsed
}

function once(read: () => JsonObject): () => JsonObject {
  let known: JsonObject | null = null
  return () => {
    known ??= read()
    return known
  }
}

function parseJsonBody(body: Buffer): JsonObject | string {
  if (!isUtf8(body)) return 'expected a JSON body in UTF-8'
  const text = body.toString('utf8')
  let parsed: unknown
  try {
    parsed = parseJson(text)
  } catch (error) {
    return `expected a JSON body: ${error instanceof Error ? error.message : String(error)}`
  }
  if (!isObject(parsed)) return 'expected a JSON object with a model'
  const twice = repeatedName(text, parsed)
  return twice === null ? parsed : saidTwice(twice)
}

/** Not ours to guess which of two a provider would read: limits and guards have seen one. */
function saidTwice(name: string): string {
  return `${name.slice(0, nameMax)}: expected once in its object, got it twice`
}
