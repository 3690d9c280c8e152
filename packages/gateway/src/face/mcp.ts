// MCP
//
// `/mcp`: one server of the Model Context Protocol in front of all that the key's project has. Nothing is kept of a
// session: each request says all that there is to know, so that any worker can answer it.

import { randomUUID } from 'node:crypto'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { type JsonObject, jsonOf, objectOf } from '@tutti/core/dialect'
import { toolName } from '@tutti/core/routing'
import {
  hiddenIn,
  hiddenResult,
  hideNumbers,
  type ListedTools,
  type Sdk,
  showNumbers,
  shownIn,
} from '../tools/index.ts'
import { refuse, sendJson } from './answer.ts'
import type { Exchange, FacePorts } from './exchange.ts'
import { pipeResponse } from './pipe-response.ts'
import { callTool } from './tool-call.ts'
import { reviewTool } from './tool-review.ts'
import { routeOfServer } from './tool-route.ts'

export const mcpPath = '/mcp'

const sessionHeader = 'mcp-session-id'
// What the protocol says beside its messages.
const passedHeaders = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name']

export async function answerMcp(ports: FacePorts, exchange: Exchange, body: Buffer): Promise<void> {
  const { reply, request, key, dialect } = exchange
  const waitS = ports.limiter.enter(key)
  if (waitS > 0) {
    const message = ports.limiter.reached(key)
    const refusal = { status: 429, code: 'rate_limit_exceeded', message, retryAfterS: waitS }
    return refuse(reply, dialect, refusal)
  }
  const gone = new AbortController()
  reply.onGone(() => gone.abort())
  try {
    const text = body.toString('utf8')
    const hidden = hideNumbers(text) // throws where it is nested too deep
    const said = jsonOf(hidden)
    if (Array.isArray(said)) return sendJson(reply, 400, oneByOne) // each is limited for itself
    const message = objectOf(said)
    const session = sessionOf(exchange, message)
    const sdk = await ports.tools.sdk()
    const face = sdk.newFace(() =>
      serverFor(sdk, ports, { exchange, session, signal: gone.signal }),
    )
    const headers = new Headers()
    for (const name of passedHeaders) {
      const value = request.headers[name]
      if (typeof value === 'string') headers.set(name, value)
    }
    const asked = new Request(`http://gateway${mcpPath}`, {
      method: 'POST',
      headers,
      body: hidden === text ? new Uint8Array(body) : hidden,
    })
    takeBack(ports, { key: `${key.project}/${key.id}`, session }, message)
    await pipeResponse(await face.fetch(asked), reply, showNumbers)
    await face.close()
  } finally {
    ports.limiter.leave(key)
  }
}

/** In the protocol's words: since 2025-06-18 it has no batches. */
const oneByOne = {
  ...{ jsonrpc: '2.0', id: null },
  error: { code: -32_600, message: 'batches are not taken: send one message at a time' },
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
  server.setRequestHandler('tools/list', async () => {
    const { tools, missing } = await ports.tools.list(directory, key)
    const { shown, withheld } = await reviewed(ports, asking.exchange, tools)
    // Said to whoever looks: a client takes no notice of what it does not know.
    const meta = {
      ...(missing.length === 0 ? {} : { 'tutti/missing': missing }),
      ...(withheld.length === 0 ? {} : { 'tutti/withheld': withheld }),
    }
    const told = { tools: shown, ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }) }
    return hiddenIn(told)
  })
  server.setRequestHandler('tools/call', async ({ params }, { mcpReq }) => {
    const { progressToken: token, ...meta } = params._meta ?? {}
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
            void mcpReq.notify({ method, params: notification }).catch(() => {}) // gone
          }
    const { name, arguments: given } = params
    const { exchange, session, signal } = asking
    const running = ports.tools.calls.begin({
      key: `${key.project}/${key.id}`,
      session,
      call: mcpReq.id,
    })
    try {
      const both = AbortSignal.any([signal, running.signal])
      const asked = { name, ...shownIn({ arguments: given, meta }), onProgress, signal: both }
      const result = hiddenResult(await callTool(ports, { sdk, exchange }, asked))
      return result as CallToolResult // which the SDK looks at
    } finally {
      running.end()
    }
  })
  return server
}

/** What of all tools the caller is shown, by the names under which it calls them. */
async function reviewed(ports: FacePorts, exchange: Exchange, tools: ListedTools['tools']) {
  const shown: ReturnType<typeof toolOf>[] = []
  const withheld: { tool: string; why: string; digest: string }[] = []
  for (const { server, tool } of tools) {
    const route = routeOfServer(server.entry)
    const review = await reviewTool(ports, exchange, { server, route, tool })
    const name = toolName(server.entry.name, tool.name)
    if (review.kind === 'shown') shown.push(toolOf({ ...review.tool, name }))
    else withheld.push({ tool: name, why: review.why, digest: review.digest })
  }
  return { shown, withheld }
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
