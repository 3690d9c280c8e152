// Gateway face
//
// One request from its first byte to its last: is it meant for us, whose is it, what does it ask for, who
// answers, and what goes back.

import { isTooDeep } from '../failure.ts'
import { bodyBytesMax, type Incoming, type IncomingBody, type Reply } from '../wire/index.ts'
import { dialectOf, dialectOfCaller, refuse, sendJson } from './answer.ts'
import { answerCall } from './answer-call.ts'
import { answerMetrics } from './answer-metrics.ts'
import { answerRequestLog, answerRequestRecord } from './answer-request-log.ts'
import { answerUsageQuestion, usagePath } from './answer-usage-question.ts'
import { askedOfChat } from './asked.ts'
import { isOwnKey, keyOf, whyNoKey } from './authenticate.ts'
import { type ChatAsked, isGeminiPath, parseChatAsked, withBeta } from './chat-body.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { answerFeedback } from './feedback.ts'
import { type Keep, type KeptCall, keepOf, keptCall, unkept } from './kept-responses.ts'
import { answerMcp, mcpPath } from './mcp.ts'
import { answerModels, isModelsPath } from './models.ts'
import { type OipPath, parseOipPath, toOipNode } from './oip.ts'
import type { RequestIds } from './request-ids.ts'
import { answerStored, isStoredPath } from './stored-responses.ts'

/** A promise where the answer has to be waited for. */
export function answerRequest(
  ports: FacePorts,
  request: Incoming,
  reply: Reply,
): Promise<void> | void {
  const startMs = performance.now()
  const path = pathOf(request.url)
  const dialect = dialectOf(path, request.headers)
  const requestId = requestIdOf(request, ports.ids)
  reply.header('x-request-id', requestId)
  if (dialect === 'anthropic') reply.header('request-id', requestId) // its clients look there
  // It tells nothing, and whoever probes it calls it by what address it has.
  if (path === '/healthz') return sendJson(reply, 200, { status: 'ok' })
  const foreign = ports.guard.whyForeign(request.headers)
  if (foreign !== null) {
    return refuse(reply, dialect, { status: 403, code: 'foreign_origin', message: foreign })
  }
  const directory = ports.directory()
  if (directory === null) {
    const message = 'this gateway has no configuration yet: the control plane has not answered it'
    return refuse(reply, dialect, { status: 503, code: 'no_snapshot', message, retryAfterS: 1 })
  }
  const key = keyOf(request, directory, ports.nowMs())
  if (path === '/metrics' && isOwnKey(request, ports.ownKey)) {
    return answerMetrics(ports, { request, reply }, null)
  }
  if (key === null) {
    const refusal = { status: 401, code: 'invalid_api_key', message: whyNoKey(dialect) }
    return refuse(reply, dialect, refusal)
  }
  const exchange = { request, reply, path, dialect, key, directory, requestId, startMs }
  return answerKnown(ports, exchange)
}

/** Whether a request is let in, by its head alone. */
export function isLetIn(ports: FacePorts, request: Incoming): boolean {
  const directory = ports.directory()
  if (directory === null || ports.guard.whyForeign(request.headers) !== null) return false
  return keyOf(request, directory, ports.nowMs()) !== null
}

/**
 * For what a face threw: true where it lies with the request, which is refused. Documents are
 * nested as deep as their sender likes, calls of ours are not.
 */
export function refuseTooDeep(request: Incoming, reply: Reply, error: unknown): boolean {
  if (!isTooDeep(error) || reply.hasBegun) return false
  const message = 'the body is nested too deep: expected some thousand levels at most'
  const dialect = dialectOf(pathOf(request.url), request.headers)
  refuse(reply, dialect, { status: 400, code: 'invalid_body', message })
  return true
}

const longBytes = 32 * 1_024 // below it a request takes a fraction of a millisecond

const chatPaths: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/messages/count_tokens',
  '/v1/responses',
  '/v1/responses/input_tokens',
])

function answerKnown(ports: FacePorts, exchange: Exchange): Promise<void> | void {
  const { path, reply, request } = exchange
  if (request.method === 'GET') {
    if (path === '/metrics') return answerMetrics(ports, exchange, exchange.key.project)
    if (path === '/v1/requests') return answerRequestLog(ports, exchange)
    if (path.startsWith('/v1/requests/')) return answerRequestRecord(ports, exchange)
    if (path === '/v1/comparisons')
      return answerRequestLog({ ...ports, log: ports.comparisons }, exchange)
    if (path === usagePath) return answerUsageQuestion(ports, exchange)
    if (isModelsPath(path) && !isGeminiPath(request.url)) return answerModels(exchange)
    if (path === '/v2' || path === '/v2/')
      return sendJson(reply, 200, serverMetadata(ports.version))
    if (path === '/v2/health/live') return sendJson(reply, 200, { live: true })
    if (path === '/v2/health/ready') return sendJson(reply, 200, { live: true, ready: true })
  }
  const isNamed = chatPaths.has(path)
  if (!isNamed && isStoredPath(path)) return answerStored(ports, exchange)
  if (path === mcpPath) return answerTools(ports, exchange)
  const oip = isNamed ? null : parseOipPath(path)
  const isChat = isNamed || isGeminiPath(request.url)
  if (oip === null && !isChat && path !== '/v1/feedback') {
    const message = `nothing answers ${request.method} ${path}`
    const isOpen = exchange.dialect === 'openai' // any other is known by the path
    const dialect = isOpen ? dialectOfCaller(path, request.headers) : exchange.dialect
    return refuse(reply, dialect, { status: 404, code: 'not_found', message })
  }
  const isPost = oip === null || oip.rest.endsWith('/infer')
  if (request.method !== (isPost ? 'POST' : 'GET')) {
    const message = `${path} answers ${isPost ? 'POST' : 'GET'}, not ${request.method}`
    return refuse(reply, exchange.dialect, { status: 405, code: 'method_not_allowed', message })
  }
  const { 'content-encoding': encoding = 'identity' } = request.headers
  if (encoding !== 'identity') return refuseEncoding(exchange, encoding)
  const body = request.body()
  const asked = { oip, isPost }
  if (body instanceof Promise) return body.then((read) => answerRead(ports, exchange, asked, read))
  return answerRead(ports, exchange, asked, body)
}

interface BodyAsked {
  readonly oip: OipPath | null
  readonly isPost: boolean
}

function answerRead(
  ports: FacePorts,
  exchange: Exchange,
  asked: BodyAsked,
  body: IncomingBody,
): Promise<void> | void {
  const isLong = body instanceof Buffer && body.length > longBytes
  if (!isLong) return answerBody(ports, exchange, asked, body)
  return ports.turns.take().then(() => answerBody(ports, exchange, asked, body))
}

/** There are no sessions, and so nothing to listen to or to end. */
async function answerTools(ports: FacePorts, exchange: Exchange): Promise<void> {
  const { request, reply, dialect } = exchange
  if (request.method === 'POST') {
    const body = await request.body()
    if (body === 'aborted') return
    return body === 'too-large' ? refuseTooLarge(exchange) : await answerMcp(ports, exchange, body)
  }
  reply.header('allow', 'POST')
  const message = `${mcpPath} answers POST, not ${request.method}`
  refuse(reply, dialect, { status: 405, code: 'method_not_allowed', message })
}

function answerBody(
  ports: FacePorts,
  exchange: Exchange,
  { oip, isPost }: BodyAsked,
  body: IncomingBody,
): Promise<void> | void {
  const { path } = exchange
  if (body === 'aborted') return
  if (body === 'too-large') return refuseTooLarge(exchange)
  if (path === '/v1/feedback') return answerFeedback(ports, exchange, body)
  if (oip !== null) return answerOip(ports, exchange, { oip, body: isPost ? body : null })
  return answerChat(ports, exchange, body)
}

/** A few bytes could unfold into gigabytes; no client of these dialects sends any. */
function refuseEncoding({ reply, dialect }: Exchange, encoding: string): void {
  const message = `content-encoding ${encoding.slice(0, 40)} is not taken: send the body as it is`
  refuse(reply, dialect, { status: 415, code: 'unsupported_encoding', message })
}

function refuseTooLarge({ reply, dialect }: Exchange): void {
  const message = `a request may have ${bodyBytesMax} bytes at most`
  reply.header('connection', 'close') // the rest of the body is not read
  refuse(reply, dialect, { status: 413, code: 'too_large', message })
}

function answerOip(
  ports: FacePorts,
  exchange: Exchange,
  { oip, body }: { readonly oip: OipPath; readonly body: Buffer | null },
): Promise<void> | void {
  const method = body === null ? 'GET' : 'POST'
  const toNode = toOipNode(oip, { method, headers: exchange.request.headers, body })
  const asked = {
    name: oip.name,
    toNode,
    toProvider: null,
    mayStream: false,
    chat: null,
    bounds: null,
  }
  return answerCall(ports, exchange, asked)
}

function answerChat(ports: FacePorts, exchange: Exchange, body: Buffer): Promise<void> | void {
  const { request, dialect, reply } = exchange
  const parsed = dialect === 'oip' ? 'not a chat' : parseChatAsked(dialect, request.url, body)
  const beta = request.headers['anthropic-beta']
  const chat = typeof parsed === 'string' ? parsed : withBeta(parsed, beta)
  if (typeof chat === 'string') {
    return refuse(reply, dialect, { status: 400, code: 'invalid_body', message: chat })
  }
  if (dialect !== 'openai-responses') return callChat(ports, exchange, chat)
  const keep = keepOf(ports, exchange, chat)
  if (keep === null) return callChat(ports, exchange, unkept(exchange, chat))
  return answerKept(ports, { exchange, chat }, keep)
}

async function answerKept(ports: FacePorts, asked: KeptCall, keep: Keep): Promise<void> {
  const call = await keptCall(ports, asked, keep)
  if (call !== null) await callChat(ports, call.exchange, call.chat)
}

function callChat(ports: FacePorts, exchange: Exchange, chat: ChatAsked): Promise<void> | void {
  return answerCall(ports, exchange, askedOfChat(chat))
}

function pathOf(url: string): string {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}

function requestIdOf(request: Incoming, ids: RequestIds): string {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given)) return given
  return ids.next()
}

function serverMetadata(version: string) {
  return { name: 'tutti-gateway', version, extensions: ['binary_tensor_data'] }
}
