// A second target asked beside a silent first, where the Route wants that: one answer counts, both are paid.

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { routeSpec } from '@tutti/core/routing'
import { systemClock } from '@tutti/machine'
import { expect, test } from 'vitest'
import {
  type Accounts,
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

const message = { role: 'assistant', content: 'here' }
const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
const choices = [{ index: 0, message, finish_reason: 'stop' }]
const answer = JSON.stringify({ choices, usage })
const answers: Handler = (_, response) => response.end(answer)
const price = { inputPerMillion: 1_000, outputPerMillion: 10_000 } // a thousandth, a hundredth of a dollar
const answerNanos = 100 * 1_000_000 + 10 * 10_000_000

/** With a price of one's own, else engines that cost nothing. */
async function bed(
  first: Handler,
  timers: object,
  more: {
    /** Who costs nothing. */
    readonly isFree?: true | 'first'
    readonly second?: Handler
    /** Before leases are granted. */
    readonly beforeGrant?: () => unknown
  } = {},
) {
  const asked = [0, 0]
  const order: number[] = [] // who was asked, one after the other
  const engines = await Promise.all(
    [first, more.second ?? answers].map((handler, i) =>
      serve((request, response, body) => {
        asked[i] = (asked[i] ?? 0) + 1
        order.push(i)
        return handler(request, response, body)
      }),
    ),
  )
  const targets = engines.map((_, i) => ({ provider: `e${i}`, model: 'm', tier: i }))
  const isFree = (i: number) => more.isFree === true || (more.isFree === 'first' && i === 0)
  const priced = targets.map((target, i) => (isFree(i) ? target : { ...target, price }))
  const spec = routeSpec.parse({ targets: priced, timers })
  const plane = new MemoryPlane(100)
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...spec }],
    providers: engines.map(({ url }, i) => ({
      ...{ name: `e${i}`, project: 'default', dialect: 'openai' as const, baseUrl: url },
      allowPrivateNetwork: true,
    })),
    budgets: [{ name: 'all', project: 'default', limitDollars: 100, window: 'total' }],
  })
  const clock = { ...systemClock, steadyMs: () => 0 } // a circuit that opens stays so
  const accounts: Accounts = {
    ask: async (request) => {
      if (request.wanted.length > 0) await more.beforeGrant?.()
      return plane.ask(request)
    },
  }
  const { gateway } = await world(signed(snapshot), newFolder(), accounts, { clock })
  const ask = async (signal: AbortSignal | null = null) => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      ...{ method: 'POST', signal },
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({
        ...{ model: 'chat', max_tokens: 20 },
        messages: [{ role: 'user', content: 'where are you?' }],
      }),
    })
    return { status: answer.status, attempts: answer.headers.get('x-tutti-attempts') }
  }
  return { gateway, plane, asked, order, ask }
}

test('the first answer counts, the other is cut; both are charged, by what is known', async () => {
  let cut: Promise<unknown> = Promise.reject(new Error('it was not asked'))
  cut.catch(() => {})
  const silent: Handler = (request) => {
    cut = once(request.socket, 'close')
  }
  const { gateway, plane, ask } = await bed(silent, { hedgeMs: 50 })
  expect(await ask()).toEqual({ status: 200, attempts: '2' })
  await cut
  const record = await recordOf(gateway)
  expect(record.isEstimated).toBe(true) // nobody counted what the first has read
  expect(record.costNanos).toBeGreaterThan(answerNanos)
  await gateway.stop()
  expect([plane.settledNanos, plane.openNanos]).toEqual([record.costNanos, 0])
})

test('who answers in time is asked alone', async () => {
  const { gateway, plane, asked, ask } = await bed(answers, { hedgeMs: 20_000 })
  expect(await ask()).toEqual({ status: 200, attempts: '1' })
  await gateway.stop()
  expect([asked, plane.settledNanos]).toEqual([[1, 0], answerNanos])
})

/** An engine whose answers the test gives, each on a connection of its own. */
function held() {
  const waiting: ServerResponse[] = []
  const closed: Promise<unknown>[] = []
  const handler: Handler = (request, response) => {
    waiting.push(response)
    closed.push(once(request.socket, 'close'))
  }
  return { waiting, closed, handler }
}

test('who answers while another is waited for that wants to be asked later is not kept waiting', async () => {
  const slow = held()
  const busy: Handler = (request, response) => {
    request.socket.once('close', () => slow.waiting[0]?.end(answer))
    response.writeHead(429, { 'retry-after': '3', connection: 'close' }).end('{}')
  }
  const { asked, ask } = await bed(slow.handler, { hedgeMs: 30 }, { second: busy })
  expect(await ask()).toEqual({ status: 200, attempts: '2' })
  expect(asked).toEqual([1, 1])
})

test('who answers while a budget is asked for another is not kept waiting; the other is not asked', async () => {
  const slow = held()
  let grant = () => {}
  const granted = new Promise<void>((resolve) => {
    grant = resolve
  })
  const beforeGrant = () => {
    slow.waiting[0]?.end(answer)
    return granted
  }
  const more = { isFree: 'first', beforeGrant } as const
  const { gateway, plane, asked, ask } = await bed(slow.handler, { hedgeMs: 30 }, more)
  expect(await ask()).toEqual({ status: 200, attempts: '1' })
  grant()
  expect(await ask()).toEqual({ status: 200, attempts: '2' }) // of what was granted for the first
  expect(asked).toEqual([2, 1])
  await gateway.stop()
  expect([plane.settledNanos, plane.openNanos]).toEqual([answerNanos, 0])
})

test.each([
  { what: 'one', hedgeMs: 20_000, count: 1 },
  { what: 'two', hedgeMs: 30, count: 2 },
])(
  'who leaves while $what is asked for him is charged, and recorded, once for each',
  async (of) => {
    const slow = held()
    const leaving = new AbortController()
    const last: Handler = (request, response, body) => {
      slow.handler(request, response, body)
      if (slow.waiting.length === of.count) leaving.abort()
    }
    const { hedgeMs } = of
    const { gateway, plane, ask } = await bed(last, { hedgeMs }, { second: last })
    await expect(ask(leaving.signal)).rejects.toThrow('aborted')
    const record = await recordOf(gateway)
    expect(record).toMatchObject({ status: 499, targets: ['e0/m', 'e1/m'].slice(0, of.count) })
    await gateway.stop()
    expect([plane.settledNanos, plane.openNanos]).toEqual([record.costNanos, 0])
  },
)

test('who never answers within its own time is asked last, though others were faster', async () => {
  const { closed, handler } = held()
  const { order, ask } = await bed(handler, { hedgeMs: 30, headersMs: 300 }, { isFree: true })
  for (let i = 0; i < 3; i++) expect(await ask()).toEqual({ status: 200, attempts: '2' })
  await Promise.all(closed)
  expect(order.splice(0)).toEqual([0, 1, 0, 1, 0, 1])
  expect((await ask()).status).toBe(200)
  expect(order[0]).toBe(1) // on a busy machine the other may be asked beside it
})

test('who is only slower is asked again', async () => {
  const { waiting, closed, handler } = held()
  const { asked, ask } = await bed(handler, { hedgeMs: 30, headersMs: 20_000 }, { isFree: true })
  for (let i = 0; i < 3; i++) await ask()
  for (const response of waiting) response.setHeader('connection', 'close').end(answer)
  await Promise.all(closed)
  await ask()
  expect(asked).toEqual([4, 4])
})

test('of those that are slow only so many go on; nobody pays for what nobody hears', async () => {
  const slow = held()
  const free = await bed(slow.handler, { hedgeMs: 30, headersMs: 20_000 }, { isFree: true })
  for (let i = 0; i < 4; i++) await free.ask()
  await slow.closed[3] // the fourth is cut
  expect(slow.waiting.map(({ destroyed }) => destroyed)).toEqual([false, false, false, true])
  const dear = held()
  const paid = await bed(dear.handler, { hedgeMs: 30, headersMs: 20_000 })
  await paid.ask()
  await dear.closed[0]
})
