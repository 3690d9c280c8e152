// An engine that closes an idle connection in the moment in which the next request comes: the caller gets one answer,
// and a Budget pays for one (N7).

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { routeSpec } from '@tutti/core/routing'
import { expect, test, vi } from 'vitest'
import { cleanups, key, newFolder, signed, snapshotOf, world } from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const answer = JSON.stringify({
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
})
const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

/** Answers the first request of each connection, and closes it at the next one. */
async function startEngine() {
  const asked: number[] = [] // on which connection
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const connection = connections
    let [text, isUsed] = ['', false]
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      if (!text.endsWith('}')) return // the last byte of its body
      asked.push(connection)
      if (isUsed) return socket.end()
      ;[text, isUsed] = ['', true]
      socket.write(`${head}content-length: ${answer.length}\r\n\r\n${answer}`)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  const { port } = server.address() as AddressInfo
  return { asked, baseUrl: `http://127.0.0.1:${port}/v1` }
}

test('each request is answered once, as one attempt, and charged once', async () => {
  const { asked, baseUrl } = await startEngine()
  const price = { inputPerMillion: 2, outputPerMillion: 10 }
  const targets = [{ provider: 'engine', model: 'm', price }]
  const of = { project: 'default' }
  const provider = { dialect: 'openai' as const, baseUrl, allowPrivateNetwork: true }
  const snapshot = snapshotOf({
    routes: [{ ...of, name: 'chat', ...routeSpec.parse({ targets, timeoutMs: 4_000 }) }],
    providers: [{ ...of, name: 'engine', ...provider }],
    budgets: [{ ...of, name: 'all', limitDollars: 10, window: 'total' }],
  })
  const plane = new MemoryPlane(10)
  const { gateway } = await world(signed(snapshot), newFolder(), plane)
  vi.useFakeTimers({ toFake: ['performance'] }) // no end comes too late
  cleanups.push(() => vi.useRealTimers())
  const body = JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'x' }] })
  const call = { method: 'POST', headers: { authorization: `Bearer ${key}` }, body }
  for (let i = 0; i < 3; i++) {
    const answered = await fetch(`${gateway.url}/v1/chat/completions`, call)
    expect([answered.status, answered.headers.get('x-tutti-attempts')]).toEqual([200, '1'])
    expect(await answered.text()).toBe(answer)
  }
  await gateway.stop()
  expect(asked).toEqual([1, 1, 2, 2, 3])
  expect(plane.settledNanos).toBe(3 * (100 * 2_000 + 20 * 10_000))
})
