// Through a proxy: to whom, over TLS or not, and what is never asked of it. The proxy is a real one that finds every host on
// this machine.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { startConnectProxy } from '../../../machine/src/connect-proxy.fixture.ts'
import { certificate, privateKey } from '../../../node/src/fleet/self-signed.fixture.ts'
import { Batch } from './batch.ts'
import type { Reach } from './dial.ts'
import { Lanes } from './lanes.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function engine(isSecure: boolean): Promise<number> {
  const tls = { key: privateKey, cert: certificate }
  const server = isSecure ? createSecureServer(tls) : createServer()
  server.on('request', (_, response) => response.end('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

async function through(answer = 200, of: Reach = {}) {
  const proxy = await startConnectProxy(answer)
  const lanes = new Lanes(new Batch(), { proxyFor: () => proxy.url, ...of })
  cleanups.push(proxy.stop, () => lanes.stop())
  return { proxy, lanes }
}

/** The answer, or why there is none. */
function ask(lanes: Lanes, origin: string): Promise<string> {
  return new Promise((resolve) => {
    let body = ''
    lanes.dispatch(
      origin,
      { method: 'GET', path: '/', headers: {}, body: null, connectMs: 60_000 },
      {
        isOver: false,
        onRequestStart: () => {},
        onResponseStart: () => {},
        onResponseData: (chunk) => {
          body += String(chunk)
        },
        onResponseEnd: () => resolve(body),
        onResponseError: (error) => resolve(`no: ${error.message}`),
      },
    )
  })
}

test.each([
  ['http', false],
  ['https', true],
])('a Provider over %s is asked through a tunnel, which is kept', async (scheme, isSecure) => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0') // the certificate is a test's own
  const port = await engine(isSecure)
  const { proxy, lanes } = await through()
  const origin = `${scheme}://engine.test:${port}`
  expect(await ask(lanes, origin)).toBe('hello')
  expect(await ask(lanes, origin)).toBe('hello')
  expect(proxy.asked.map(({ host }) => host)).toEqual([`engine.test:${port}`])
})

test('what comes through it must prove to be who was asked', async () => {
  const port = await engine(true)
  const { lanes } = await through()
  expect(await ask(lanes, `https://engine.test:${port}`)).toMatch(/no: .*self.signed/)
})

test('a proxy that refuses is said, with what it answered', async () => {
  const { lanes } = await through(403)
  const said = await ask(lanes, 'http://engine.test:1')
  expect(said).toMatch(/no: the proxy .* does not connect to engine.test:1: it answered 403/)
})

test('a name that is known to be forbidden is not asked of it (D1)', async () => {
  const port = await engine(false)
  const whyForbidden = async (name: string) =>
    name === 'inner.test' ? new Error('it is private') : null
  const { proxy, lanes } = await through(200, { whyForbidden })
  expect(await ask(lanes, `http://inner.test:${port}`)).toBe('no: it is private')
  expect(proxy.asked).toEqual([])
  expect(await ask(lanes, `http://outer.test:${port}`)).toBe('hello')
})
