// Tool call
//
// One call of a tool of a known key: is it allowed, what do guards find in it, who pays, who answers, what is recorded.
//
// Invariants:
//   M1. A key neither sees nor calls a tool that it may not call.
//   M2. Every call is recorded, however it ended.
//   M3. What may have been done is paid; nothing is done that no budget holds.
//   M4. Nothing goes to a server, and nothing of it to the caller, that the guard denies or could not look through.

import { isObject, jsonOf, listOf, objectOf, textOf } from '@tutti/core/dialect'
import { exactJson } from '@tutti/core/resource'
import { chargedNanosOf, splitToolName } from '@tutti/core/routing'
import { z } from 'zod'
import { Presence, type RouteEntry, type ToolServerEntry } from '../routing/index.ts'
import type { RequestTrace } from '../telemetry/index.ts'
import {
  type Sdk,
  type ToolResult,
  type ToolServer,
  ToolServerFailure,
  textsOf,
  withTexts,
} from '../tools/index.ts'
import type { AnswerSaid, CallGuard } from './call-guard.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { openGuard } from './guard-request.ts'
import type { KeptToolCall } from './kept-tool-call.ts'
import { noteCall, traceOf } from './note-call.ts'
import { Tally } from './tally.ts'
import { isReviewed, reviewTool } from './tool-review.ts'
import { routeOf, routeOfServer } from './tool-route.ts'

type Arguments = Readonly<Record<string, unknown>> | undefined

export interface ToolAsked {
  readonly name: string
  readonly arguments: Arguments
  /** What is said beside them: `_meta` of the protocol. */
  readonly meta: Readonly<Record<string, unknown>>
  readonly onProgress: ((progress: object) => void) | undefined
  /** That the caller left, or took it back. */
  readonly signal: AbortSignal
}

const jsonSchema = z.record(z.string(), z.json())

/** Why a call was not made, or its result not given. */
class Refused extends Error {
  readonly status: 403 | 404 | 429 | 503
  readonly code: string

  constructor(status: Refused['status'], code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** An error whose code, message and data the SDK tells callers as they are. */
class Answered extends Error {
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** What a call has come to; written while it runs. */
interface Course {
  readonly exchange: Exchange
  readonly presence: Presence
  readonly tally: Tally
  readonly trace: RequestTrace | null
  costNanos: number
  route: RouteEntry
  server: ToolServer | null
  guard: CallGuard | null
  /** What is kept of it; null where nothing is. */
  bodies: KeptToolCall | null
}

/** Answers as the server did, or throws what the caller is told. */
export async function callTool(
  ports: FacePorts,
  { sdk, exchange }: { readonly sdk: Sdk; readonly exchange: Exchange },
  asked: ToolAsked,
): Promise<ToolResult> {
  const own = { ...exchange, startMs: performance.now() }
  const presence = new Presence()
  const leave = () => presence.leave()
  asked.signal.addEventListener('abort', leave, { once: true })
  const course: Course = {
    ...{ exchange: own, presence, tally: new Tally(), trace: traceOf(ports, exchange) },
    ...{ costNanos: 0, route: routeOf(exchange.key.project, ''), server: null, guard: null },
    bodies: null,
  }
  let status = 500
  try {
    const result = await answered(ports, course, asked).catch(async (error: unknown) => {
      throw await failureOf(sdk, course.guard, error)
    })
    status = result['isError'] === true ? 424 : 200 // the tool itself failed
    return result
  } catch (error) {
    status = statusOf(sdk, error, asked.signal)
    throw errorOf(sdk, error)
  } finally {
    asked.signal.removeEventListener('abort', leave)
    record(ports, course, { name: asked.name, status }) // M2
  }
}

async function answered(ports: FacePorts, course: Course, asked: ToolAsked): Promise<ToolResult> {
  const { exchange } = course
  const { key, directory } = exchange
  const of = splitToolName(asked.name)
  const server = of === null ? null : await ports.tools.find(directory, key, of)
  if (of === null || server === null) {
    const message = `there is no tool ${asked.name.slice(0, 200)} for this key`
    throw new Refused(404, 'tool_not_found', message) // M1
  }
  course.server = server
  course.route = routeOfServer(server.entry)
  course.bodies = ports.bodies.beginTool(course.route)
  course.bodies?.ask(asked.arguments)
  const { guard } = server.entry
  if (guard !== undefined) course.guard = openGuard(ports, exchange, { ...course, guard })
  if (isReviewed(server)) await accept(ports, course, { server, tool: of.tool })
  const said = { arguments: asked.arguments, meta: asked.meta }
  const given = await inspected(course.guard, 'input', said)
  course.bodies?.ask(given.arguments)
  const result = await paid(ports, course, (onSent) =>
    server.call({
      ...{ ...given, name: of.tool, signal: asked.signal, onSent },
      onProgress: progressOf(server.entry, asked.onProgress),
    }),
  )
  course.bodies?.answer(result)
  const passed = await inspected(course.guard, 'output', result)
  if (passed !== result) await assertShaped(server, of.tool, { before: result, after: passed })
  return passed
}

/** A mark is a text, and no number: a result that its tool's own schema forbids helps nobody. */
async function assertShaped(
  server: ToolServer,
  name: string,
  { before, after }: { readonly before: ToolResult; readonly after: ToolResult },
): Promise<void> {
  const { structuredContent: was } = before
  const { structuredContent: now } = after
  if (!isObject(was) || exactJson(was) === exactJson(now)) return
  const tools = await server.tools().catch(() => []) // it has done its work all the same
  const told = tools.find((tool) => tool.name === name)?.['outputSchema']
  const schema = jsonSchema.safeParse(jsonOf(exactJson(told))).data
  if (schema === undefined) return
  const { whyUnfit } = await import('./why-unfit.ts')
  const wrong = whyUnfit(schema, exactJson(now))
  if (wrong === null || whyUnfit(schema, exactJson(was)) !== null) return
  const what = `what it took out has left a result that is not of the tool's outputSchema: ${wrong}`
  throw new Refused(403, 'guardrail_denied', `the guard of this server refuses it: ${what}`)
}

/** M5. */
async function accept(
  ports: FacePorts,
  { exchange, route }: Course,
  of: { readonly server: ToolServer; readonly tool: string },
): Promise<void> {
  const tool = (await of.server.tools()).find(({ name }) => name === of.tool)
  if (tool === undefined) {
    if (of.server.entry.pins === undefined) return // its server says what it thinks of it
    const message = `${of.server.entry.name} has told of no tool ${of.tool.slice(0, 128)}`
    throw new Refused(404, 'tool_not_found', message)
  }
  const review = await reviewTool(ports, exchange, { server: of.server, route, tool })
  if (review.kind === 'shown') return
  throw new Refused(403, 'tool_withheld', `the tool ${of.tool} is withheld: ${review.why}`)
}

/** M3. */
async function paid(
  ports: FacePorts,
  course: Course,
  call: (onSent: () => void) => Promise<ToolResult>,
): Promise<ToolResult> {
  const { exchange, route, server } = course
  const { key, directory } = exchange
  const nanos = chargedNanosOf(server?.entry.price?.perCall ?? 0)
  const budgets = nanos === 0 ? [] : directory.budgets(key, route)
  const reserved = await ports.router.cashier.reserveCall(budgets, nanos)
  if ('kind' in reserved) {
    const { reason, retryAfterMs } = reserved
    if (retryAfterMs !== undefined) throw new Refused(503, 'unanswered', reason)
    throw new Refused(429, 'insufficient_quota', reason)
  }
  try {
    return await call(() => {
      course.costNanos = nanos
    })
  } finally {
    reserved.settle(course.costNanos)
  }
}

/** M4: the very same where nothing was taken out. */
async function inspected<Value>(
  guard: CallGuard | null,
  side: 'input' | 'output',
  value: Value,
): Promise<Value> {
  if (guard === null || value === undefined) return value
  const json = Buffer.from(JSON.stringify(textsOf(value)))
  const passed =
    side === 'input'
      ? await guard.inspectRequest(json)
      : await guard.inspectAnswer(json, (scanned) => saidBy(value, parse(scanned)))
  if ('kind' in passed) throw new Refused(403, 'guardrail_denied', passed.message)
  return passed === json ? value : withTexts(value, parse(passed.toString('utf8')))
}

/** M4: what a server says of why it failed is looked through as a result is. */
async function failureOf(sdk: Sdk, guard: CallGuard | null, error: unknown): Promise<unknown> {
  if (sdk.isAnswer(error)) {
    const said = { isError: true, message: error.message, data: error.data }
    const { data, ...passed } = await inspected(guard, 'output', said)
    return new Answered(error.code, passed.message, data)
  }
  if (!(error instanceof ToolServerFailure)) return error
  const { status, cause } = error
  const said = { isError: true, message: error.message }
  const { message } = await inspected(guard, 'output', said)
  return new ToolServerFailure(status, message, cause)
}

/** Of a result with these texts; one that tells of a failure has no shape. */
function saidBy(value: unknown, texts: readonly string[]): AnswerSaid {
  const result = objectOf(withTexts(value, texts))
  const { structuredContent, content, isError } = result
  const parts = listOf(content).map((part) => textOf(objectOf(part)['text']))
  const shape = isObject(structuredContent) ? JSON.stringify(structuredContent) : parts.join('\n')
  return { said: [texts.join('\n')], shaped: isError === true ? [] : [shape] }
}

/** What `textsOf` gave, rewritten. */
function parse(json: string): readonly string[] {
  return JSON.parse(json)
}

/** What a server says while it works goes past its guard: of a guarded one only how far it is. */
function progressOf(
  { guard }: ToolServerEntry,
  onProgress: ToolAsked['onProgress'],
): ToolAsked['onProgress'] {
  if (onProgress === undefined || guard?.on.includes('output') !== true) return onProgress
  return (progress) => {
    const told = Object.entries(progress).filter(([, value]) => typeof value === 'number')
    onProgress(Object.fromEntries(told))
  }
}

function statusOf(sdk: Sdk, error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return 499
  if (error instanceof Refused || error instanceof ToolServerFailure) return error.status
  const isCallers = error instanceof Answered && error.code === sdk.ErrorCode.InvalidParams
  return isCallers ? 404 : 502
}

/**
 * In the protocol's words, without those that its clients put before them. What the server itself
 * said goes on as it is.
 */
function errorOf(sdk: Sdk, error: unknown): unknown {
  const { InvalidParams, InvalidRequest, InternalError } = sdk.ErrorCode
  if (error instanceof ToolServerFailure) {
    return new Answered(InternalError, error.message, undefined)
  }
  if (!(error instanceof Refused)) return error
  const code = error.status === 404 ? InvalidParams : InvalidRequest
  return new Answered(code, error.message, { code: error.code })
}

/** What a server may call a tool has no bounds; what the store takes as a name has. */
const countable = /^[\w.-]{1,128}$/ // as long as servers may tell

function record(
  ports: FacePorts,
  { exchange, route, server, guard, bodies, tally, trace, costNanos }: Course,
  { name, status }: { readonly name: string; readonly status: number },
): void {
  // Usage is counted by names: those that nobody knows are one.
  const tool = splitToolName(name)?.tool ?? ''
  const isNamed = server !== null && (status === 200 || server.hasTold(tool))
  const isKnown = isNamed && countable.test(tool)
  tally.addCall(name.slice(0, 200), isKnown ? name : 'other', costNanos)
  const nothing = { arm: null, cached: null, firstMs: null }
  noteCall(ports, exchange, { ...nothing, route, status, attempts: 1, tally, guard, trace, bodies })
}
