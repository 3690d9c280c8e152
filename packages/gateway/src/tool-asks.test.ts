// What servers of tools ask their caller for: nobody here gives it, which they hear at once and not when their time is over.

import type { ServerResponse } from 'node:http'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { serve, signed, world } from './gateway-world.fixture.ts'
import { serveTools, toolClient, toolSnapshot } from './tool-world.fixture.ts'
import { fetchOf } from './tools/fetch-of.ts'

const asks = ['roots/list', 'sampling/createMessage', 'elicitation/create']
const notHere = { code: -32_601 } // of JSON-RPC: there is no such method
const timeout = 3_600_000 // whoever waits so long, waits for the test's own end

test.each(asks)('%s by itself', async (method) => {
  const servers: McpServer[] = []
  const one = await serveTools('one', (server) => servers.push(server))
  const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
  await (await toolClient(gateway)).callTool({ name: 'one__echo' })
  await one.untilListened(1)
  const asked = servers.at(-1)?.server.request({ method } as never, ResultSchema, { timeout })
  await expect(asked).rejects.toMatchObject(notHere)
})

test.each(asks)('%s within a call', async (method) => {
  const one = await serveTools('one', (server) => {
    server.registerTool('ask', {}, async (extra) => {
      const asked = extra.sendRequest({ method } as never, ResultSchema, { timeout })
      const text = await asked.then(String, ({ code }) => String(code))
      return { content: [{ type: 'text', text }] }
    })
  })
  const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
  const { content } = await (await toolClient(gateway)).callTool({ name: 'one__ask' })
  expect(content).toEqual([{ type: 'text', text: String(notHere.code) }])
})

test('a page for people is none to listen to', async () => {
  const page = await serve((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end('<html>')
  })
  const [entry] = toolSnapshot([{ name: 'one', url: page.url }]).toolServers ?? []
  if (entry === undefined) throw new Error('it names a server')
  expect((await fetchOf(entry)(page.url)).status).toBe(405)
  expect((await fetchOf(entry)(page.url, { method: 'POST', body: '{}' })).status).toBe(200)
})

test('a long answer is looked through in pieces, between which others have their turns', async () => {
  const pieces = 64
  const long = await serve((_, response) => {
    response.setHeader('content-type', 'text/event-stream').end(': ping\n\n'.repeat(512 * pieces))
  })
  const [entry] = toolSnapshot([{ name: 'one', url: long.url }]).toolServers ?? []
  if (entry === undefined) throw new Error('it names a server')
  const asked = JSON.stringify({ method: 'tools/list' })
  const { body } = await fetchOf(entry)(long.url, { method: 'POST', body: asked })
  let turns = 0
  const others = () => {
    turns += 1
    turning = setImmediate(others)
  }
  let turning = setImmediate(others)
  let bytes = 0
  for await (const piece of body ?? []) bytes += piece.length
  clearImmediate(turning)
  expect(bytes).toBe(8 * 512 * pieces)
  expect(turns).toBeGreaterThanOrEqual(pieces)
})

test('a server that ends it at once is not listened to all the time', async () => {
  let listeners = 0
  const hasty = await serve(({ method }, response) => {
    if (method === 'GET') listeners += 1
    response.setHeader('content-type', 'text/event-stream').end('retry: 0\n\n')
  })
  const [entry] = toolSnapshot([{ name: 'one', url: hasty.url }]).toolServers ?? []
  if (entry === undefined) throw new Error('it names a server')
  const fetch = fetchOf(entry, timeout)
  await (await fetch(hasty.url)).text()
  const enough = new AbortController()
  const second = fetch(hasty.url, { signal: enough.signal })
  await (await fetch(hasty.url, { method: 'POST', body: '{}' })).text()
  enough.abort()
  await expect(second).rejects.toThrow()
  expect(listeners).toBe(1)
})

test.each([
  { callsMax: 4, most: 8 },
  { callsMax: 10, most: 10 },
])('a server that asks and takes no answers sees $most at a time', async ({ callsMax, most }) => {
  const held: ServerResponse[] = []
  let enough = () => {}
  const isEnough = new Promise<void>((resolve) => {
    enough = resolve
  })
  const silent = await serve((_, response) => {
    held.push(response)
    if (held.length === most) enough()
  })
  const [entry] = toolSnapshot([{ name: 'one', url: silent.url }]).toolServers ?? []
  if (entry === undefined) throw new Error('it names a server')
  const fetch = fetchOf({ ...entry, callsMax })
  const post = (said: object) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...said })
    return fetch(silent.url, { method: 'POST', body })
  }
  const outcomes = Array.from({ length: 500 }, (_, id) =>
    post({ id, ...(id % 2 === 0 ? { result: {} } : { error: notHere }) }).then(
      ({ status }) => status,
      () => 'refused',
    ),
  )
  await isEnough
  const first = await Promise.all(outcomes.slice(most))
  expect(new Set(first)).toEqual(new Set(['refused']))
  expect(held).toHaveLength(most)
  for (const response of held) response.writeHead(202).end()
  expect(new Set(await Promise.all(outcomes.slice(0, most)))).toEqual(new Set([202]))
  const next = post({ id: 500, result: {} })
  await expect.poll(() => held.length).toBeGreaterThan(most) // there is room again
  held[most]?.writeHead(202).end()
  expect((await next).status).toBe(202)
})
