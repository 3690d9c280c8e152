// Inner addresses
//
// URLs that a user gives and a server fetches (SSRF): every way to write an inner address, and a redirect from
// an address that was allowed. The inner server counts who came.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Attack, ask, bearer } from './attack.ts'

const secret = 'inner-secret-7f3a'

export async function tryInnerAddresses({ fleet, scoring }: Attack): Promise<void> {
  let visits = 0
  const inner = await listen((_, response) => {
    visits += 1
    response.end(secret)
  })
  const front = await listen((_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${portOf(inner)}/latest/meta-data` })
    response.end()
  })
  try {
    const lures = luresTo(portOf(inner))
    for (const [i, baseUrl] of lures.entries()) {
      const said = await askThrough(fleet, `lure-${i}`, { dialect: 'openai', baseUrl })
      scoring.check(visits === 0, `a provider at ${baseUrl} was reached`)
      scoring.check(said.status >= 400, `a provider at ${baseUrl} answered ${said.status}`)
      visits = 0
    }
    const baseUrl = `http://127.0.0.1:${portOf(front)}`
    const allowed = { dialect: 'openai', baseUrl, allowPrivateNetwork: true }
    const redirected = await askThrough(fleet, 'redirected', allowed)
    const isKept = visits === 0 && !redirected.body.includes(secret)
    scoring.check(isKept, 'a redirect from an allowed provider was followed')
    for (const url of [
      'file:///etc/passwd',
      'gopher://127.0.0.1:1/',
      'ftp://127.0.0.1/',
      'javascript:1',
    ]) {
      const { status } = await applyTo(fleet, 'providers', 'odd', {
        dialect: 'openai',
        baseUrl: url,
      })
      scoring.check(status === 422, `a provider at ${url}: ${status}`)
    }
  } finally {
    for (const server of [inner, front]) {
      server.closeAllConnections()
      server.close()
    }
  }
}

function luresTo(port: number): string[] {
  const loopback = [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '0.0.0.0',
    '127.1',
    '2130706433',
    '0x7f000001',
  ]
  const disguised = [
    '0177.0.0.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    'LOCALHOST',
    'user@127.0.0.1',
  ]
  const others = [
    '169.254.169.254',
    '[fe80::1]',
    '[fd00::1]',
    '10.0.0.1',
    '192.168.0.1',
    '100.64.0.1',
  ]
  return [...loopback, ...disguised, ...others].map((host) => `http://${host}:${port}/v1`)
}

/** A chat call by a route of its own to this provider. */
async function askThrough(fleet: Attack['fleet'], name: string, provider: object) {
  const made = await applyTo(fleet, 'providers', name, provider)
  if (made.status >= 400) return made // refused before anything was asked
  const target = { provider: name, model: 'm' }
  await applyTo(fleet, 'routes', name, { targets: [target], attemptsMax: 1, timeoutMs: 2_000 })
  const messages = [{ role: 'user', content: 'hello' }]
  const body = JSON.stringify({ model: name, messages })
  for (;;) {
    const url = `${fleet.gateway}/v1/chat/completions`
    const answer = await ask(url, { method: 'POST', headers: bearer(fleet.key), body })
    if (answer.status !== 404) return answer // 404: the gateway has not heard of the route yet
  }
}

async function applyTo(fleet: Attack['fleet'], plural: string, name: string, spec: object) {
  const kind = plural === 'routes' ? 'Route' : 'Provider'
  const body = JSON.stringify({ apiVersion: 'tutti/v1', kind, metadata: { name }, spec })
  const url = `${fleet.url}/api/v1/${plural}/${name}`
  return await ask(url, { method: 'PUT', headers: bearer(fleet.key), body })
}

async function listen(answer: Parameters<typeof createServer>[1]): Promise<Server> {
  const server = createServer(answer as never).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
