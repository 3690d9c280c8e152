// Tool world
//
// Real servers of the Model Context Protocol, and its real client, around a gateway.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { cleanups, digest, key, serve, snapshotOf } from './gateway-world.fixture.ts'
import type { KeyEntry } from './routing/index.ts'
import type { Gateway } from './start.ts'

export interface ToolBed {
  readonly url: string
  /** Authorization headers that came. */
  readonly authorizations: (string | undefined)[]
  /** Sessions that are forgotten are answered 404, as by a server that was started again. */
  readonly forgetSessions: () => void
  /** Resolves when so many calls of `slow` were cancelled. */
  readonly untilCancelled: (count: number) => Promise<void>
  /** Resolves when so many calls of `slow` have begun. */
  readonly untilBegun: (count: number) => Promise<void>
  /** Resolves when so many listen to what it says by itself. */
  readonly untilListened: (count: number) => Promise<void>
  /** Resolves when so many of those have left. */
  readonly untilLeft: (count: number) => Promise<void>
  /** Until so many sessions were ended by whoever opened them (DELETE). */
  readonly untilEnded: (count: number) => Promise<void>
  readonly stop: () => Promise<void>
}

type Session = { readonly transport: StreamableHTTPServerTransport; readonly server: McpServer }

/** A server with the tools `echo`, `fail`, `count` (tells of progress), `slow`, and others. */
export async function serveTools(
  name: string,
  addOthers: (server: McpServer) => void = () => {},
): Promise<ToolBed> {
  const sessions = new Map<string, Session>()
  const authorizations: (string | undefined)[] = []
  const begun = new Counter()
  const cancelled = new Counter()
  const listened = new Counter()
  const left = new Counter()
  const ended = new Counter()
  const open = async () => {
    const server = new McpServer({ name, version: '1' })
    addTools(server, name, { begun, cancelled })
    addOthers(server)
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, { transport, server }),
      onsessionclosed: () => ended.add(),
    })
    await server.connect(transport as Parameters<typeof server.connect>[0])
    return transport
  }
  const server = createServer(async (request, response) => {
    authorizations.push(request.headers.authorization)
    const body = await bodyOf(request)
    const id = request.headers['mcp-session-id']
    const known = typeof id === 'string' ? sessions.get(id)?.transport : await open()
    if (known === undefined) return void response.writeHead(404).end()
    if (request.method === 'GET') {
      whenBegun(response, () => listened.add())
      response.once('close', () => left.add())
    }
    await known.handleRequest(request, response, body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const stop = async () => {
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  cleanups.push(stop)
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    authorizations,
    forgetSessions: () => sessions.clear(),
    untilCancelled: (count) => cancelled.until(count),
    untilBegun: (count) => begun.until(count),
    untilListened: (count) => listened.until(count),
    untilLeft: (count) => left.until(count),
    untilEnded: (count) => ended.until(count),
    stop,
  }
}

/** A server whose calls all end with this error, as often as it counts. */
export async function serveFailing(error: (given: unknown) => object) {
  const count = { sessions: 0, calls: 0 }
  const { url } = await serve((request, response, body) => {
    if (request.method !== 'POST') return response.writeHead(405).end()
    const { id, method, params } = JSON.parse(body)
    const says = (said: object) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...said }))
    }
    if (id === undefined) return response.writeHead(202).end()
    if (method === 'server/discover') return response.writeHead(400).end() // of a later form
    if (method === 'initialize') {
      count.sessions += 1
      const { protocolVersion } = params
      const serverInfo = { name: 'failing', version: '1' }
      return says({ result: { protocolVersion, serverInfo, capabilities: { tools: {} } } })
    }
    if (method === 'tools/list') return says({ result: { tools: [{ name: 'pay' }] } })
    count.calls += 1
    return says({ error: error(params.arguments) })
  })
  return { url: `${url}/mcp`, count }
}

/** Once the head of an answer has gone out; not where none ever does. */
function whenBegun(response: ServerResponse, then: () => void): void {
  if (response.headersSent) then()
  else if (!response.destroyed) setImmediate(() => whenBegun(response, then))
}

class Counter {
  #count = 0
  #waiters: (() => void)[] = []

  add(): void {
    this.#count += 1
    for (const waiter of this.#waiters) waiter()
  }

  until(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.#count >= count) resolve()
      }
      this.#waiters.push(check)
      check()
    })
  }
}

function addTools(
  server: McpServer,
  name: string,
  { begun, cancelled }: { readonly begun: Counter; readonly cancelled: Counter },
): void {
  const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })
  server.registerTool('echo', { description: `says ${name}` }, () => text(name))
  server.registerTool('fail', {}, () => ({ ...text('it failed'), isError: true }))
  server.registerTool('count', {}, async (extra) => {
    const progressToken = extra._meta?.progressToken ?? 0
    for (const progress of [1, 2]) {
      const params = { progressToken, progress, total: 2 }
      await extra.sendNotification({ method: 'notifications/progress', params })
    }
    return text('counted')
  })
  server.registerTool('slow', {}, async (extra) => {
    begun.add()
    await new Promise((resolve) => extra.signal.addEventListener('abort', resolve))
    cancelled.add()
    return text('never heard')
  })
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? undefined : JSON.parse(text)
}

export function toolSnapshot(
  servers: readonly {
    readonly name: string
    readonly url: string
    readonly [more: string]: unknown
  }[],
  keys: Partial<KeyEntry> = {},
) {
  return snapshotOf({
    keys: [{ id: 'app', hash: digest(key), project: 'default', owner: 'app', ...keys }],
    toolServers: servers.map((server) => ({
      ...{ project: 'default', allowPrivateNetwork: true, timeoutMs: 4_000, callsMax: 4 },
      ...server,
    })),
  })
}

/** The SDK's own client of a gateway. */
export async function toolClient({ url }: Gateway, by = key): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${by}` } }
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit })
  await client.connect(transport as Parameters<typeof client.connect>[0])
  cleanups.push(() => client.close())
  return client
}
