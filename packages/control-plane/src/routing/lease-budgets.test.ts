// A budget's accounts on the real Postgres: B1, B3, and who may ask.

import type { LeaseAnswer } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { apply, bed, call, makeKey, usePlane } from '../test-plane.fixture.ts'

usePlane()

const dollar = 1_000_000_000

async function ask(gateway: string, body: object): Promise<LeaseAnswer> {
  const key = bed.plane.credentials?.gateway ?? ''
  const whole = { gateway, settled: [], wanted: [], ...body }
  const { status, body: answer } = await call('POST', '/leases', whole, { key })
  expect(status, JSON.stringify(answer)).toBe(200)
  return answer
}

const want = (budget: string, nanos: number) => ({
  wanted: [{ project: 'default', budget, nanos }],
})
const sum = (answers: readonly LeaseAnswer[]) =>
  answers.flatMap(({ granted }) => granted).reduce((total, { nanos }) => total + nanos, 0)

describe('leases', () => {
  test('any number of gateways at once get no more than there is (B1)', async () => {
    expect((await apply('Budget', 'many', { limitDollars: 1, window: 'total' })).status).toBe(201)
    const names = Array.from({ length: 12 }, (_, i) => `gateway-${i}`)
    const answers = await Promise.all(names.map((name) => ask(name, want('many', dollar / 8))))
    expect(sum(answers)).toBe(dollar)
  })

  test('what is given back can be granted again, once, less what was spent', async () => {
    await apply('Budget', 'back', { limitDollars: 1, window: 'total' })
    const first = await ask('gateway-a', want('back', dollar))
    const lease = first.granted[0]?.lease ?? ''
    expect(sum([await ask('gateway-b', want('back', dollar))])).toBe(0)
    const over = { settled: [{ lease, nanos: dollar / 4, isOver: true }] }
    await ask('gateway-a', over)
    expect((await ask('gateway-a', over)).unknown).toEqual([lease]) // said twice
    expect(sum([await ask('gateway-b', want('back', dollar))])).toBe((dollar * 3) / 4)
  })

  test('a Budget says what is spent, what gateways hold and what is left', async () => {
    await apply('Budget', 'seen', { limitDollars: 4, window: 'day' })
    const status = async () => (await call('GET', '/budgets/seen')).body.status
    expect(await status()).toMatchObject({ spentDollars: 0, heldDollars: 0, leftDollars: 4 })
    const { granted } = await ask('gateway-a', want('seen', 2 * dollar))
    const lease = granted[0]?.lease ?? ''
    await ask('gateway-a', { settled: [{ lease, nanos: dollar / 2, isOver: false }] })
    const held = { spentDollars: 0.5, heldDollars: 1.5, leftDollars: 2 }
    expect(await status()).toMatchObject(held)
    await ask('gateway-a', { settled: [{ lease, nanos: dollar, isOver: true }] })
    const closed = { spentDollars: 1, heldDollars: 0, leftDollars: 3 }
    expect(await status()).toMatchObject(closed)
    const { body } = await call('GET', '/budgets')
    const [listed] = body.items.filter(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === 'seen',
    )
    expect(listed.status).toMatchObject(closed)
    expect(listed.status.windowEndMs - listed.status.windowStartMs).toBe(86_400_000)
  })

  test('totals never go back, and nobody accounts for somebody else', async () => {
    await apply('Budget', 'total', { limitDollars: 1, window: 'total' })
    const { granted } = await ask('gateway-a', want('total', dollar))
    const lease = granted[0]?.lease ?? ''
    const settled = (nanos: number, isOver = false) => ({ settled: [{ lease, nanos, isOver }] })
    expect((await ask('gateway-b', settled(0, true))).unknown).toEqual([lease])
    await ask('gateway-a', settled(dollar / 2))
    await ask('gateway-a', settled(dollar / 4, true)) // a message that came late
    expect(sum([await ask('gateway-b', want('total', dollar))])).toBe(dollar / 2)
  })

  test('only gateways may ask, and only for what makes sense', async () => {
    const key = await makeKey('caller-only', ['caller'])
    const body = { gateway: 'gateway-x', settled: [], wanted: [] }
    expect((await call('POST', '/leases', body, { key })).status).toBe(403)
    const bad = { ...body, wanted: [{ project: 'default', budget: 'b', nanos: -1 }] }
    const gateway = { key: bed.plane.credentials?.gateway ?? '' }
    expect((await call('POST', '/leases', bad, gateway)).status).toBe(422)
    expect(sum([await ask('gateway-a', want('nobody-declared-it', dollar))])).toBe(0)
  })

  test('a budget over its soft limit is named with every lease, and no other is', async () => {
    await apply('Budget', 'soft', { limitDollars: 1, softDollars: 0.5, window: 'total' })
    await apply('Budget', 'hard', { limitDollars: 1, window: 'total' })
    const first = await ask('gateway-a', want('soft', dollar / 4))
    expect(first).not.toHaveProperty('soft')
    const second = await ask('gateway-a', want('soft', dollar / 4))
    expect(second).not.toHaveProperty('soft') // granted is not spent
    const leases = [first, second].flatMap(({ granted }) => granted.map(({ lease }) => lease))
    const settled = leases.map((lease) => ({
      lease,
      nanos: dollar / 4,
      isOver: lease === leases[0],
    }))
    const third = await ask('gateway-b', want('soft', 1))
    expect(third).not.toHaveProperty('soft')
    const told = await ask('gateway-a', { settled, ...want('soft', 1) })
    expect(told.soft).toEqual([
      { project: 'default', budget: 'soft', untilMs: Number.MAX_SAFE_INTEGER },
    ])
    expect(await ask('gateway-a', want('hard', 1))).not.toHaveProperty('soft')
  })
})
