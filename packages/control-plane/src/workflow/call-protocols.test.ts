// Calls over MCP, A2A, gRPC and AsyncAPI, answered by servers made with the protocols' own SDKs.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Message } from '@a2a-js/sdk'
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server'
import {
  AgentEvent,
  DefaultRequestHandler,
  InMemoryTaskStore,
  ServerCallContext,
} from '@a2a-js/sdk/server'
import * as grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { createMcpHandler, McpServer as NewerMcpServer } from '@modelcontextprotocol/server'
import protobuf from 'protobufjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import { callA2a } from './call-a2a.ts'
import { callAsyncapi } from './call-asyncapi.ts'
import { callGrpc } from './call-grpc.ts'
import { callMcp } from './call-mcp.ts'
import type { Caller } from './caller.ts'
import { openEgress, openReach } from './egress.ts'

const proto = `syntax = "proto3"; package shop;
import "google/protobuf/wrappers.proto";
message Ask { string name = 1; int64 big = 2; google.protobuf.StringValue note = 3; }
message Told { string text = 1; int64 big = 2; }
service Greeter { rpc Greet(Ask) returns (Told); rpc Talk(stream Ask) returns (Told); }`
const seen: { url: string; headers: IncomingMessage['headers']; body: string }[] = []
const sockets: string[] = []
const web = createServer((request, response) => void answer(request, response))
const streams = new WebSocketServer({ server: web })
const greeter = new grpc.Server()
let base = ''
/** What an older server does where it is asked what it can. */
let untaught: number | 'hangs up' = 400
let greeterPort = 0

const allowed = {
  egress: openEgress({ allowPrivate: true }),
  reach: openReach({ allowPrivate: true }),
}
const strict = {
  egress: openEgress({ allowPrivate: false }),
  reach: openReach({ allowPrivate: false }),
}
const callerOf = (ways: Pick<Caller, 'egress' | 'reach'> = allowed): Caller => ({
  ...ways,
  signal: new AbortController().signal,
  idempotencyKey: 'run/do/0/a',
})
const errorOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    (value) => value,
    (thrown: unknown) => thrown,
  )
  return error instanceof ActFailed ? error.error : error
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString()
  seen.push({ url: `${request.method} ${request.url}`, headers: request.headers, body })
  const json = (value: unknown) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (request.url === '/mcp') await serveMcp(request, response, body)
  else if (request.url === '/newer-mcp') await serveNewerMcp(request, response, body)
  else if (request.url === '/a2a') await serveA2a(response, body)
  else if (request.url === '/card') json({ url: `${base}/a2a`, preferredTransport: 'JSONRPC' })
  else if (request.url === '/grpc-only') json({ url: `${base}/a2a`, preferredTransport: 'GRPC' })
  else if (request.url === '/greet.proto') response.end(proto)
  else if (request.url === '/asyncapi.json') json(asyncapi())
  else if (request.url === '/old.json') json(oldAsyncapi())
  else if (request.url === '/feed') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    // The connection stays open: who has enough must leave.
    for (let n = 1; n <= 9; n++) response.write(`event: tick\nid: ${n}\ndata: {"n":${n}}\n\n`)
  } else if (request.url === '/prices') json({ taken: JSON.parse(body) })
  else response.writeHead(404).end()
}

async function serveMcp(request: IncomingMessage, response: ServerResponse, body: string) {
  if (request.method !== 'POST') {
    response.writeHead(405).end()
    return
  }
  if (body.includes('server/discover')) {
    if (untaught === 'hangs up') response.destroy()
    else response.writeHead(untaught).end()
    return
  }
  const server = new McpServer({ name: 'sums', version: '1.0.0' })
  const inputSchema = { a: z.number(), b: z.number() }
  server.registerTool('add', { description: 'adds', inputSchema }, ({ a, b }) => ({
    content: [{ type: 'text', text: String(a + b) }],
  }))
  server.registerTool('fail', {}, () => ({
    content: [{ type: 'text', text: 'out of numbers' }],
    isError: true,
  }))
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined } as never)
  await server.connect(transport as never)
  await transport.handleRequest(request, response, JSON.parse(body))
}

/** Without a handshake: who wants one is refused. */
async function serveNewerMcp(request: IncomingMessage, response: ServerResponse, body: string) {
  const make = () => {
    const server = new NewerMcpServer({ name: 'places', version: '1.0.0' })
    const region = z.string().meta({ 'x-mcp-header': 'Region' })
    server.registerTool('name', { inputSchema: z.object({ region }) }, ({ region: named }) => ({
      content: [{ type: 'text', text: `it is ${named}` }],
    }))
    return server
  }
  const asked = new Request(`${base}${request.url}`, {
    ...{ method: 'POST', body },
    headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
  })
  const answered = await createMcpHandler(make, { legacy: 'reject' }).fetch(asked)
  response.writeHead(answered.status, Object.fromEntries(answered.headers))
  response.end(await answered.text())
}

const card = {
  ...{ name: 'echo', description: '', version: '1', supportedInterfaces: [], skills: [] },
  capabilities: { streaming: true, extensions: [] },
  ...{ defaultInputModes: ['text'], defaultOutputModes: ['text'] },
}
const agent = new LegacyJsonRpcTransportHandler(
  new DefaultRequestHandler(card as never, new InMemoryTaskStore(), {
    execute: async (context, bus) => {
      const { messageId } = context.userMessage
      const parts = [{ text: `heard ${messageId}` }]
      const said = { messageId: 'm1', role: 'ROLE_AGENT', parts, contextId: context.contextId }
      bus.publish(AgentEvent.message(Message.fromJSON(said)))
      bus.finished()
    },
    cancelTask: async () => {},
  }),
)
async function serveA2a(response: ServerResponse, body: string) {
  const said = await agent.handle(body, new ServerCallContext())
  const isStream = Symbol.asyncIterator in said
  response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' })
  if (isStream) {
    for await (const one of said) response.write(`data: ${JSON.stringify(one)}\n\n`)
    response.end()
  } else response.end(JSON.stringify(said))
}

const asyncapi = () => ({
  asyncapi: '3.0.0',
  servers: {
    web: { host: '{host}', protocol: 'http', variables: { host: { default: host() } } },
    live: { host: host(), protocol: 'ws', pathname: '/ws' },
    bus: { host: 'kafka', protocol: 'kafka' },
  },
  channels: { prices: { address: 'prices' }, feed: { address: '/feed' } },
  operations: { publish: { action: 'send', channel: { $ref: '#/channels/prices' } } },
})
const oldAsyncapi = () => ({
  asyncapi: '2.6.0',
  servers: { web: { url: base, protocol: 'http' } },
  channels: { '/prices': { publish: { operationId: 'tell' } } },
})
const host = () => base.replace('http://', '')

beforeAll(async () => {
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
  streams.on('connection', (socket, request) => {
    sockets.push(`${request.url} ${request.headers['authorization'] ?? ''}`.trim())
    socket.on('message', (data) => sockets.push(String(data)))
    for (let n = 1; n <= 9; n++) socket.send(JSON.stringify({ n }))
  })
  const { root } = protobuf.parse(proto, { keepCase: true })
  root.addJSON(protobuf.common.get('google/protobuf/wrappers.proto')?.nested ?? {})
  const service = fromJSON(root.toJSON(), { longs: String })[
    'shop.Greeter'
  ] as grpc.ServiceDefinition
  greeter.addService(service, {
    Greet: (
      call: grpc.ServerUnaryCall<{ name?: string; big: string }, object>,
      done: grpc.sendUnaryData<object>,
    ) => {
      const { name, big } = call.request
      const who = call.metadata.get('authorization').join()
      if (name === undefined) done({ code: grpc.status.NOT_FOUND, details: 'nobody' })
      else done(null, { text: `hello ${name} ${who}`.trim(), big })
    },
  })
  greeterPort = await new Promise<number>((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure()
    greeter.bindAsync('127.0.0.1:0', credentials, (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
})
afterAll(() => {
  greeter.forceShutdown()
  streams.close()
  web.closeAllConnections()
  web.close()
})

const mcp = (
  method: string,
  parameters: object,
  { path = '/mcp', ...more }: { path?: string; [name: string]: unknown } = {},
  caller = callerOf(),
) => {
  const http = { endpoint: { uri: base + path, authentication: { bearer: { token: 't' } } } }
  return callMcp({ method, parameters, transport: { http }, ...more } as never, caller)
}

test('MCP: tools are listed and called with the credentials of the call; a tool that fails is an error', async () => {
  const listed = await mcp('tools/list', {})
  expect(listed).toMatchObject({ tools: [{ name: 'add', description: 'adds' }, { name: 'fail' }] })
  const sum = { name: 'add', arguments: { a: 2, b: 3 } }
  expect(await mcp('tools/call', sum)).toEqual({ content: [{ type: 'text', text: '5' }] })
  const headers = seen.filter(({ url }) => url === 'POST /mcp').at(-1)?.headers
  expect(headers).toMatchObject({ authorization: 'Bearer t', 'idempotency-key': 'run/do/0/a' })
  expect(await errorOf(mcp('tools/call', { name: 'fail', arguments: {} }))).toMatchObject({
    ...{ status: 500, detail: 'the tool failed: out of numbers' },
  })
  expect(await errorOf(mcp('prompts/get', { name: 'x' }))).toMatchObject({ status: 500 })
})

test('MCP: servers of either revision are called, in the one that is asked for or the newest that both know', async () => {
  const path = '/newer-mcp'
  const named = { name: 'name', arguments: { region: 'Zürich' } }
  const said = { content: [{ type: 'text', text: 'it is Zürich' }] }
  for (const more of [{}, { protocolVersion: '2026-07-28' }]) {
    expect(await mcp('tools/list', {}, { path, ...more })).toMatchObject({ tools: [{}] })
    expect(await mcp('tools/call', named, { path, ...more })).toMatchObject(said)
  }
  const older = { path, protocolVersion: '2025-11-25' }
  expect(await errorOf(mcp('tools/list', {}, older))).toMatchObject({ status: 400 })
  const newer = { protocolVersion: '2026-07-28' }
  expect(await errorOf(mcp('tools/list', {}, newer))).toMatchObject({ status: 500 })
  expect(await mcp('tools/list', {}, { protocolVersion: '2025-11-25' })).toMatchObject({
    tools: [{}, {}],
  })
})

test.each([500, 400, 'hangs up'] as const)(
  'MCP: a server that says %s to what it does not know',
  async (how) => {
    untaught = how
    expect(await mcp('tools/list', {})).toMatchObject({ tools: [{}, {}] })
  },
)

test('MCP: processes, unknown versions and inner addresses are refused', async () => {
  const stdio = { transport: { stdio: { command: 'npx' } } }
  expect(await errorOf(mcp('tools/list', {}, stdio))).toMatchObject({ status: 400 })
  expect(await errorOf(mcp('tools/list', {}, { protocolVersion: '1999-01-01' }))).toMatchObject({
    status: 400,
  })
  expect(await errorOf(mcp('tools/list', {}, {}, callerOf(strict)))).toMatchObject({ status: 403 })
})

test('A2A: a message is sent once by its id, found by the card, streamed where the method streams', async () => {
  const message = { parts: [{ kind: 'text', text: 'hi' }] }
  const send = { method: 'message/send', parameters: { message } }
  const said = await callA2a({ ...send, server: `${base}/a2a` }, callerOf())
  expect(said).toMatchObject({
    ...{ kind: 'message', role: 'agent' },
    parts: [{ kind: 'text', text: 'heard run/do/0/a' }],
  })
  const stream = { ...send, method: 'message/stream', agentCard: { endpoint: `${base}/card` } }
  expect(await callA2a(stream, callerOf())).toMatchObject([{ kind: 'message' }])
  const missing = { method: 'tasks/get', parameters: { id: 'none' }, server: `${base}/a2a` }
  expect(await errorOf(callA2a(missing, callerOf()))).toMatchObject({ status: 500 })
  const other = { ...send, agentCard: { endpoint: `${base}/grpc-only` } }
  expect(await errorOf(callA2a(other, callerOf()))).toMatchObject({ status: 400 })
  const inner = callA2a({ ...send, server: `${base}/a2a` }, callerOf(strict))
  expect(await errorOf(inner)).toMatchObject({ status: 403 })
})

test('gRPC: a unary call by its proto; streams, other services and inner addresses are refused', async () => {
  const greet = (more: object = {}, service: object = {}, ways: typeof allowed = allowed) =>
    callGrpc(
      {
        proto: { endpoint: `${base}/greet.proto` },
        service: { name: 'shop.Greeter', host: '127.0.0.1', port: greeterPort, ...service },
        ...{ method: 'Greet', arguments: { name: 'Ada', big: '9007199254740993' }, ...more },
      },
      callerOf(ways),
    )
  const authentication = { bearer: { token: 't' } }
  expect(await greet({}, { authentication })).toEqual({
    text: 'hello Ada Bearer t',
    big: '9007199254740993',
  })
  expect(await errorOf(greet({ arguments: {} }))).toMatchObject({ status: 404 })
  expect(await errorOf(greet({ method: 'Talk' }))).toMatchObject({ status: 400 })
  expect(await errorOf(greet({}, { name: 'shop.None' }))).toMatchObject({ status: 400 })
  expect(await errorOf(greet({}, {}, { ...strict, egress: allowed.egress }))).toMatchObject({
    status: 403,
  })
  expect(await errorOf(greet({}, {}, strict))).toMatchObject({ status: 403 })
})

test('AsyncAPI: messages are posted, and taken until there are enough', async () => {
  const call = (more: object, path = '/asyncapi.json', ways: typeof allowed = allowed) =>
    callAsyncapi({ document: { endpoint: base + path }, ...more } as never, callerOf(ways))
  const message = { payload: { price: 7 }, headers: { 'x-a': 'b' } }
  const told = { taken: { price: 7 } }
  expect(await call({ operation: 'publish', message })).toEqual(told)
  expect(seen.at(-1)?.headers).toMatchObject({ 'x-a': 'b', 'idempotency-key': 'run/do/0/a' })
  expect(await call({ operation: 'tell', message }, '/old.json')).toEqual(told)
  const consume = { amount: 2 }
  const filter = '${ .payload.n > $context.from }'
  const subscription = { filter, consume }
  const feed = { channel: 'feed', subscription, sight: { context: { from: 3 } } }
  const numbers = (of: unknown) =>
    z
      .array(z.any())
      .parse(of)
      .map(({ payload }) => payload.n)
  expect(numbers(await call(feed))).toEqual([4, 5])
  const until = { subscription: { consume: { until: '${ length == 3 }' } } }
  expect(numbers(await call({ ...feed, ...until }))).toEqual([1, 2, 3])
  const whilst = { subscription: { consume: { while: '${ .[-1].payload.n < 4 }' } } }
  const live = { channel: 'feed', protocol: 'ws', authentication: { bearer: { token: 't' } } }
  expect(numbers(await call({ ...live, ...whilst }))).toEqual([1, 2, 3, 4])
  expect(sockets).toEqual(['/ws/feed Bearer t'])
  expect(await call({ ...live, message })).toBeNull()
  expect(sockets.at(-1)).toBe('{"price":7}')
  const bad = { subscription: { consume: { until: '${ $nope }' } } }
  expect(await errorOf(call({ ...feed, ...bad }))).toMatchObject({ status: 400 })
})

test('AsyncAPI: brokers, what is not in the document, and inner addresses are refused', async () => {
  const call = (more: object, ways = allowed) =>
    errorOf(
      callAsyncapi({ document: { endpoint: `${base}/asyncapi.json` }, ...more }, callerOf(ways)),
    )
  const message = { payload: {} }
  const kafka = await call({ operation: 'publish', message, server: { name: 'bus' } })
  expect(kafka).toMatchObject({
    ...{ status: 400, detail: expect.stringContaining('over kafka is not spoken here') },
  })
  expect(await call({ operation: 'none', message })).toMatchObject({ status: 400 })
  const mixed = { ...strict, egress: allowed.egress }
  const live = { channel: 'feed', protocol: 'ws', message }
  expect(await call(live, mixed)).toMatchObject({ status: 403 })
  expect(await call(live, strict)).toMatchObject({ status: 403 })
})
