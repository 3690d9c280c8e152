// A second target asked beside a silent first, where the Route wants that: one answer counts, both are paid.

import { once } from 'node:events'
import { routeSpec } from '@tutti/core/routing'
import { expect, test } from 'vitest'
import {
  type Handler,
  key,
  newFolder,
  recordOf,
  serve,
  signed,
  snapshotOf,
  world,
} from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const answers: Handler = (_, response) => {
  const message = { role: 'assistant', content: 'here' }
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
  const choices = [{ index: 0, message, finish_reason: 'stop' }]
  response.end(JSON.stringify({ choices, usage }))
}
const price = { inputPerMillion: 1_000, outputPerMillion: 10_000 } // a thousandth, a hundredth of a dollar
const answerNanos = 100 * 1_000_000 + 10 * 10_000_000

async function bed(first: Handler, hedgeMs: number) {
  const asked = [0, 0]
  const engines = await Promise.all(
    [first, answers].map((handler, i) =>
      serve((request, response, body) => {
        asked[i] = (asked[i] ?? 0) + 1
        return handler(request, response, body)
      }),
    ),
  )
  const targets = engines.map((_, i) => ({ provider: `e${i}`, model: 'm', tier: i, price }))
  const spec = routeSpec.parse({ targets, timers: { hedgeMs } })
  const plane = new MemoryPlane(100)
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...spec }],
    providers: engines.map(({ url }, i) => ({
      ...{ name: `e${i}`, project: 'default', dialect: 'openai' as const, baseUrl: url },
      allowPrivateNetwork: true,
    })),
    budgets: [{ name: 'all', project: 'default', limitDollars: 100, window: 'total' }],
  })
  const { gateway } = await world(signed(snapshot), newFolder(), plane)
  const ask = async () => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({
        ...{ model: 'chat', max_tokens: 20 },
        messages: [{ role: 'user', content: 'where are you?' }],
      }),
    })
    return { status: answer.status, attempts: answer.headers.get('x-tutti-attempts') }
  }
  return { gateway, plane, asked, ask }
}

test('the first answer counts, the other is cut; both are charged, by what is known', async () => {
  let cut: Promise<unknown> = Promise.reject(new Error('it was not asked'))
  cut.catch(() => {})
  const silent: Handler = (request) => {
    cut = once(request.socket, 'close')
  }
  const { gateway, plane, ask } = await bed(silent, 50)
  expect(await ask()).toEqual({ status: 200, attempts: '2' })
  await cut
  const record = await recordOf(gateway)
  expect(record.isEstimated).toBe(true) // nobody counted what the first has read
  expect(record.costNanos).toBeGreaterThan(answerNanos)
  await gateway.stop()
  expect([plane.settledNanos, plane.openNanos]).toEqual([record.costNanos, 0])
})

test('who answers in time is asked alone', async () => {
  const { gateway, plane, asked, ask } = await bed(answers, 20_000)
  expect(await ask()).toEqual({ status: 200, attempts: '1' })
  await gateway.stop()
  expect([asked, plane.settledNanos]).toEqual([[1, 0], answerNanos])
})
