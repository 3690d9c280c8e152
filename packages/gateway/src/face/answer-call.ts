// Answer call
//
// A call of a known key for a named route: looks the route up, has it pursued, and sends what comes back.

import {
  isEmbeddingPath,
  isErrorOf,
  isUnsayable,
  jsonOf,
  objectOf,
  parseChat,
  readAnswer,
  whyUnsaid,
  writeAnswer,
} from '@tutti/core/dialect'
import { exactJson, exactJsonOf } from '@tutti/core/resource'
import { isTooDeep } from '../failure.ts'
import type {
  Answer,
  Call,
  Candidate,
  Pursuit,
  RouteEntry,
  WholeAttempt,
} from '../routing/index.ts'
import { Presence } from '../routing/index.ts'
import { refuse } from './answer.ts'
import { answerTexts } from './answer-texts.ts'
import type { Asked } from './asked.ts'
import { askerOf } from './asker-of.ts'
import { cacheRequest } from './cache-request.ts'
import type { CallCache } from './call-cache.ts'
import type { CallGuard } from './call-guard.ts'
import { asksForUsage, type ToProvider, toChatProvider, toContinuation } from './chat.ts'
import { type ChatAsked, isOwn } from './chat-body.ts'
import { embeddingBody } from './embed.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { guardRequest, hasWords, refuseDenied } from './guard-request.ts'
import { type Replay, replayOf } from './kept-answer.ts'
import type { KeptCall } from './kept-call.ts'
import { noModel } from './models.ts'
import { noteCall, traceOf } from './note-call.ts'
import { pursueUnsealed } from './pursue-unsealed.ts'
import { Relay, type RelaySource } from './relay.ts'
import { Tally } from './tally.ts'

export function answerCall(
  ports: FacePorts,
  exchange: Exchange,
  asked: Asked,
): Promise<void> | void {
  const route = admitted(ports, exchange, asked.name)
  if (route !== null) return answerAdmitted(ports, exchange, { asked, route })
}

/**
 * The route that a key may call, within its limits, and then `leave` of the limiter is to be called
 * once; null where it was refused.
 */
export function admitted(ports: FacePorts, exchange: Exchange, name: string): RouteEntry | null {
  const { reply, key, directory, dialect } = exchange
  const route = directory.route(key.project, name)
  const isAllowed = key.routes === undefined || key.routes.includes(name)
  if (route === undefined || !isAllowed) {
    refuse(reply, dialect, noModel(directory, key, name))
    return null
  }
  const waitS = ports.limiter.enter(key)
  if (waitS === 0) return route
  const message = ports.limiter.reached(key)
  refuse(reply, dialect, { status: 429, code: 'rate_limit_exceeded', message, retryAfterS: waitS })
  return null
}

/** `leave` of the limiter is called once, however it ends. */
async function answerAdmitted(
  ports: FacePorts,
  exchange: Exchange,
  of: { readonly asked: Asked; readonly route: RouteEntry },
): Promise<void> {
  try {
    await answerRouted(ports, exchange, of)
  } finally {
    ports.limiter.leave(exchange.key)
  }
}

async function answerRouted(
  ports: FacePorts,
  exchange: Exchange,
  { asked: given, route }: { readonly asked: Asked; readonly route: RouteEntry },
): Promise<void> {
  const { reply, key, directory, requestId } = exchange
  const presence = new Presence()
  reply.onGone(() => presence.leave()) // nobody works for nothing
  if (reply.isGone) presence.leave() // while what it goes on from was looked for, say
  const tally = new Tally()
  const trace = traceOf(ports, exchange)
  const bodies = route.bodies === undefined ? null : ports.bodies.begin(route, given.chat)
  const guarding =
    route.guard === undefined
      ? { guard: null, asked: given }
      : await guardRequest(ports, exchange, { asked: given, route, presence, tally, trace })
  const { guard, asked } = guarding
  if ('kind' in asked) {
    const status = presence.isGone ? 499 : refuseDenied(exchange, asked) // nobody judges for nobody
    const nobody = { attempts: 0, arm: null, cached: null, firstMs: null }
    return noteCall(ports, exchange, { ...nobody, route, status, tally, guard, trace, bodies })
  }
  if (bodies !== null && asked.chat !== null) bodies.ask(asked.chat)
  const { toNode, toProvider, mayStream, bounds } = asked
  const asker = () => askerOf(exchange, asked)
  const call: Call = {
    project: key.project,
    route,
    requestId,
    toNode,
    toProvider,
    mayStream,
    bounds,
    presence,
    trace,
    selection: ports.router.select(directory, route, { key, asker, bounds }),
    budgets: directory.budgets(key, route),
    dialect: asked.chat?.dialect ?? 'openai',
    promptBytes: asked.chat?.body ?? null,
    onCharge: (charge) => tally.add(charge),
  }
  const pursuit = ports.router.pursue(call)
  const cache =
    route.cache === undefined
      ? null
      : await cacheRequest(ports, exchange, { ...call, chat: asked.chat, guard, tally })
  const kept = cache === null ? null : await cache.find()
  const first = kept === null ? await pursuit.next() : replayed(kept)
  const pursued = { asked, call, pursuit }
  const again = first.kind === 'answered' ? null : await pursueUnsealed(ports, exchange, pursued)
  const answer = kept === null ? keeping(again?.answer ?? first, cache) : first
  if (kept !== null) reply.header('x-tutti-cache', kept.how)
  const cached = kept?.how ?? null
  const isStream = answer.kind === 'answered' && answer.outcome.kind === 'stream'
  const firstMs = isStream && trace !== null ? performance.now() : null
  const answering = { ports, exchange, ...pursued, ...again, guard, bodies }
  const sent = sendSettled(answering, answer)
  const { status, bug } = sent instanceof Promise ? await sent : sent
  const arm = call.selection?.arm ?? null
  const attempts = pursuit.attempts + (again?.pursuit.attempts ?? 0)
  const over = { route, status, attempts, tally, arm, guard, cached, trace, firstMs, bodies }
  noteCall(ports, exchange, over)
  if (bug !== null) throw bug.error // it is recorded and paid, and the caller cut
  if (status !== 200 || answer.kind !== 'answered' || kept !== null) return
  const { outcome, candidate } = answer
  const ms = performance.now() - exchange.startMs
  ports.shadows.mirror({ call, asker, directory, outcome, candidate, tally, ms })
}

/** An answer that is kept once it is whole. */
function keeping(answer: Answer, cache: CallCache | null): Answer {
  if (cache === null || answer.kind !== 'answered') return answer
  return { ...answer, outcome: cache.keep(answer.outcome, answer.candidate) }
}

/** What was kept, as if somebody had just said it. */
function replayed({ outcome, candidate }: Replay): Answer {
  return { kind: 'answered', outcome, candidate, attempts: 0 }
}

interface Answering {
  readonly ports: FacePorts
  readonly exchange: Exchange
  readonly asked: Asked
  readonly call: Call
  readonly pursuit: Pursuit
  /** Null where the route has none. */
  readonly guard: CallGuard | null
  /** What is kept of it; null where nothing is. */
  readonly bodies: KeptCall | null
}

interface Sent {
  readonly status: number
  /** Ours; null where it went as it should. */
  readonly bug: { readonly error: unknown } | null
}

/** Whatever becomes of the answer, what it took is settled. A promise where it takes longer. */
function sendSettled(answering: Answering, answer: Answer): Sent | Promise<Sent> {
  const { call, ports, exchange } = answering
  const over = call.budgets.length === 0 ? null : ports.router.cashier.overSoft(call.budgets)
  if (over !== null) exchange.reply.header('x-tutti-budget-warning', over)
  const failed = (error: unknown) => {
    const { reply, dialect } = exchange
    const isAnswers = isTooDeep(error) && !reply.hasBegun // the request has been read before
    if (!isAnswers) return abandon(answering, answer, { error })
    const message = 'the answer is nested too deep'
    refuse(reply, dialect, { status: 502, code: 'malformed_answer', message })
    return { status: 502, bug: null }
  }
  if (call.presence.isGone) return abandon(answering, answer, null)
  try {
    const sent = sendAnswer(answering, answer)
    if (sent instanceof Promise) return sent.then((status) => ({ status, bug: null }), failed)
    return { status: sent, bug: null }
  } catch (error) {
    return failed(error)
  }
}

function abandon({ pursuit }: Answering, answer: Answer, bug: Sent['bug']): Sent {
  if (answer.kind === 'answered' && answer.outcome.kind === 'stream') {
    answer.outcome.stream.cancel()
    pursuit.finished()
  }
  return { status: bug === null ? 499 : 500, bug }
}

/** The status that the caller got; 502 for a stream that broke off. */
function sendAnswer(answering: Answering, given: Answer): number | Promise<number> {
  const { exchange, ports } = answering
  const answer = asAsked(answering, given)
  const { reply, dialect, key, requestId } = exchange
  if (answer.kind === 'unanswered') {
    const { status, reasons, retryAfterS } = answer
    const message = `no endpoint could answer: ${reasons.join('; ')}`
    refuse(reply, dialect, { status, code: 'unanswered', message, retryAfterS })
    return status
  }
  if (answer.kind === 'unaffordable') {
    const { reason: message } = answer
    refuse(reply, dialect, { status: 429, code: 'insufficient_quota', message })
    return 429
  }
  if (answer.kind === 'impossible') {
    const { field, message, code } = answer.impossible
    refuse(reply, dialect, { status: 400, code, message, param: field })
    return 400
  }
  const { candidate, attempts } = answer
  if (candidate.node !== null) {
    ports.recent.remember(requestId, { project: key.project, url: candidate.node.url })
  }
  reply.header('x-tutti-attempts', attempts)
  if (answer.kind === 'refused') return sendRefused(exchange, answer)
  const { outcome } = answer
  if (outcome.kind === 'whole') {
    const isGuarded = answering.guard !== null
    return (isGuarded ? sendGuarded : sendWhole)(answering, outcome, candidate)
  }
  setHeaders(exchange, candidate, typed(outcome.headers, 'text/event-stream'))
  reply.header('cache-control', 'no-cache')
  reply.begin(outcome.status)
  return relay(answering, {
    stream: outcome,
    candidate,
    pursuit: answering.pursuit,
    isAnew: false,
  })
}

/** A whole answer to who asked for a stream is told as one, where all of it can be. */
function asAsked({ asked: { chat }, exchange, ports }: Answering, answer: Answer): Answer {
  if (answer.kind !== 'answered' || answer.outcome.kind !== 'whole') return answer
  if (chat?.stream !== true || !hasWords({ chat })) return answer
  const { candidate } = answer
  const isOwn = candidate.provider?.dialect === chat.dialect // else it was said in other words
  if (isOwn && isUnsayable(parseChat(chat.dialect, chat.whole(), chat))) return answer
  const { body, parsed, headers } = answer.outcome
  const form = { kind: 'whole', body, parsed } as const
  const about = { requestId: exchange.requestId, nowMs: ports.nowMs() }
  const replay = replayOf({ form, headers, candidate }, chat, about)
  return replay === null ? answer : { ...answer, ...replay }
}

/** Of a route with a guard: what it lets pass. */
async function sendGuarded(
  answering: Answering,
  outcome: WholeAttempt,
  candidate: Candidate,
): Promise<number> {
  const { exchange, guard, asked } = answering
  const read = (json: string) => ({ said: answerTexts(asked, candidate, json) })
  const inspected = guard === null ? outcome.body : await guard.inspectAnswer(outcome.body, read)
  if ('kind' in inspected) {
    keepBody(answering, outcome, candidate)
    return refuseDenied(exchange, inspected)
  }
  return sendWhole(answering, outcome, candidate, inspected)
}

function sendWhole(
  answering: Answering,
  outcome: WholeAttempt,
  candidate: Candidate,
  inspected = outcome.body,
): number {
  const { exchange } = answering
  keepBody(answering, outcome, candidate)
  const isKept = inspected === outcome.body
  const passed = isKept
    ? outcome
    : { ...outcome, body: inspected, parsed: exactJsonOf(`${inspected}`) }
  const wrong = whyUnsayable(answering, passed, candidate)
  if (wrong !== null) {
    const { reply, dialect } = exchange
    const message = `the answer has no words in this dialect: ${wrong}`
    refuse(reply, dialect, { status: 502, code: 'malformed_answer', message })
    return 502
  }
  const body = wholeBody(answering, passed, candidate)
  const { headers, status } = outcome
  const isOfModel = answering.asked.chat === null // tensors go on as they came, whatever they are
  setHeaders(exchange, candidate, isOfModel ? headers : typed(headers, 'application/json'))
  exchange.reply.send(status, body)
  return status
}

type Headers = WholeAttempt['headers']

/** What was read as this type is told as such, whatever the upstream called it. */
function typed(headers: Headers, type: string): Headers {
  return headers['content-type']?.includes(type) ? headers : { ...headers, 'content-type': type }
}

/** Before anything is put back into it. */
function keepBody(answering: Answering, outcome: WholeAttempt, candidate: Candidate): void {
  const { asked, bodies } = answering
  if (bodies !== null && hasWords(asked)) bodies.answer(wholeBody(answering, outcome, candidate))
}

/** Why what was answered has no words in the caller's dialect; null where it has. */
function whyUnsayable(
  { asked: { chat } }: Answering,
  { parsed }: WholeAttempt,
  { provider }: Candidate,
): string | null {
  if (chat === null || provider === null || provider.dialect === chat.dialect) return null
  if (isEmbeddingPath(chat.path)) return null // they are read as they are
  return whyUnsaid(chat.dialect, readAnswer(provider.dialect, objectOf(parsed)))
}

/** The answer's own bytes, or what they say in the caller's dialect. */
function wholeBody(
  { asked: { chat }, exchange, ports }: Answering,
  { body, parsed }: WholeAttempt,
  candidate: Candidate,
): Buffer {
  const { provider } = candidate
  if (chat === null || (provider !== null && isOwn(chat, provider.dialect))) return body
  const { path } = chat
  if (isEmbeddingPath(path)) return embeddingBody({ ...chat, path }, parsed, candidate)
  if (provider === null) return body
  const read = readAnswer(provider.dialect, objectOf(parsed))
  const answer = { ...read, id: read.id || exchange.requestId, model: read.model || chat.model }
  const createdS = Math.floor(ports.nowMs() / 1_000)
  const written = writeAnswer(chat.dialect, answer, { request: chat.whole(), createdS })
  return Buffer.from(exactJson(written))
}

/** The upstream's own error: as it came where it is one of the caller's dialect. */
function sendRefused(exchange: Exchange, answer: Extract<Answer, { kind: 'refused' }>): number {
  const { reply, dialect } = exchange
  const { failed, candidate } = answer
  const said = failed.answer?.status ?? failed.error?.status ?? 502
  // Clients ask again after a 5xx; what lies with the request is no better then.
  const status = failed.answer !== undefined && said >= 500 ? 400 : said
  const isSame = candidate.provider === null || candidate.provider.dialect === dialect
  if (failed.answer !== undefined && isSame && isReadable(dialect, failed.answer.body)) {
    setHeaders(exchange, candidate, failed.answer.headers)
    reply.send(status, failed.answer.body)
    return status
  }
  const { code = '', message = '' } = failed.error ?? {}
  // An engine may say what is wrong in words of its own.
  const told = { code: code || failed.failure, message: message || failed.reason }
  refuse(reply, dialect, { status, ...told })
  return status
}

/** Many who speak a dialect have errors of their own, of which its clients see nothing. */
function isReadable(dialect: Exchange['dialect'], body: Buffer): boolean {
  if (dialect === 'oip') return body.length > 0
  return isErrorOf(dialect, jsonOf(body.toString('utf8')))
}

async function relay(answering: Answering, source: RelaySource): Promise<number> {
  const { exchange, asked, call, ports } = answering
  const { chat } = asked
  const { reply, requestId } = exchange
  const pursueFor = async (toProvider: ToProvider, before: Pursuit) => {
    const pursuit = ports.router.pursue({ ...call, toProvider }, before)
    const next = await pursuit.next()
    if (next.kind !== 'answered' || next.outcome.kind !== 'stream') return null
    return { stream: next.outcome, candidate: next.candidate, pursuit }
  }
  const relaying = new Relay({
    reply,
    requestId,
    dialect: chat?.dialect ?? 'openai',
    request: () => chat?.whole() ?? {},
    model: asked.name,
    createdS: Math.floor(ports.nowMs() / 1_000),
    choices: source.candidate.outbound.reading.choices ?? 1,
    streamUsage: wantsUsage(chat),
    hidesUsage: chat !== null && asksForUsage(chat),
    guard: answering.guard?.streamGuard() ?? null,
    bodies: answering.bodies,
    continueAfter: async (sent, before) => {
      if (chat === null) return null
      const going = await pursueFor(toContinuation(chat, sent), before)
      if (going !== null) return { ...going, isAnew: !isPrefilled(going.candidate) }
      // who refused to continue may still begin anew
      const anew = await pursueFor(toChatProvider(chat), before)
      return anew === null ? null : { ...anew, isAnew: true }
    },
  })
  const { outcome } = await relaying.run(source)
  return relayedStatus[outcome]
}

const relayedStatus = { complete: 200, broken: 502, aborted: 499, denied: 403 } as const

function isPrefilled({ target }: Candidate): boolean {
  return 'provider' in target && target.prefill
}

function wantsUsage(chat: ChatAsked | null): boolean {
  return objectOf(chat?.outline['stream_options'])['include_usage'] === true
}

// What of an upstream's headers the caller gets; hop-by-hop ones and the upstream's own are left out.
const passedHeaders = [
  'content-type',
  'inference-header-content-length',
  'x-tutti-variant',
  'retry-after',
]

function setHeaders(
  { reply }: Exchange,
  { node, outbound: { dropped } }: Candidate,
  headers: Headers,
): void {
  if (dropped !== undefined) reply.header('x-tutti-dropped-params', dropped.join(', '))
  for (const name of passedHeaders) {
    const value = headers[name]
    if (value !== undefined) reply.header(name, value)
  }
  if (node === null) return
  reply.header('x-tutti-node', node.name)
  reply.header('x-tutti-release', headers['x-tutti-release'] ?? node.release)
}
