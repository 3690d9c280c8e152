// Chat
//
// The chat faces: what a caller said in one dialect, said to Providers. Where both speak the same dialect the bytes
// go on as they came, with the Provider's name of the model; else the request is translated, or refused by field.

import {
  type ChatDialect,
  type ChatRequest,
  carriedMark,
  type EngineDialect,
  inOpenaisWords,
  isEmbeddingPath,
  isUnsayable,
  type JsonObject,
  listOf,
  type Message,
  objectOf,
  parseChat,
  type StreamProgress,
  type Unsayable,
  withoutCarried,
  withoutGoogles,
  writeChat,
} from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { withLessOutput } from '@tutti/core/routing'
import type {
  AnswerReading,
  Call,
  Impossible,
  Outbound,
  ProviderEntry,
  ProviderTarget,
} from '../routing/index.ts'
import { bedrockHeaders, bedrockPath, signing } from './bedrock.ts'
import { choicesOf } from './bounds.ts'
import { type ChatAsked, isCount, isOwn } from './chat-body.ts'
import { chatReadings, ownEmbeddings } from './reading.ts'
import { spliceMember, spliceModel } from './splice-member.ts'
import { withoutDropped } from './without-dropped.ts'

export type ToProvider = NonNullable<Call['toProvider']>

export function toChatProvider(chat: ChatAsked): ToProvider {
  let neutral: ChatRequest | Unsayable | null = null // parsed once, where it is needed
  return (provider, target) => {
    if (isOwn(chat, provider.dialect)) return sameDialect(chat, provider, target)
    if (!isChat(chat)) {
      const message = `${target.provider} speaks ${provider.dialect}, which has no ${chat.path}`
      return impossible('model', message)
    }
    neutral ??= parseChat(chat.dialect, chat.whole(), chat)
    return translated(chat, neutral, { provider, target })
  }
}

/** Of an answer that broke off. */
export type Begun = Pick<StreamProgress, 'text' | 'textPieces'>

/**
 * The same request with the answer's beginning as the assistant's last message, and what is left of
 * its limit, for targets that take such a message; for others the request as it was: they begin
 * anew.
 */
export function toContinuation(chat: ChatAsked, { text, textPieces }: Begun): ToProvider {
  const original = toChatProvider(chat)
  return (provider, target) => {
    if (!target.prefill) return original(provider, target)
    const request = withLessOutput(chat.whole(), chat.dialect, textPieces)
    if (isOwn(chat, provider.dialect)) {
      const body = Buffer.from(exactJson(withPrefill(chat.dialect, request, text)))
      return sameDialect({ ...chat, body, modelAt: null }, provider, target)
    }
    const neutral = parseChat(chat.dialect, request, chat)
    const last = { role: 'assistant', parts: [{ kind: 'text', text }] } as const
    return translated(chat, neutral, { provider, target, last: [last] })
  }
}

const endpoints: Readonly<Record<ChatDialect, string>> = {
  openai: '/chat/completions',
  'openai-responses': '/responses',
  anthropic: '/messages',
  gemini: '',
}

/** False for what only one dialect has: legacy completions, counts of tokens. */
function isChat(chat: ChatAsked): boolean {
  const { dialect, path } = chat
  return dialect === 'gemini' ? !isCount(chat) : path === endpoints[dialect]
}

// Members by which a body names other models that may answer: which do, and at what price, is the Route's to say.
const modelLists = ['fallbacks', 'models'] as const

function sameDialect(
  given: ChatAsked,
  provider: ProviderEntry,
  target: ProviderTarget,
): Outbound | Impossible {
  const field = modelLists.find((name) => listOf(given.outline[name]).length > 0)
  if (field !== undefined) return impossible(field, 'the Route says which models may answer')
  const chat = withoutForeign(given, target.model)
  const { dialect, path, body, modelAt } = chat
  const isGemini = dialect === 'gemini'
  return {
    method: 'POST',
    path: isGemini ? geminiPath(target.model, chat) : path,
    headers: headersFor(chat, provider),
    body: isGemini
      ? namingModel(chat, target.model)
      : askForUsage(chat, spliceModel(body, target.model, modelAt)),
    reading: readingOf(chat),
  }
}

/** Requests within a request name their model themselves: what is to be counted, or embedded. */
function namingModel({ body, path, outline, whole }: ChatAsked, model: string): Buffer {
  const named = { model: `models/${model}` }
  const name = ['generateContentRequest', 'generate_content_request'].find((one) => one in outline)
  if (name !== undefined) {
    return Buffer.from(exactJson({ ...whole(), [name]: { ...objectOf(whole()[name]), ...named } }))
  }
  if (path === 'embedContent' && 'model' in outline) {
    return Buffer.from(exactJson({ ...whole(), ...named }))
  }
  if (path !== 'batchEmbedContents') return body
  const requests = listOf(whole()['requests']).map((one) => ({ ...objectOf(one), ...named }))
  return Buffer.from(exactJson({ ...whole(), requests }))
}

/**
 * Written anew is only what has lost something: it costs. In chat completions only
 * Google's models sign, and the outline tells where: their bytes are not looked through.
 */
function withoutForeign(chat: ChatAsked, model: string): ChatAsked {
  const isOpenai = chat.dialect === 'openai'
  const isOwn = isOpenai
    ? withoutGoogles(chat.outline, model) === chat.outline
    : !chat.body.includes(carriedMark)
  if (isOwn) return chat
  const said = objectOf(exactJsonOf(chat.body.toString('utf8'))) // a continuation has another body
  const own = isOpenai ? withoutGoogles(said, model) : withoutCarried(said)
  if (own === said) return chat
  return { ...chat, body: Buffer.from(exactJson(own)), modelAt: null }
}

/** Members of the body that are not everybody's yet are refused without their header. */
function headersFor({ beta }: ChatAsked, provider: ProviderEntry): Outbound['headers'] {
  const headers = providerHeaders(provider)
  return beta === undefined ? headers : { ...headers, 'anthropic-beta': beta }
}

/**
 * In this dialect a stream counts its tokens only where it is asked to: nothing goes unmetered, and
 * a caller who did not ask gets no count.
 */
export function asksForUsage({ dialect, path, stream, outline }: ChatAsked): boolean {
  const isStream = dialect === 'openai' && path !== '/embeddings' && stream
  return isStream && objectOf(outline['stream_options'])['include_usage'] !== true
}

const usageMember = Buffer.from('{"stream_options":{"include_usage":true},')

function askForUsage(chat: ChatAsked, body: Buffer): Buffer {
  if (!asksForUsage(chat)) return body
  const options = chat.outline['stream_options']
  if (options === undefined) {
    return Buffer.concat([usageMember, body.subarray(body.indexOf('{') + 1)])
  }
  const asked = { ...objectOf(options), include_usage: true }
  return spliceMember(body, 'stream_options', Buffer.from(JSON.stringify(asked)))
}

function readingOf(chat: ChatAsked): AnswerReading {
  const { dialect, path } = chat
  if (isEmbeddingPath(path)) return ownEmbeddings[path]
  if (isCount(chat)) return { ...chatReadings[dialect], whole: null }
  const choices = choicesOf(chat)
  return choices === 1 ? chatReadings[dialect] : { ...chatReadings[dialect], choices }
}

interface To {
  readonly provider: ProviderEntry
  readonly target: ProviderTarget
  /** What follows the conversation. */
  readonly last?: readonly Message[]
}

function translated(
  chat: ChatAsked,
  neutral: ChatRequest | Unsayable,
  to: To,
): Outbound | Impossible {
  const said = sayable(chat, neutral, to)
  if (isUnsayable(said)) return impossible(said.field, said.message)
  const { written, dropped } = said
  const { provider, target } = to
  const { dialect } = provider
  const isOpenais = dialect === 'openai' && ofOpenai.test(new URL(provider.baseUrl).hostname)
  const body = Buffer.from(exactJson(isOpenais ? inOpenaisWords(written) : written))
  return {
    method: 'POST',
    path: pathFor(dialect, target.model, chat),
    body,
    headers: providerHeaders(provider),
    reading: chatReadings[dialect],
    ...(dropped.size === 0 ? {} : { dropped: [...dropped] }),
    ...(dialect === 'bedrock' ? signing(provider, body) : {}),
  }
}

/** The request in the target's dialect, without what it may be said without. */
function sayable(
  chat: ChatAsked,
  neutral: ChatRequest | Unsayable,
  { provider, target, last = [] }: To,
) {
  const asked = (request: ChatRequest) => ({
    ...request,
    model: target.model,
    messages: last.length === 0 ? request.messages : [...request.messages, ...last],
  })
  const whole = chat.whole()
  return withoutDropped(whole, target, (body) => {
    const said = body === whole ? neutral : parseChat(chat.dialect, body, chat)
    return isUnsayable(said) ? said : writeChat(provider.dialect, asked(said), chat.dialect)
  })
}

// OpenAI itself, in its regions and at Azure.
const ofOpenai = /(^|\.)(openai|azure)\.com$/

function pathFor(dialect: EngineDialect, model: string, chat: ChatAsked): string {
  if (dialect === 'bedrock') return bedrockPath(model, chat.stream)
  return dialect === 'gemini' ? geminiPath(model, chat) : endpoints[dialect]
}

/** Callers of other dialects say chats alone there. */
function geminiPath(model: string, { dialect, path, stream }: ChatAsked): string {
  const whole = dialect === 'gemini' ? path : 'generateContent'
  const method = stream ? 'streamGenerateContent?alt=sse' : whole
  return `/models/${encodeURIComponent(model)}:${method}`
}

function withPrefill(dialect: ChatDialect, request: JsonObject, sent: string): JsonObject {
  const list = dialect === 'gemini' ? 'contents' : 'messages'
  const before = request[list]
  const last =
    dialect === 'gemini'
      ? { role: 'model', parts: [{ text: sent }] }
      : { role: 'assistant', content: sent }
  return { ...request, [list]: [...(Array.isArray(before) ? before : []), last] }
}

const headersOf = new WeakMap<ProviderEntry, Readonly<Record<string, string>>>()

/** How a Provider wants to be spoken to; made once for each of a snapshot. */
export function providerHeaders(provider: ProviderEntry): Readonly<Record<string, string>> {
  const known = headersOf.get(provider)
  if (known !== undefined) return known
  const made = dialectHeaders(provider)
  headersOf.set(provider, made)
  return made
}

function dialectHeaders({ dialect, apiKey }: ProviderEntry): Record<string, string> {
  // Where nothing is said, any coding may come.
  const json = { 'content-type': 'application/json', 'accept-encoding': 'identity' }
  switch (dialect) {
    case 'openai':
    case 'openai-responses':
      return apiKey === undefined ? json : { ...json, authorization: `Bearer ${apiKey}` }
    case 'anthropic':
      return {
        ...json,
        'anthropic-version': '2023-06-01',
        ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
      }
    case 'gemini':
      return apiKey === undefined ? json : { ...json, 'x-goog-api-key': apiKey }
    case 'bedrock':
      return bedrockHeaders(apiKey)
  }
}

/** Who is not asked: what is asked for is nothing that it knows. */
export function impossible(field: string, message: string): Impossible {
  return { kind: 'impossible', code: 'unsupported', field, message: `${field}: ${message}` }
}
