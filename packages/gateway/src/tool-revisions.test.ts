// Both forms of the Model Context Protocol, on both sides: with a handshake (until 2025-11-25), and without (2026-07-28),
// of clients and servers that know no other.

import { createServer, type Server, type ServerResponse } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { key, signed, world } from './gateway-world.fixture.ts'
import { serveTools, toolClient, toolSnapshot } from './tool-world.fixture.ts'
import { Wakes } from './wakes.fixture.ts'

const revision = '2026-07-28'
const cleanups: (() => unknown)[] = []
afterAll(async () => {
  for (const cleanup of cleanups) await cleanup()
})

/** A server without a handshake, which refuses those that want one. */
async function serveNewer() {
  const heard: string[] = []
  const wakes = new Wakes()
  let cancelled = 0
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: 'newer', version: '1' })
      const inputSchema = z.object({ text: z.string() })
      server.registerTool('echo', { inputSchema }, ({ text }) => ({
        content: [{ type: 'text', text }],
        structuredContent: { text },
      }))
      const region = z.string().meta({ 'x-mcp-header': 'Region' })
      const at = z.object({ row: z.int().meta({ 'x-mcp-header': 'Row' }), isOn: z.boolean() })
      server.registerTool('place', { inputSchema: z.object({ region, at }) }, (given) => ({
        content: [{ type: 'text', text: JSON.stringify(given) }],
      }))
      server.registerTool('count', {}, async ({ mcpReq }) => {
        const { progressToken = 0 } = mcpReq._meta ?? {}
        for (const progress of [1, 2]) {
          await mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken, progress },
          })
        }
        return { content: [{ type: 'text', text: 'two' }] }
      })
      server.registerTool('slow', {}, async ({ mcpReq }) => {
        heard.push('slow')
        wakes.wake()
        await new Promise((resolve) => mcpReq.signal.addEventListener('abort', resolve))
        cancelled += 1
        wakes.wake()
        return { content: [] }
      })
      return server
    },
    { legacy: 'reject' },
  )
  const server = createServer(async (request, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    heard.push(String(request.headers['mcp-method']))
    const answer = await handler.fetch(
      new Request(`http://server${request.url}`, {
        ...{ method: request.method ?? 'GET', signal: gone.signal },
        headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
        ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
      }),
    )
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    for await (const chunk of answer.body ?? []) response.write(chunk)
    response.end()
  })
  const url = await listen(server)
  const untilCancelled = () => wakes.until(() => cancelled > 0)
  const untilSlow = () => wakes.until(() => heard.includes('slow'))
  return { url, heard, untilSlow, untilCancelled }
}

/** Before a server of older forms that answers so where it is asked what it can. */
async function untaught(answer: (response: ServerResponse) => void) {
  const heard: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { id, method } = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}')
    heard.push(method)
    if (method === 'server/discover') {
      response.once('close', () => heard.push('over'))
      return answer(response)
    }
    if (id === undefined) return response.writeHead(request.method === 'GET' ? 405 : 202).end()
    const about = { capabilities: { tools: {} }, serverInfo: { name: 'odd', version: '1' } }
    const begun = { protocolVersion: '2025-06-18', ...about }
    const result = method === 'initialize' ? begun : { tools: [{ name: 'echo' }] }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
  })
  const url = await listen(server)
  const { gateway } = await world(signed(toolSnapshot([{ name: 'odd', url }])))
  return { gateway, heard }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/mcp`
}

/** A client without a handshake, which takes no other server. */
async function newerClient(url: string): Promise<Client> {
  const versionNegotiation = { mode: { pin: revision } }
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation })
  const requestInit = { headers: { authorization: `Bearer ${key}` } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }))
  cleanups.push(() => client.close())
  return client
}

async function bed() {
  const [older, newer] = await Promise.all([serveTools('older'), serveNewer()])
  const servers = [
    { name: 'older', url: older.url },
    { name: 'newer', url: newer.url },
  ]
  const { gateway } = await world(signed(toolSnapshot(servers)))
  return { gateway, older, newer }
}

describe.each(['a newer', 'an older'] as const)('%s client', (which) => {
  const clientOf = async (gateway: Awaited<ReturnType<typeof bed>>['gateway']) =>
    which === 'a newer' ? await newerClient(gateway.url) : await toolClient(gateway)

  test('has the tools of servers of both forms', async () => {
    const { gateway, newer } = await bed()
    const client = await clientOf(gateway)
    const { tools } = await client.listTools()
    const names = tools.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['older__echo', 'newer__echo', 'newer__slow']))
    expect(newer.heard).toContain('server/discover')
  })

  test('is answered by them', async () => {
    const { gateway } = await bed()
    const client = await clientOf(gateway)
    const text = 'hello 9007199254740993'
    const said = await client.callTool({ name: 'newer__echo', arguments: { text } })
    expect(said).toMatchObject({ content: [{ type: 'text', text }], structuredContent: { text } })
    expect(said).not.toHaveProperty('resultType')
    expect(await client.callTool({ name: 'older__echo' })).toMatchObject({ content: [{}] })
    const wrong = { name: 'newer__echo', arguments: { text: 7 } }
    expect(await client.callTool(wrong)).toMatchObject({ isError: true })
    const none = client.callTool({ name: 'newer__none' })
    await expect(none).rejects.toThrow(/none/)
  })

  test.each(['eu', ' Zürich\n', '=?base64?eu?=', ''])(
    'tells in headers what a tool wants told there: %j',
    async (region) => {
      const { gateway, newer } = await bed()
      const client = await clientOf(gateway)
      const given = { region, at: { row: 7, isOn: true } }
      const call = { name: 'newer__place', arguments: given }
      for (const _ of ['unknown', 'known']) {
        const [said] = (await client.callTool(call)).content as { text: string }[]
        expect(JSON.parse(String(said?.text))).toEqual(given)
      }
      const heard = newer.heard.filter((method) => method !== 'server/discover')
      expect(heard).toEqual(['tools/call', 'tools/list', 'tools/call', 'tools/call'])
    },
  )

  test('may say more than 4 MiB', async () => {
    const { gateway } = await bed()
    const client = await clientOf(gateway)
    const text = 'x'.repeat(5 * 2 ** 20)
    const said = await client.callTool({ name: 'older__echo', arguments: { text } })
    expect(said).toMatchObject({ content: [{}] })
  })

  test('hears how far they are', async () => {
    const { gateway } = await bed()
    const client = await clientOf(gateway)
    const told: number[] = []
    const options = { onprogress: ({ progress }: { progress: number }) => void told.push(progress) }
    const call = { name: 'newer__count' }
    const said =
      client instanceof Client
        ? await client.callTool(call, options)
        : await client.callTool(call, undefined, options)
    expect(said).toMatchObject({ content: [{ text: 'two' }] })
    expect(told).toEqual([1, 2])
  })

  test('takes a call back, which its server hears', async () => {
    const { gateway, newer } = await bed()
    const client = await clientOf(gateway)
    const leaving = new AbortController()
    const call = { name: 'newer__slow' }
    const asked =
      client instanceof Client
        ? client.callTool(call, { signal: leaving.signal })
        : client.callTool(call, undefined, { signal: leaving.signal })
    asked.catch(() => {})
    await newer.untilSlow()
    leaving.abort()
    await newer.untilCancelled()
    await expect(asked).rejects.toThrow()
  })
})

const odd = {
  'fails at': (response: ServerResponse) => void response.writeHead(500).end(),
  'hangs up at': (response: ServerResponse) => void response.destroy(),
  'is silent at': () => {},
}
test.each(Object.entries(odd))('a server that %s what it does not know', async (_, answer) => {
  const { gateway, heard } = await untaught(answer)
  const client = await toolClient(gateway)
  const { tools } = await client.listTools()
  expect(tools).toMatchObject([{ name: 'odd__echo' }])
  const asked = heard.filter((method) => method !== 'over')
  expect(asked.slice(0, 2)).toEqual(['server/discover', 'initialize'])
  await expect.poll(() => heard).toContain('over') // nothing is left hanging
})

test('a server that wants another secret is asked once', async () => {
  const { gateway, heard } = await untaught((response) => response.writeHead(401).end())
  const client = await toolClient(gateway)
  const { tools, _meta: meta } = await client.listTools()
  expect(tools).toEqual([])
  expect(meta).toMatchObject({ 'tutti/missing': [{}] })
  expect(heard.filter((method) => method !== 'over')).toEqual(['server/discover'])
})

test('nobody is subscribed to what the gateway does not tell', async () => {
  const { gateway } = await bed()
  const client = await newerClient(gateway.url)
  const listening = client.listen({ toolsListChanged: true })
  await expect(listening).rejects.toThrow('limit')
})
