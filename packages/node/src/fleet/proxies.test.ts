// What goes through a proxy: requests, WebSockets, and what of them may not. The proxy is a real one that finds every host
// on this machine.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { proxyFor } from '@tutti/machine'
import { getGlobalDispatcher, request, setGlobalDispatcher } from '@tutti/machine/http-client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { useProxies } from './proxies.ts'
import { certificate, privateKey } from './self-signed.fixture.ts'
import { dialSocket } from './wire.ts'

const before = getGlobalDispatcher()
const servers: Server[] = []
let asked: { readonly path: string | undefined; readonly credentials: string | undefined }[] = []
let answer = 200
let proxy = ''

beforeEach(async () => {
  asked = []
  answer = 200
  const server = createServer()
  server.on('connect', (incoming: IncomingMessage, socket: Duplex) => {
    asked.push({ path: incoming.url, credentials: incoming.headers['proxy-authorization'] })
    if (answer !== 200) return socket.end(`HTTP/1.1 ${answer} No\r\ncontent-length: 0\r\n\r\n`)
    const there = connect(Number(incoming.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const one of [socket, there]) one.on('error', () => there.destroy())
  })
  proxy = `http://user:p%40ss@127.0.0.1:${await portOf(server)}`
  for (const name of ['http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'no_proxy']) {
    vi.stubEnv(name, '')
  }
  vi.stubEnv('HTTP_PROXY', proxy)
  vi.stubEnv('HTTPS_PROXY', proxy)
  vi.stubEnv('NO_PROXY', 'direct.test')
})

afterEach(() => {
  vi.unstubAllEnvs()
  setGlobalDispatcher(before)
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

async function portOf(server: Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A server that says hello on a WebSocket and answers requests, and its port. */
async function serve(isSecure: boolean): Promise<number> {
  const server = isSecure
    ? (createSecureServer({ key: privateKey, cert: certificate }) as Server)
    : createServer()
  server.on('request', (_, response) => response.end('hello'))
  new WebSocketServer({ server }).on('connection', (socket) => socket.send('hello'))
  return await portOf(server)
}

/** The first frame, or why there was none. */
function firstFrame(url: string): Promise<string> {
  return new Promise((resolve) => {
    const wire = dialSocket(url, {
      onFrame: (frame) => {
        resolve(frame)
        wire.terminate()
      },
      onLife: () => {},
      onClose: resolve,
    })
  })
}

const basic = `Basic ${Buffer.from('user:p@ss').toString('base64')}`

test.each([
  ['ws', false],
  ['wss', true],
])('a WebSocket over %s goes through the proxy', async (scheme, isSecure) => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0') // the certificate is this test's own
  const port = await serve(isSecure)
  expect(await firstFrame(`${scheme}://plane.test:${port}/connect`)).toBe('hello')
  expect(asked).toEqual([{ path: `plane.test:${port}`, credentials: basic }])
})

test('what comes through it must prove to be who was asked', async () => {
  const port = await serve(true)
  expect(await firstFrame(`wss://plane.test:${port}/connect`)).toMatch(/self.signed/)
})

test('requests go through the proxy, those of fetch, too', async () => {
  const port = await serve(false)
  useProxies()
  const one = await request(`http://plane.test:${port}/`)
  expect(await one.body.text()).toBe('hello')
  expect(await (await fetch(`http://plane.test:${port}/`)).text()).toBe('hello')
  expect(asked.map(({ path }) => path)).toContain(`plane.test:${port}`)
  await getGlobalDispatcher().close()
})

test('a proxy that refuses is said, with what it answered', async () => {
  answer = 407
  expect(await firstFrame('wss://plane.test/connect')).toContain('407')
  expect(asked.map(({ path }) => path)).toEqual(['plane.test:443'])
})

test('nothing on this machine, and nothing that is excepted, is asked through it', async () => {
  expect(proxyFor('http://plane.test:7070')).toBe(proxy)
  for (const host of [
    'localhost',
    'a.localhost',
    'localhost.',
    '127.0.0.2',
    '[::1]',
    'direct.test',
  ]) {
    expect(proxyFor(`ws://${host}:7070/x`)).toBe(null)
  }
  const port = await serve(false)
  useProxies()
  expect(await firstFrame(`ws://127.0.0.1:${port}`)).toBe('hello')
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
  expect(asked).toEqual([])
})
