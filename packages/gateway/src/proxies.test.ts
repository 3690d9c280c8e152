// Providers through the proxy that the environment names. The proxy is a real one that finds every host on this machine.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type ConnectProxy, startConnectProxy } from '../../machine/src/connect-proxy.fixture.ts'
import {
  cleanups,
  infer,
  key,
  newFolder,
  serve,
  signed,
  toNodes,
  toProvider,
  world,
} from './gateway-world.fixture.ts'
import { providerGuard } from './governance/index.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'
import type { Gateway } from './start.ts'
import { serveTools, toolClient, toolSnapshot } from './tool-world.fixture.ts'

let proxy: ConnectProxy

beforeEach(async () => {
  proxy = await startConnectProxy()
  cleanups.push(proxy.stop)
  for (const name of ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'no_proxy']) {
    vi.stubEnv(name, '')
  }
  vi.stubEnv('HTTP_PROXY', proxy.url)
  vi.stubEnv('NO_PROXY', 'direct.test')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

const hosts = () => proxy.asked.map(({ host }) => host)

async function chat(gateway: Gateway): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hi' }] }),
  })
  return { status: answer.status, text: await answer.text() }
}

async function engine(): Promise<string> {
  const message = { role: 'assistant', content: 'hello' }
  const whole = { id: 'c', choices: [{ index: 0, message, finish_reason: 'stop' }] }
  const { url } = await serve((_, response) => response.end(JSON.stringify(whole)))
  return new URL(url).port
}

test.each([true, false])(
  'a Provider is asked through it, also where its address must be public (%s)',
  async (isPrivateAllowed) => {
    const port = await engine()
    const snapshot = toProvider(`http://engine.test:${port}/v1`, isPrivateAllowed)
    const { gateway } = await world(signed(snapshot))
    expect(await chat(gateway)).toMatchObject({ status: 200 })
    expect(hosts()).toEqual([`engine.test:${port}`])
  },
)

test('what is known here to be private is not asked of it, unless the Provider says so', async () => {
  const port = await engine()
  for (const host of ['10.0.0.1', '169.254.169.254', 'localhost', 'x.localhost', 'localhost.']) {
    const { gateway } = await world(signed(toProvider(`http://${host}:${port}/v1`, false)))
    const { status, text } = await chat(gateway)
    expect(status, host).toBe(502)
    expect(text, host).toMatch(/private network|ENOTFOUND|EAI_AGAIN/)
  }
  expect(hosts()).toEqual([])
  const { gateway } = await world(signed(toProvider(`http://10.0.0.1:${port}/v1`, true)))
  expect(await chat(gateway)).toMatchObject({ status: 200 })
})

test('nodes, this machine, and whatever is excepted are asked directly', async () => {
  const port = await engine()
  const own = await world(signed(toProvider(`http://127.0.0.1:${port}/v1`, true)))
  expect(await chat(own.gateway)).toMatchObject({ status: 200 })
  const excepted = await world(signed(toProvider(`http://direct.test:${port}/v1`, true)))
  expect((await chat(excepted.gateway)).status).toBe(502) // nobody here knows the name
  const node = await world(signed(toNodes([`http://node.test:${port}`])))
  expect((await infer(node.gateway)).status).toBeGreaterThanOrEqual(502)
  expect(hosts()).toEqual([])
})

test('a server of tools is asked through it, too', async () => {
  const tools = await serveTools('one')
  const { port } = new URL(tools.url)
  const url = `http://tools.test:${port}/mcp`
  const of = [
    { name: 'one', url, allowPrivateNetwork: false },
    { name: 'two', url: `http://10.0.0.1:${port}/mcp`, allowPrivateNetwork: false },
  ]
  const { gateway } = await world(signed(toolSnapshot(of)), newFolder(), new MemoryPlane(1))
  const client = await toolClient(gateway)
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toContain('one__echo')
  expect(names.filter((name) => name.startsWith('two__'))).toEqual([])
  expect(new Set(hosts())).toEqual(new Set([`tools.test:${port}`]))
})

test('a name is forbidden where it is known here to be private, and nowhere else', async () => {
  for (const name of ['localhost', 'localhost.', '[::1]']) {
    const why = await providerGuard.whyNotThroughProxy(name)
    expect(why?.message).toContain('private network')
  }
  expect(await providerGuard.whyNotThroughProxy('nobody.invalid')).toBeNull()
})
