// A budget's accounts on the real Postgres: B1, B3, and who may ask.

import { type LeaseAnswer, type LeaseRequest, lostMs } from '@tutti/core/routing'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openDatabase, type Sql } from '../store/index.ts'
import { apply, bed, call, folder, makeKey, usePlane } from '../test-plane.fixture.ts'
import { foldBudgets } from './fold-budgets.ts'
import { leaseBudgets } from './lease-budgets.ts'

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

  test('a window that is made shorter holds what was spent in it before', async () => {
    vi.spyOn(Date, 'now').mockReturnValue(Date.now()) // no hour ends
    onTestFinished(() => void vi.restoreAllMocks())
    await apply('Budget', 'narrowed', { limitDollars: 1, window: 'month' })
    const { granted } = await ask('gateway-a', want('narrowed', dollar))
    const settled = granted.map(({ lease, nanos }) => ({ lease, nanos, isOver: true }))
    await ask('gateway-a', { settled })
    for (const window of ['day', 'hour']) {
      await apply('Budget', 'narrowed', { limitDollars: 1.25, window })
      const rest = await ask('gateway-b', want('narrowed', dollar))
      expect([window, sum([rest])]).toEqual([window, dollar / 4])
      const back = rest.granted.map(({ lease }) => ({ lease, nanos: 0, isOver: true }))
      await ask('gateway-b', { settled: back })
    }
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

describe('by a clock of one’s own', () => {
  let sql: Sql | undefined
  beforeAll(async () => {
    ;({ sql } = await openDatabase({ url: undefined, dataFolder: folder }))
  })
  afterAll(() => sql?.end())
  const turn = (nowMs: number, gateway: string, body: Partial<LeaseRequest>) => {
    if (sql === undefined) throw new Error('it is opened first')
    return leaseBudgets(sql, { gateway, settled: [], wanted: [], ...body }, nowMs)
  }
  const hourMs = 3_600_000
  const dayMs = 24 * hourMs
  const monthMs = Date.UTC(2025, 2, 1)
  const noonMs = monthMs + 9 * dayMs + 12 * hourMs

  const charged = async (budget: string) => {
    if (sql === undefined) throw new Error('it is opened first')
    const rows = await sql<{ nanos: string }[]>`
      select sum(settled_nanos) as nanos from budget_window where budget = ${budget}`
    return Number(rows[0]?.nanos)
  }

  test('those who end leases of the same budgets, in whatever order, wait for each other in one', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `crossed-${i}`)
    for (const name of names) await apply('Budget', name, { limitDollars: 10, window: 'total' })
    const gateways = Array.from({ length: 8 }, (_, i) => `gateway-${i}`)
    const wanted = names.map((budget) => ({ project: 'default', budget, nanos: 10 }))
    for (let round = 0; round < 5; round++) {
      const end = async (gateway: string, isReversed: boolean) => {
        const { granted } = await turn(noonMs, gateway, { wanted })
        const settled = granted.map(({ lease }) => ({ lease, nanos: 1, isOver: true }))
        return () => turn(noonMs, gateway, { settled: isReversed ? settled.reverse() : settled })
      }
      const ends = await Promise.all(gateways.map((name, i) => end(name, i % 2 === 1)))
      await Promise.all(ends.map((one) => one()))
    }
    for (const name of names) expect(await charged(name)).toBe(5 * 8)
  })

  test('a lease that is lost while its gateway accounts for it is charged once (B3)', async () => {
    for (let round = 0; round < 8; round++) {
      const budget = `once-${round}`
      await apply('Budget', budget, { limitDollars: 10, window: 'total' })
      const wanted = [{ project: 'default', budget, nanos: dollar }]
      const { granted } = await turn(noonMs, 'gateway-a', { wanted })
      const settled = granted.map(({ lease }) => ({ lease, nanos: dollar / 2, isOver: true }))
      const late = noonMs + 3 * hourMs
      await Promise.all([
        ...['gateway-b', 'gateway-c'].map((name) => turn(late, name, { wanted })),
        turn(late, 'gateway-a', { settled }),
        ...['gateway-d', 'gateway-e'].map((name) => turn(late, name, { wanted })),
      ])
      expect([dollar / 2, dollar]).toContain(await charged(budget))
    }
  })

  test('a lease whose time has passed is charged in full, and nothing is heard of it any more (B3)', async () => {
    await apply('Budget', 'late', { limitDollars: 10, window: 'total' })
    const wanted = [{ project: 'default', budget: 'late', nanos: dollar }]
    const [lease] = (await turn(noonMs, 'gateway-a', { wanted })).granted
    const late = noonMs + lostMs + 1
    await turn(late - 1, 'gateway-b', { wanted })
    expect(await charged('late')).toBe(0)
    await turn(late, 'gateway-b', { wanted })
    expect(await charged('late')).toBe(dollar)
    const settled = [{ lease: lease?.lease ?? '', nanos: dollar / 2, isOver: true }]
    expect((await turn(late, 'gateway-a', { settled })).unknown).toEqual([lease?.lease])
    expect(await charged('late')).toBe(dollar)
  })

  test('hours of long ago are counted by their day, and all counts as before', async () => {
    const opened = sql
    if (opened === undefined) throw new Error('it is opened first')
    await apply('Budget', 'folded', { limitDollars: 1_000, window: 'month' })
    const wanted = [{ project: 'default', budget: 'folded', nanos: dollar }]
    const beginMs = Date.UTC(2025, 3, 1)
    for (let i = 0; i < 20; i++) {
      const nowMs = beginMs + i * 13 * hourMs
      const [lease] = (await turn(nowMs, 'gateway-a', { wanted })).granted
      const settled = [{ lease: lease?.lease ?? '', nanos: i + 1, isOver: true }]
      await turn(nowMs, 'gateway-a', { settled })
    }
    const rows = () => opened<{ hour: number; nanos: number }[]>`
      select ((start_ms - ${beginMs}) / ${hourMs})::int as hour, settled_nanos::int as nanos
      from budget_window where budget = 'folded' order by start_ms`
    await opened`delete from budget_window where budget <> 'folded'` // days of other tests
    const before = await rows()
    expect(before).toHaveLength(20)
    await foldBudgets(opened)
    const days = [1 + 2, 3 + 4, 5 + 6, 7 + 8].map((nanos, day) => ({ hour: 24 * day, nanos }))
    const folded = await rows()
    expect(folded).toEqual([...days, ...before.slice(8)])
    await foldBudgets(opened)
    expect(await rows()).toEqual(folded)
    expect(await charged('folded')).toBe(210)
  })

  test('a lease that its gateway speaks of is not lost, however long it lasts', async () => {
    await apply('Budget', 'spoken', { limitDollars: 10, window: 'total' })
    const wanted = [{ project: 'default', budget: 'spoken', nanos: dollar }]
    const [lease] = (await turn(noonMs, 'gateway-a', { wanted })).granted
    const settled = [{ lease: lease?.lease ?? '', nanos: 0, isOver: false }]
    for (let nowMs = noonMs; nowMs < noonMs + 10 * hourMs; nowMs += hourMs) {
      expect((await turn(nowMs, 'gateway-a', { settled })).unknown).toEqual([])
      await turn(nowMs + hourMs / 2, 'gateway-b', {
        wanted: wanted.map((one) => ({ ...one, nanos: 1 })),
      })
    }
    expect(await charged('spoken')).toBeLessThan(10) // what others lost
  })

  test('who could not be heard before a start is heard first', async () => {
    if (sql === undefined) throw new Error('it is opened first')
    await apply('Budget', 'heard', { limitDollars: 10, window: 'total' })
    const wanted = [{ project: 'default', budget: 'heard', nanos: dollar }]
    const [lease] = (await turn(noonMs, 'gateway-a', { wanted })).granted
    const late = noonMs + 5 * hourMs
    const other = { gateway: 'gateway-b', settled: [], wanted }
    await leaseBudgets(sql, other, late, late - 59_999)
    const settled = [{ lease: lease?.lease ?? '', nanos: dollar / 2, isOver: true }]
    expect((await turn(late, 'gateway-a', { settled })).unknown).toEqual([])
    expect(await charged('heard')).toBe(dollar / 2)
    const [next] = (await turn(noonMs, 'gateway-a', { wanted })).granted
    await leaseBudgets(sql, other, late, late - 60_000)
    expect(await charged('heard')).toBe(dollar / 2 + dollar)
    expect(next).toBeDefined()
  })

  test('a part that pays for nothing is not granted, and who holds some hears of it', async () => {
    for (const name of ['lacking', 'plenty']) {
      await apply('Budget', name, { limitDollars: 1, window: 'total' })
    }
    const want = (budget: string, nanos: number, least: number) => ({
      wanted: [{ project: 'default', budget, nanos, least }],
    })
    const hear = { hearsShort: true }
    const held = await turn(noonMs, 'gateway-a', want('lacking', dollar * 0.8, 1))
    const other = await turn(noonMs, 'gateway-a', want('plenty', 1, 1))
    const settled = [...held.granted, ...other.granted].map(({ lease }) => {
      return { lease, nanos: 0, isOver: false }
    })
    expect(await turn(noonMs, 'gateway-a', { settled, ...hear })).not.toHaveProperty('short')
    const refused = await turn(noonMs, 'gateway-b', want('lacking', dollar, dollar / 2))
    expect(refused.granted).toEqual([])
    const short = [{ project: 'default', budget: 'lacking' }]
    expect((await turn(noonMs, 'gateway-a', { settled, ...hear })).short).toEqual(short)
    expect(await turn(noonMs, 'gateway-a', { settled })).not.toHaveProperty('short') // of before
    const later = noonMs + 60_000
    expect(await turn(later, 'gateway-a', { settled, ...hear })).not.toHaveProperty('short')
    expect(sum([await turn(noonMs, 'gateway-b', want('lacking', dollar, dollar / 5))])).toBe(
      dollar / 5,
    )
  })

  test('what is given back of a lease is free, and is not held again by a word that comes late', async () => {
    await apply('Budget', 'lowered', { limitDollars: 1, window: 'total' })
    const wanted = [{ project: 'default', budget: 'lowered', nanos: dollar }]
    const [held] = (await turn(noonMs, 'gateway-a', { wanted })).granted
    const lease = held?.lease ?? ''
    const say = async (nanos: number, heldNanos?: number) => {
      const part = heldNanos === undefined ? {} : { heldNanos }
      const settled = [{ lease, nanos, isOver: false, ...part }]
      await turn(noonMs, 'gateway-a', { settled })
    }
    await say(100, 300)
    for (const late of [600, undefined]) await say(50, late)
    expect(sum([await turn(noonMs, 'gateway-b', { wanted })])).toBe(dollar - 300)
    await turn(noonMs, 'gateway-a', { settled: [{ lease, nanos: 200, isOver: true }] })
    expect(sum([await turn(noonMs, 'gateway-b', { wanted })])).toBe(100)
  })

  test('times are told by the clock of the gateway, whatever that says', async () => {
    await apply('Budget', 'clocks', { limitDollars: 4, softDollars: 0, window: 'hour' })
    const wanted = [{ project: 'default', budget: 'clocks', nanos: dollar }]
    const nowMs = noonMs + 58 * 60_000
    for (const aheadMs of [0, 5 * 60_000, -5 * 60_000]) {
      const answer = await turn(nowMs, 'gateway-a', { atMs: nowMs + aheadMs, wanted })
      const untilMs = noonMs + hourMs + aheadMs
      expect([answer.granted[0]?.untilMs, answer.soft?.[0]?.untilMs]).toEqual([untilMs, untilMs])
    }
    const { granted } = await turn(nowMs, 'gateway-a', { wanted }) // one of before
    expect(granted[0]?.untilMs).toBe(noonMs + hourMs)
  })

  test('a window that is made longer holds what was spent in it before', async () => {
    const want = (nowMs: number) =>
      turn(nowMs, 'gateway-a', {
        wanted: [{ project: 'default', budget: 'longer', nanos: dollar }],
      })
    const spend = async (nowMs: number) => {
      const answer = await want(nowMs)
      const settled = answer.granted.map(({ lease, nanos }) => ({ lease, nanos, isOver: true }))
      await turn(nowMs, 'gateway-a', { settled })
      return sum([answer])
    }
    await apply('Budget', 'longer', { limitDollars: 1, window: 'day' })
    expect(await spend(noonMs - 40 * dayMs)).toBe(dollar) // in the month before
    for (const days of [0, 1]) expect(await spend(noonMs + days * dayMs)).toBe(dollar)
    await apply('Budget', 'longer', { limitDollars: 2.5, window: 'month' })
    expect(await spend(noonMs + 2 * dayMs)).toBe(dollar / 2)
    await apply('Budget', 'longer', { limitDollars: 4, window: 'total' })
    expect(await spend(noonMs + 3 * dayMs)).toBe(dollar / 2)
    await apply('Budget', 'longer', { limitDollars: 1, window: 'hour' })
    expect(sum([await want(noonMs + 4 * dayMs)])).toBe(dollar)
  })

  test('a lease whose answer was lost is given back by the name that the gateway gave it', async () => {
    await apply('Budget', 'named', { limitDollars: 1, window: 'total' })
    const lease = 'a-lease-of-my-own'
    const wanted = [{ project: 'default', budget: 'named', nanos: dollar, lease }]
    expect((await turn(noonMs, 'gateway-a', { wanted })).granted[0]?.lease).toBe(lease)
    const settled = [{ lease, nanos: 0, isOver: true }]
    const again = { settled, wanted: [{ ...wanted[0], lease: `${lease}-2` }] as typeof wanted }
    expect(sum([await turn(noonMs, 'gateway-a', again)])).toBe(dollar)
  })
})
