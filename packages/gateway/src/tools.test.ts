// One server of the Model Context Protocol in front of many, with the SDK's real client and real servers.

import { describe, expect, test } from 'vitest'
import { key, serve, signed, world } from './gateway-world.fixture.ts'
import type { Gateway } from './start.ts'
import { serveFailing, serveTools, toolClient, toolSnapshot } from './tool-world.fixture.ts'
import { Wakes } from './wakes.fixture.ts'

const dead = 'http://127.0.0.1:1/mcp' // nobody listens there

/** The newest records of calls, oldest first. */
async function records({ url }: Gateway) {
  const answer = await fetch(`${url}/v1/requests`, { headers: { authorization: `Bearer ${key}` } })
  const lines = (await answer.text()).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line))
}

async function namesOf(gateway: Gateway): Promise<string[]> {
  const { tools } = await (await toolClient(gateway)).listTools()
  return tools.map(({ name }) => name).sort()
}

describe('tools', () => {
  test('of all servers stand in one list, by the names of both', async () => {
    const [one, two] = await Promise.all([serveTools('one'), serveTools('two')])
    const { gateway } = await world(
      signed(
        toolSnapshot([
          { name: 'one', url: one.url, apiKey: 'their-secret' },
          { name: 'two', url: two.url },
        ]),
      ),
    )
    expect(await namesOf(gateway)).toEqual([
      ...['one__count', 'one__echo', 'one__fail', 'one__slow'],
      ...['two__count', 'two__echo', 'two__fail', 'two__slow'],
    ])
    const client = await toolClient(gateway)
    for (const name of ['one', 'two']) {
      const result = await client.callTool({ name: `${name}__echo` })
      expect(result.content).toEqual([{ type: 'text', text: name }])
    }
    expect(new Set(one.authorizations)).toEqual(new Set(['Bearer their-secret']))
    expect(new Set(two.authorizations)).toEqual(new Set([undefined])) // never the caller's own
  })

  test('every call is recorded, and counted by its server', async () => {
    const one = await serveTools('one')
    const { gateway } = await world(
      signed(
        toolSnapshot([
          { name: 'one', url: one.url },
          { name: 'gone', url: dead },
        ]),
      ),
    )
    const client = await toolClient(gateway)
    await client.callTool({ name: 'one__echo' })
    expect((await client.callTool({ name: 'one__fail' })).isError).toBe(true)
    await expect(client.callTool({ name: 'gone__echo' })).rejects.toThrow('gone cannot be reached')
    await expect(client.callTool({ name: 'one__none' })).resolves.toMatchObject({ isError: true })
    await expect(client.callTool({ name: 'nobody__echo' })).rejects.toThrow(
      /^MCP error -32602: there is no tool nobody__echo for this key$/, // the client's words before it
    )
    const found = (await records(gateway)).map(({ route, targets, status }) => [
      route,
      ...targets,
      status,
    ])
    expect(found).toEqual([
      ['mcp/one', 'one__echo', 200],
      ['mcp/one', 'one__fail', 424],
      ['mcp/gone', 'gone__echo', 502],
      ['mcp/one', 'one__none', 424],
      ['mcp/', 'nobody__echo', 404],
    ])
    const answer = await fetch(`${gateway.url}/metrics`, {
      headers: { authorization: `Bearer ${key}` },
    })
    expect(await answer.text()).toContain('route="default/mcp/one",status="200"} 1')
  })

  test('a key sees and calls what it may, and nothing else (M1)', async () => {
    const [one, two] = await Promise.all([serveTools('one'), serveTools('two')])
    const servers = [
      { name: 'one', url: one.url, tools: ['echo', 'c*'] },
      { name: 'two', url: two.url },
    ]
    const by = async (rights: object) => {
      const { gateway } = await world(signed(toolSnapshot(servers, rights)))
      const client = await toolClient(gateway)
      await expect(client.callTool({ name: 'one__fail' })).rejects.toThrow('there is no tool')
      return { names: await namesOf(gateway), client }
    }
    expect((await by({ tools: ['one__*'] })).names).toEqual(['one__count', 'one__echo'])
    expect((await by({ servers: ['two'], tools: ['two__echo', 'one__*'] })).names).toEqual([
      'two__echo',
    ])
    const none = await by({ tools: [] })
    expect(none.names).toEqual([])
    await expect(none.client.callTool({ name: 'two__echo' })).rejects.toThrow('there is no tool')
    expect((await by({ project: 'other' })).names).toEqual([])
  })

  test('a server that is dead or silent hides none of the others', async () => {
    const one = await serveTools('one')
    const silent = await serve(() => {})
    const html = await serve((_, response) => response.end('<html>'))
    const { gateway } = await world(
      signed(
        toolSnapshot([
          { name: 'dead', url: dead },
          { name: 'html', url: html.url },
          { name: 'one', url: one.url, tools: ['echo'] },
          { name: 'silent', url: silent.url, timeoutMs: 200 },
        ]),
      ),
    )
    const client = await toolClient(gateway)
    const { tools, _meta } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['one__echo'])
    expect(_meta?.['tutti/missing']).toEqual([
      { server: 'dead', why: expect.stringContaining('cannot be reached') },
      { server: 'html', why: expect.stringContaining('cannot be reached') },
      { server: 'silent', why: expect.stringMatching('silent') },
    ])
  })

  test.each([404, 7, -32_000, -32_001, -32_603])(
    "a server's own error %d goes on as it is, and its tool is called once (S1)",
    async (code) => {
      const error = { code, message: 'MCP has no such order', data: { order: 7 } }
      const { url, count } = await serveFailing(() => error)
      const { gateway } = await world(signed(toolSnapshot([{ name: 'shop', url }])))
      const client = await toolClient(gateway)
      for (const calls of [1, 2]) {
        const message = `MCP error ${code}: ${error.message}` // the client's words before it
        const call = client.callTool({ name: 'shop__pay' })
        await expect(call).rejects.toMatchObject({ ...error, message })
        expect(count).toEqual({ calls, sessions: 1 })
      }
    },
  )

  test('a server that could not be reached is left alone for a while (S3)', async () => {
    const heard: string[] = []
    const broken = await serve((_, response, body) => {
      heard.push(JSON.parse(body).method)
      response.writeHead(500).end()
    })
    const { gateway } = await world(signed(toolSnapshot([{ name: 'broken', url: broken.url }])))
    const client = await toolClient(gateway)
    for (let i = 0; i < 5; i++) expect((await client.listTools()).tools).toEqual([])
    await expect(client.callTool({ name: 'broken__echo' })).rejects.toThrow('cannot be reached')
    expect(heard).toEqual(['server/discover', 'initialize']) // one try: in either revision's words
  })

  test('progress comes through', async () => {
    const one = await serveTools('one')
    const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const client = await toolClient(gateway)
    const told: unknown[] = []
    await client.callTool({ name: 'one__count' }, undefined, {
      onprogress: (progress) => void told.push(progress),
    })
    expect(told).toEqual([
      { progress: 1, total: 2 },
      { progress: 2, total: 2 },
    ])
  })

  test('a tool whose name no store takes counts as another, and keeps no count from being told', async () => {
    const unnameable = ['a\u0000b', 'a'.repeat(600)]
    const one = await serveTools('one', (server) => {
      for (const tool of unnameable) server.registerTool(tool, {}, () => ({ content: [] }))
    })
    const { gateway, told } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const client = await toolClient(gateway)
    for (const tool of [...unnameable, 'echo']) await client.callTool({ name: `one__${tool}` })
    await client.close()
    await gateway.stop()
    expect(told.map(({ model }) => model).sort()).toEqual(['one__echo', 'other'])
  })

  test('a call that takes too long ends, there and here, and only so many run', async () => {
    const one = await serveTools('one')
    const { gateway } = await world(
      signed(toolSnapshot([{ name: 'one', url: one.url, timeoutMs: 300, callsMax: 2 }])),
    )
    const client = await toolClient(gateway)
    const calls = [1, 2, 3].map(() => client.callTool({ name: 'one__slow' }))
    const ends = await Promise.allSettled(calls)
    expect(ends.map((end) => end.status === 'rejected' && String(end.reason)).sort()).toEqual([
      expect.stringContaining('2 calls of one are on their way already'),
      expect.stringContaining('one did not answer in time'),
      expect.stringContaining('one did not answer in time'),
    ])
    expect((await client.callTool({ name: 'one__echo' })).isError).toBeUndefined()
    await one.untilCancelled(2)
  })

  test('a call that is taken back, or whose caller leaves, ends there, and no other does', async () => {
    const one = await serveTools('one')
    const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const [stays, cancels, leaves] = [
      await toolClient(gateway),
      await toolClient(gateway),
      await toolClient(gateway),
    ]
    const abort = new AbortController()
    const name = 'one__slow'
    const kept = stays.callTool({ name }).catch(() => 'ended')
    const cancelled = cancels.callTool({ name }, undefined, { signal: abort.signal })
    const left = leaves.callTool({ name })
    await one.untilBegun(3)
    abort.abort()
    await expect(cancelled).rejects.toThrow()
    await one.untilCancelled(1)
    await leaves.close()
    await expect(left).rejects.toThrow()
    await one.untilCancelled(2)
    expect((await stays.callTool({ name: 'one__echo' })).isError).toBeUndefined()
    const still = Symbol('still on its way')
    expect(await Promise.race([kept, still])).toBe(still)
  })

  test('a server that ends within a call is not waited for', async () => {
    const one = await serveTools('one')
    const entry = { name: 'one', url: one.url, timeoutMs: 600_000 }
    const { gateway } = await world(signed(toolSnapshot([entry])))
    const client = await toolClient(gateway)
    const call = client.callTool({ name: 'one__slow' })
    await one.untilBegun(1)
    await Promise.all([expect(call).rejects.toThrow('one cannot be reached'), one.stop()])
    expect((await records(gateway)).at(-1)).toMatchObject({ status: 502 })
  })

  test('a server that ends once its answer has begun is not waited for either', async () => {
    const one = await serveTools('one', (server) => {
      server.registerTool('begins', {}, async (extra) => {
        const params = { progressToken: extra._meta?.progressToken ?? 0, progress: 1 }
        await extra.sendNotification({ method: 'notifications/progress', params })
        return await new Promise(() => {})
      })
    })
    const entry = { name: 'one', url: one.url, timeoutMs: 600_000 }
    const { gateway } = await world(signed(toolSnapshot([entry])))
    const client = await toolClient(gateway)
    let call = Promise.resolve<unknown>(null)
    await new Promise<void>((begun) => {
      const asked = { onprogress: () => begun(), timeout: 600_000 }
      call = client.callTool({ name: 'one__begins' }, undefined, asked)
    })
    await Promise.all([expect(call).rejects.toThrow('one cannot be reached'), one.stop()])
    expect((await records(gateway)).at(-1)).toMatchObject({ status: 502 })
  })

  test('what is said beside the arguments comes through, the context of a trace say', async () => {
    const heard: unknown[] = []
    const one = await serveTools('one', (server) => {
      server.registerTool('hear', {}, ({ _meta }) => {
        heard.push(_meta)
        return { content: [] }
      })
    })
    const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const client = await toolClient(gateway)
    const _meta = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'example/own': [1] }
    await client.callTool({ name: 'one__hear', _meta }, undefined, { onprogress: () => {} })
    await client.callTool({ name: 'one__hear' })
    expect(heard).toEqual([{ ..._meta, progressToken: expect.any(Number) }, undefined])
  })

  test('a server that was started again is asked again (S1)', async () => {
    const one = await serveTools('one')
    const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const client = await toolClient(gateway)
    await client.callTool({ name: 'one__echo' })
    one.forgetSessions()
    expect((await client.callTool({ name: 'one__echo' })).content).toEqual([
      { type: 'text', text: 'one' },
    ])
  })

  test('no address that only the gateway can reach, and no redirect, is followed', async () => {
    const one = await serveTools('one')
    const away = await serve((_, response) => response.writeHead(307, { location: one.url }).end())
    const { gateway } = await world(
      signed(
        toolSnapshot([
          { name: 'inner', url: one.url, allowPrivateNetwork: false },
          { name: 'meta', url: 'http://169.254.169.254/mcp', allowPrivateNetwork: false },
          { name: 'away', url: away.url },
        ]),
      ),
    )
    expect(await namesOf(gateway)).toEqual([])
    expect(one.authorizations).toEqual([])
  })

  test('a result that is too long ends the call, and nothing else', async () => {
    const one = await serveTools('one', (server) => {
      server.registerTool('endless', {}, () => ({
        content: [{ type: 'text', text: 'x'.repeat(16 * 2 ** 20) }],
      }))
    })
    const { gateway } = await world(signed(toolSnapshot([{ name: 'one', url: one.url }])))
    const client = await toolClient(gateway)
    const said = /^MCP error -32603: one cannot be reached: more than 16777216 bytes came$/
    await expect(client.callTool({ name: 'one__endless' })).rejects.toThrow(said)
    const told = { targets: ['one__endless'], status: 502 }
    expect((await records(gateway)).at(-1)).toMatchObject(told)
    expect((await client.callTool({ name: 'one__echo' })).isError).toBeUndefined()
  })

  test('a new snapshot adds and takes away', async () => {
    const [one, two] = await Promise.all([serveTools('one'), serveTools('two')])
    const first = toolSnapshot([{ name: 'one', url: one.url, tools: ['echo'] }])
    const { gateway, push, events, untilEvent } = await world(signed(first))
    expect(await namesOf(gateway)).toEqual(['one__echo'])
    const second = toolSnapshot([{ name: 'two', url: two.url, tools: ['echo'] }])
    events.splice(0)
    push(signed({ ...second, sequence: 2 }))
    await untilEvent('snapshot')
    expect(await namesOf(gateway)).toEqual(['two__echo'])
  })

  test.each([
    ['is no more', null],
    ['has another secret', { apiKey: 'new' }],
  ])('nobody listens with what was before to a server that %s', async (_, change) => {
    const one = await serveTools('one')
    const server = { name: 'one', url: one.url, apiKey: 'old' }
    const { gateway, push, untilEvent } = await world(signed(toolSnapshot([server])))
    expect((await namesOf(gateway)).length).toBeGreaterThan(0)
    await one.untilListened(1)
    const next = toolSnapshot(change === null ? [] : [{ ...server, ...change }])
    push(signed({ ...next, sequence: 2 }))
    await untilEvent('snapshot', 2)
    await one.untilLeft(1) // though nobody asks for tools
    await one.untilEnded(1)
    if (change === null) return expect(await namesOf(gateway)).toEqual([])
    one.authorizations.splice(0)
    expect((await namesOf(gateway)).length).toBeGreaterThan(0)
    expect(new Set(one.authorizations)).toEqual(new Set(['Bearer new']))
  })

  test('a call under way when its server is no more ends as it would have, and its session with it (S4)', async () => {
    const begun = new Wakes()
    let go = () => {}
    const one = await serveTools('one', (server) => {
      server.registerTool('waits', {}, async () => {
        await new Promise<void>((resolve) => {
          go = resolve
          begun.wake()
        })
        return { content: [{ type: 'text', text: 'done' }] }
      })
    })
    const snapshot = toolSnapshot([{ name: 'one', url: one.url }])
    const { gateway, push, untilEvent } = await world(signed(snapshot))
    const client = await toolClient(gateway)
    const called = client.callTool({ name: 'one__waits' })
    const isBegun = go
    await begun.until(() => go !== isBegun)
    await one.untilListened(1)
    push(signed({ ...toolSnapshot([]), sequence: 2 }))
    await untilEvent('snapshot', 2)
    go()
    expect(await called).toMatchObject({ content: [{ text: 'done' }] })
    await one.untilLeft(1)
    await one.untilEnded(1)
  })

  test('a gateway that stops ends its sessions, also at a server that does not answer', async () => {
    const one = await serveTools('one')
    const mute = await serve((request, response, body) => {
      if (request.method !== 'POST') return // DELETE, and who listens
      const { id, method } = JSON.parse(body)
      if (id === undefined) return response.writeHead(202).end()
      if (method === 'server/discover') return response.writeHead(400).end()
      const head = { 'content-type': 'application/json', 'mcp-session-id': 's' }
      const serverInfo = { name: 'mute', version: '1' }
      const begun = { protocolVersion: '2025-06-18', serverInfo, capabilities: { tools: {} } }
      const result = method === 'initialize' ? begun : { tools: [{ name: 'f', inputSchema: {} }] }
      response.writeHead(200, head).end(JSON.stringify({ jsonrpc: '2.0', id, result }))
    })
    const servers = [
      { name: 'one', url: one.url },
      { name: 'mute', url: mute.url },
    ]
    const { gateway } = await world(signed(toolSnapshot(servers)))
    expect(await namesOf(gateway)).toContain('mute__f')
    await gateway.stop()
    await one.untilEnded(1)
  })

  test('only with a key, by POST, and in the words of the protocol', async () => {
    const { gateway } = await world(signed(toolSnapshot([])))
    await expect(toolClient(gateway, 'wrong')).rejects.toThrow()
    const send = (method: string, body?: string) =>
      fetch(`${gateway.url}/mcp`, {
        method,
        headers: {
          ...{ authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          accept: 'application/json, text/event-stream',
        },
        ...(body === undefined ? {} : { body }),
      })
    expect([(await send('GET')).status, (await send('DELETE')).status]).toEqual([405, 405])
    expect((await send('POST', '{')).status).toBe(400)
    expect((await send('POST', '{"jsonrpc":"2.0"}')).status).toBe(400)
  })
})
