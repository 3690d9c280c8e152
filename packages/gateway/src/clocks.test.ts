// What clocks do to requests: one that somebody sets ahead or back does nothing, and an answer that takes its time keeps
// nobody from an endpoint that is well again.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:net'
import { routeSpec } from '@tutti/core/routing'
import { systemClock } from '@tutti/machine'
import { expect, test } from 'vitest'
import {
  cleanups,
  type Handler,
  key,
  newFolder,
  serve,
  signed,
  snapshotOf,
  world,
} from './gateway-world.fixture.ts'
import type { Gateway, GatewayOptions } from './start.ts'

const hourMs = 3_600_000
const messages = [{ role: 'user', content: 'hi' }]
const whole = (content: string) =>
  JSON.stringify({ choices: [{ index: 0, message: { content }, finish_reason: 'stop' }] })
const part = (content: string, reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: reason }] })}\n\n`

/** Two engines, the second of which is asked where the first cannot answer. */
async function bed(
  first: Handler,
  clock: NonNullable<GatewayOptions['clock']>,
  settings: object = {},
) {
  const second: Handler = (_, response) => response.end(whole('second'))
  const engines = await Promise.all([first, second].map(serve))
  const targets = engines.map((_, i) => ({ provider: `e${i}`, model: 'm', tier: i }))
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets, ...settings }) }],
    providers: engines.map(({ url }, i) => ({
      ...{ name: `e${i}`, project: 'default', dialect: 'openai' as const, baseUrl: url },
      allowPrivateNetwork: true,
    })),
  })
  return (await world(signed(snapshot), newFolder(), undefined, { clock })).gateway
}

function ask(gateway: Gateway, stream = false): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'chat', messages, stream }),
  })
}

/** Who answered a request that is not streamed. */
async function who(gateway: Gateway): Promise<string> {
  const answer = await ask(gateway)
  const text = await answer.text()
  return answer.ok ? JSON.parse(text).choices[0].message.content : text
}

test.each([hourMs, -hourMs])('a wall clock that is set by %d ms ends no request', async (byMs) => {
  let setMs = 0
  const fails: Handler = (_, response) => {
    setMs = byMs
    response.writeHead(500).end('{}')
  }
  const gateway = await bed(fails, { ...systemClock, nowMs: () => Date.now() + setMs })
  expect(await who(gateway)).toBe('second')
})

test('an answer that is kept grows old while a wall clock is set back', async () => {
  let steadyMs = 0
  let said = 0
  const counts: Handler = (_, response) => response.end(whole(`${++said}`))
  const clock = { nowMs: () => Date.now() - steadyMs, steadyMs: () => steadyMs }
  const gateway = await bed(counts, clock, { cache: { ttlS: 60 } })
  expect([await who(gateway), await who(gateway)]).toEqual(['1', '1'])
  steadyMs = 60_000
  expect(await who(gateway)).toBe('2')
})

test('a connection has as long as its Route says', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1') // takes connections, says nothing of TLS
  await once(silent, 'listening')
  cleanups.push(() => silent.close())
  const address = silent.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const provider = { name: 'slow', project: 'default', dialect: 'openai', baseUrl: '' } as const
  const spec = { targets: [{ provider: 'slow', model: 'm' }], timers: { connectMs: 40 } }
  const snapshot = snapshotOf({
    routes: [{ ...{ name: 'chat', project: 'default' }, ...routeSpec.parse(spec) }],
    providers: [
      { ...provider, baseUrl: `https://127.0.0.1:${port}`, allowPrivateNetwork: true, apiKey: 'k' },
    ],
  })
  const { gateway } = await world(signed(snapshot))
  const answer = await ask(gateway)
  expect(answer.status).toBe(502)
  expect(await answer.text()).toContain('could not be reached within 40 ms')
})

test('an endpoint that answers again, at length, is asked by others meanwhile (C3)', async () => {
  let steadyMs = 0
  let isWell = false
  const streams: ServerResponse[] = []
  const first: Handler = (_, response, body) => {
    if (!isWell) return response.writeHead(500).end('{}')
    if (!JSON.parse(body).stream) return response.end(whole('first'))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(part('and so'))
    streams.push(response)
  }
  const gateway = await bed(first, { ...systemClock, steadyMs: () => steadyMs })
  const before = [await who(gateway), await who(gateway), await who(gateway)]
  expect(before).toEqual(['second', 'second', 'second'])
  isWell = true
  expect(await who(gateway)).toBe('second') // its circuit is open
  steadyMs += 500
  const answer = await ask(gateway, true)
  const reader = answer.body?.getReader()
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('and so')
  expect(await who(gateway)).toBe('first')
  streams[0]?.end(`${part('on', 'stop')}data: [DONE]\n\n`)
  while ((await reader?.read())?.done === false);
})
