// MCP
//
// `/mcp`: one server of the Model Context Protocol in front of all that the key's project has. Nothing is kept of a
// session: each request says all that there is to know, so that any worker can answer it. Every call of a tool is a request record.
//
// Invariants:
//   M1. A key neither sees nor calls a tool that it may not call.
//   M2. Every call is recorded, however it ended.

import { randomUUID } from 'node:crypto'
import { type JsonObject, jsonOf, objectOf } from '@tutti/core/dialect'
import { routeSpec, splitToolName } from '@tutti/core/routing'
import type { RouteEntry } from '../routing/index.ts'
import { type Sdk, type ToolResult, ToolServerFailure } from '../tools/index.ts'
import { refuse } from './answer.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { pipeResponse } from './pipe-response.ts'
import { Tally } from './tally.ts'

export const mcpPath = '/mcp'

const sessionHeader = 'mcp-session-id'
// What the protocol says beside its messages.
const passedHeaders = ['accept', 'content-type', 'mcp-protocol-version']

export async function answerMcp(ports: FacePorts, exchange: Exchange, body: Buffer): Promise<void> {
  const { reply, request, key, dialect } = exchange
  const waitS = ports.limiter.enter(key)
  if (waitS > 0) {
    const message = `the limits of key ${key.id} are reached`
    const refusal = { status: 429, code: 'rate_limit_exceeded', message, retryAfterS: waitS }
    return refuse(reply, dialect, refusal)
  }
  const message = objectOf(jsonOf(body.toString('utf8')))
  const session = sessionOf(exchange, message)
  const gone = new AbortController()
  reply.onGone(() => gone.abort())
  try {
    const sdk = await ports.tools.sdk()
    const server = serverFor(sdk, ports, { exchange, session, signal: gone.signal })
    const face = sdk.newFace()
    // The SDK declares a session's id in a way that strict optional members do not take.
    await server.connect(face as Parameters<typeof server.connect>[0])
    const headers = new Headers()
    for (const name of passedHeaders) {
      const value = request.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    const asked = new Request(`http://gateway${mcpPath}`, {
      method: 'POST',
      headers,
      body: new Uint8Array(body),
    })
    takeBack(ports, { key: key.id, session }, message)
    await pipeResponse(await face.handleRequest(asked), reply)
    await server.close()
  } finally {
    ports.limiter.leave(key)
  }
}

function takeBack(
  { tools }: FacePorts,
  of: { readonly key: string; readonly session: string },
  { method, params }: JsonObject,
): void {
  const call = objectOf(params)['requestId']
  const isNumber = typeof call === 'string' || typeof call === 'number'
  if (method === 'notifications/cancelled' && isNumber) tools.calls.cancel({ ...of, call })
}

/** A name of the caller's session: nothing is kept of it but what is on its way. */
function sessionOf({ reply, request }: Exchange, { method }: JsonObject): string {
  if (method === 'initialize') reply.header(sessionHeader, randomUUID())
  const named = request.headers[sessionHeader]
  return typeof named === 'string' ? named : ''
}

interface Asking {
  readonly exchange: Exchange
  readonly session: string
  readonly signal: AbortSignal
}

function serverFor(sdk: Sdk, ports: FacePorts, asking: Asking) {
  const { directory, key } = asking.exchange
  const server = sdk.newServer(ports.version)
  server.setRequestHandler(sdk.ListTools, async () => {
    const { tools, missing } = await ports.tools.list(directory, key)
    // Said to whoever looks: a client takes no notice of what it does not know.
    const meta = missing.length === 0 ? {} : { _meta: { 'tutti/missing': missing } }
    return { tools: tools.map(toolOf), ...meta }
  })
  server.setRequestHandler(sdk.CallTool, async ({ params }, extra) => {
    const token = params._meta?.progressToken
    const onProgress =
      token === undefined
        ? undefined
        : (progress: object) => {
            const notification = {
              ...progress,
              progressToken: token,
              progress: progressOf(progress),
            }
            const method = 'notifications/progress' as const
            void extra.sendNotification({ method, params: notification }).catch(() => {}) // gone
          }
    const { name, arguments: given } = params
    const { session, signal } = asking
    const running = ports.tools.calls.begin({ key: key.id, session, call: extra.requestId })
    try {
      return await recorded(sdk, ports, {
        ...{ ...asking, signal: AbortSignal.any([signal, running.signal]) },
        ...{ name, call: { arguments: given, onProgress } },
      })
    } finally {
      running.end()
    }
  })
  return server
}

/** The SDK wants a schema to be there; a server that gives none takes anything. */
function toolOf(tool: Readonly<Record<string, unknown>> & { readonly name: string }) {
  const schema = tool['inputSchema']
  const isObject = typeof schema === 'object' && schema !== null
  return { ...tool, inputSchema: { ...(isObject ? schema : {}), type: 'object' as const } }
}

function progressOf(progress: object): number {
  return 'progress' in progress ? Number(progress.progress) : 0
}

interface Called extends Asking {
  readonly name: string
  readonly call: {
    readonly arguments: Readonly<Record<string, unknown>> | undefined
    readonly onProgress: ((progress: object) => void) | undefined
  }
}

/** M2. */
async function recorded(sdk: Sdk, ports: FacePorts, called: Called): Promise<ToolResult> {
  const startMs = performance.now()
  let status = 500
  try {
    const result = await callTool(sdk, ports, called)
    status = result['isError'] === true ? 424 : 200 // the tool itself failed
    return result
  } catch (error) {
    status = statusOf(sdk, error, called.signal)
    if (!(error instanceof ToolServerFailure)) throw error
    throw new sdk.McpError(sdk.ErrorCode.InternalError, error.message)
  } finally {
    record(ports, called, { status, micros: (performance.now() - startMs) * 1_000 })
  }
}

/** M1. */
async function callTool(
  sdk: Sdk,
  ports: FacePorts,
  { exchange: { directory, key }, signal, name, call }: Called,
): Promise<ToolResult> {
  const of = splitToolName(name)
  const server = of === null ? null : await ports.tools.find(directory, key, of)
  if (of === null || server === null) {
    const message = `there is no tool ${name.slice(0, 200)} for this key`
    throw new sdk.McpError(sdk.ErrorCode.InvalidParams, message)
  }
  return await server.call({ ...call, name: of.tool, signal })
}

function statusOf(sdk: Sdk, error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return 499
  if (error instanceof ToolServerFailure) return error.status
  const isCallers = error instanceof sdk.McpError && error.code === sdk.ErrorCode.InvalidParams
  return isCallers ? 404 : 502
}

const routes = new Map<string, RouteEntry>()
const routesMax = 10_000

/** The name under which calls are counted. */
function routeOf(project: string, server: string): RouteEntry {
  const id = `${project}/${server}`
  const known = routes.get(id)
  if (known !== undefined) return known
  if (routes.size >= routesMax) routes.clear()
  const spec = routeSpec.parse({ targets: [{ provider: 'mcp', model: 'mcp' }] })
  const made = { name: `mcp/${server}`, project, ...spec }
  routes.set(id, made)
  return made
}

function record(
  ports: FacePorts,
  { exchange: { key, requestId }, name }: Called,
  { status, micros }: { readonly status: number; readonly micros: number },
): void {
  // A name that is nobody's tells nothing, and could be any.
  const server = status === 404 ? '' : (splitToolName(name)?.server ?? '')
  const route = routeOf(key.project, server)
  const tally = new Tally()
  ports.metrics.count(route, status, { attempts: 1, micros, tally, arm: null })
  ports.log.add({
    ...{ atMs: ports.nowMs(), id: requestId, project: key.project, key: key.id },
    ...{ route: route.name, targets: [name.slice(0, 200)], status, attempts: 1 },
    ...{ ms: micros / 1_000, inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
    ...{ costNanos: 0, isEstimated: false },
  })
}
