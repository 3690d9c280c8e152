// A tunnel is one only where the proxy says so, and says nothing else.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { startConnectProxy } from './connect-proxy.fixture.ts'
import { openTunnel } from './open-tunnel.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A server that does this with each connection, and its port. */
async function serve(work: (socket: Socket) => unknown): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    work(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

const never = new AbortController().signal

test('what is at its end is heard and spoken to; the proxy is told who asks', async () => {
  const port = await serve((socket) => socket.on('data', (bytes) => socket.end(`got ${bytes}`)))
  const proxy = await startConnectProxy()
  cleanups.push(proxy.stop)
  const host = `engine.test:${port}`
  const tunnel = await openTunnel({ proxy: proxy.url, host, signal: never })
  if (typeof tunnel === 'string') throw new Error(tunnel)
  tunnel.write('this')
  let got = ''
  for await (const bytes of tunnel) got += String(bytes)
  expect(got).toBe('got this')
  const credentials = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
  expect(proxy.asked).toEqual([{ host, credentials }])
})

test.each([
  ['it answered 407', 'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'],
  ['it answered no HTTP', 'hello\r\n\r\n'],
  ['it says more than that it does', 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n'],
  ['its answer has no end', 'x'.repeat(20_000)],
  ['it ended the connection', null],
])('%s: there is no tunnel', async (why, said) => {
  const port = await serve((socket) => {
    socket.once('data', () => (said === null ? socket.end() : socket.write(said)))
  })
  const proxy = `http://127.0.0.1:${port}`
  const opened = await openTunnel({ proxy, host: 'engine.test:1', signal: never })
  expect(opened).toBe(`the proxy 127.0.0.1:${port} does not connect to engine.test:1: ${why}`)
})

test('who is given up is told why, and a proxy of another kind is none', async () => {
  const giving = new AbortController()
  const port = await serve(() => giving.abort(new Error('too late')))
  const proxy = `http://127.0.0.1:${port}`
  const opened = await openTunnel({ proxy, host: 'a.test:1', signal: giving.signal })
  expect(opened).toContain('too late')
  const socks = await openTunnel({ proxy: 'socks5://a.test:1', host: 'b.test:1', signal: never })
  expect(socks).toContain('socks5:')
})
