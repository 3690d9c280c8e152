// Gateway face
//
// One request from its first byte to its last: is it meant for us, whose is it, what does it ask for, who
// answers, and what goes back.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Answer, Call, Directory, KeyEntry } from '../routing/index.ts'
import { type Dialect, refuse, sendJson } from './answer.ts'
import { keyOf, whyForeign } from './authenticate.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { answerFeedback } from './feedback.ts'
import { parseOipPath, toOipNode } from './oip.ts'
import { openaiPaths, parseOpenaiBody, toOpenaiProvider } from './openai.ts'
import { bodyBytesMax, readBody } from './read-body.ts'

export async function answerRequest(
  ports: FacePorts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startMs = performance.now()
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const dialect: Dialect = path.startsWith('/v2') ? 'oip' : 'openai'
  const requestId = requestIdOf(request)
  response.setHeader('x-request-id', requestId)
  const foreign = whyForeign(request, ports.hosts)
  if (foreign !== null) {
    return refuse(response, dialect, { status: 403, code: 'foreign_origin', message: foreign })
  }
  if (path === '/healthz') return sendJson(response, 200, { status: 'ok' })
  const directory = ports.directory()
  if (directory === null) {
    const message = 'this gateway has no configuration yet: the control plane has not answered it'
    return refuse(response, dialect, { status: 503, code: 'no_snapshot', message, retryAfterS: 1 })
  }
  const key = keyOf(request, directory, ports.nowMs())
  if (key === null) {
    const message = 'expected an Authorization header: Bearer and a key that is valid here'
    return refuse(response, dialect, { status: 401, code: 'invalid_api_key', message })
  }
  const exchange = { request, response, path, dialect, key, directory, requestId, startMs }
  await answerKnown(ports, exchange)
}

async function answerKnown(ports: FacePorts, exchange: Exchange): Promise<void> {
  const { path, response, request, key, directory } = exchange
  if (request.method === 'GET') {
    if (path === '/metrics') return sendText(response, ports.metrics.format())
    if (path === '/v1/models') return sendJson(response, 200, listModels(directory, key))
    if (path === '/v2' || path === '/v2/')
      return sendJson(response, 200, serverMetadata(ports.version))
    if (path === '/v2/health/live') return sendJson(response, 200, { live: true })
    if (path === '/v2/health/ready') return sendJson(response, 200, { live: true, ready: true })
  }
  const oip = parseOipPath(path)
  const isOpenai = openaiPaths.has(path)
  const isKnown = oip !== null || isOpenai || path === '/v1/feedback'
  if (!isKnown) {
    const message = `nothing answers ${request.method} ${path}`
    return refuse(response, exchange.dialect, { status: 404, code: 'not_found', message })
  }
  const isPost = oip === null || oip.rest.endsWith('/infer')
  if (request.method !== (isPost ? 'POST' : 'GET')) {
    const message = `${path} answers ${isPost ? 'POST' : 'GET'}, not ${request.method}`
    return refuse(response, exchange.dialect, { status: 405, code: 'method_not_allowed', message })
  }
  const body = await readBody(request)
  if (body === 'aborted') return
  if (body === 'too-large') {
    const message = `a request may have ${bodyBytesMax} bytes at most`
    response.setHeader('connection', 'close') // the rest of the body is not read
    return refuse(response, exchange.dialect, { status: 413, code: 'too_large', message })
  }
  if (path === '/v1/feedback') return await answerFeedback(ports, exchange, body)
  if (oip !== null) {
    const method = isPost ? 'POST' : 'GET'
    const toNode = toOipNode(oip, { method, headers: request.headers, body: isPost ? body : null })
    return await answerCall(ports, exchange, {
      name: oip.name,
      toNode,
      toProvider: null,
      mayStream: false,
    })
  }
  const asked = parseOpenaiBody(body)
  if (typeof asked === 'string') {
    return refuse(response, 'openai', { status: 400, code: 'invalid_body', message: asked })
  }
  const toProvider = toOpenaiProvider(path, body)
  await answerCall(ports, exchange, {
    ...{ name: asked.model, toNode: null, toProvider },
    mayStream: asked.stream,
  })
}

type Asked = Pick<Call, 'toNode' | 'toProvider' | 'mayStream'> & { readonly name: string }

async function answerCall(ports: FacePorts, exchange: Exchange, asked: Asked): Promise<void> {
  const { response, key, directory, dialect, requestId } = exchange
  const route = directory.route(key.project, asked.name)
  const isAllowed = key.routes === undefined || key.routes.includes(asked.name)
  if (route === undefined || !isAllowed) {
    const names = listNames(directory, key)
    const name = asked.name.slice(0, 80)
    const message = `there is no model ${name} for this key: it may call ${names}`
    return refuse(response, dialect, { status: 404, code: 'model_not_found', message })
  }
  const abort = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) abort.abort() // the caller went away: nobody works for nothing
  })
  const { toNode, toProvider, mayStream } = asked
  const answer = await ports.router.answer({
    ...{ project: key.project, route, requestId, toNode, toProvider, mayStream },
    signal: abort.signal,
  })
  if (abort.signal.aborted) return
  if (answer.kind === 'answered' && answer.node !== null) {
    ports.recent.remember(requestId, { project: key.project, url: answer.node.url })
  }
  const status = await sendAnswer(exchange, answer)
  const attempts = answer.kind === 'answered' ? answer.attempts : answer.reasons.length
  const micros = (performance.now() - exchange.startMs) * 1_000
  ports.metrics.count(`${key.project}/${asked.name}`, status, { attempts, micros })
}

// What of an upstream's headers the caller gets; hop-by-hop ones and the upstream's own are left out.
const passedHeaders = [
  'content-type',
  'inference-header-content-length',
  'x-tutti-variant',
  'retry-after',
]

async function sendAnswer({ response, dialect }: Exchange, answer: Answer): Promise<number> {
  if (answer.kind === 'unanswered') {
    const message = `no endpoint could answer: ${answer.reasons.join('; ')}`
    refuse(response, dialect, {
      status: answer.status,
      code: 'unanswered',
      message,
      retryAfterS: 1,
    })
    return answer.status
  }
  const { outcome, node, attempts } = answer
  for (const name of passedHeaders) {
    const value = outcome.headers[name]
    if (value !== undefined) response.setHeader(name, value)
  }
  response.setHeader('x-tutti-attempts', attempts)
  if (node !== null) {
    response.setHeader('x-tutti-node', node.name)
    response.setHeader('x-tutti-release', outcome.headers['x-tutti-release'] ?? node.release)
  }
  if (outcome.kind === 'whole') {
    response.writeHead(outcome.status, { 'content-length': outcome.body.length })
    response.end(outcome.body)
    return outcome.status
  }
  response.writeHead(outcome.status)
  return await pipe(response, outcome)
}

/**
 * Sends a stream on; one that breaks off ends the connection, so that it does not look finished.
 */
async function pipe(
  response: ServerResponse,
  { first, rest, status }: { first: Buffer; rest: AsyncIterator<Buffer>; status: number },
): Promise<number> {
  try {
    await write(response, first)
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
      await write(response, next.value)
    }
    response.end()
    return status
  } catch {
    response.destroy()
    return 502
  }
}

async function write(response: ServerResponse, chunk: Buffer): Promise<void> {
  if (response.destroyed) throw new Error('the caller went away')
  if (response.write(chunk)) return
  await new Promise<void>((resolve, reject) => {
    response.once('drain', resolve)
    response.once('close', () => reject(new Error('the caller went away')))
  })
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given)) return given
  return `req_${randomBytes(12).toString('base64url')}`
}

function listModels(directory: Directory, key: KeyEntry) {
  const data = namesOf(directory, key).map((id) => ({
    ...{ id, object: 'model', created: 0, owned_by: key.project },
  }))
  return { object: 'list', data }
}

function namesOf(directory: Directory, key: KeyEntry): string[] {
  const names = directory.routes(key.project).map(({ name }) => name)
  return key.routes === undefined ? names : names.filter((name) => key.routes?.includes(name))
}

function listNames(directory: Directory, key: KeyEntry): string {
  const names = namesOf(directory, key).slice(0, 20)
  return names.length === 0 ? 'none yet' : names.join(', ')
}

function serverMetadata(version: string) {
  return { name: 'tutti-gateway', version, extensions: ['binary_tensor_data'] }
}

function sendText(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
  response.end(text)
}
