import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { type LeasePorts, Purses, type Reservation } from './purses.ts'

const budget = {
  ...{ name: 'all', project: 'default', limitDollars: 0.001, window: 'total' as const },
}

/** A gateway that calls, and what it has truly spent, known or not. */
interface Caller {
  purses: Purses
  name: string
  open: { reservation: Reservation; worst: number }[]
}

const step = fc.record({
  what: fc.constantFrom('call', 'call', 'call', 'settle', 'settle', 'tell', 'crash', 'close'),
  who: fc.nat(2),
  worst: fc.integer({ min: 1, max: 200_000 }),
  /** Of the worst case that an attempt really costs. */
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  isLost: fc.boolean(),
})

test('of those who ask at once as many are paid as the budget holds', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const all = Array.from({ length: 30 }, () => purses.reserve([budget], 100_000))
  const paid = (await Promise.all(all)).filter((one) => 'settle' in one)
  expect(paid).toHaveLength(10)
})

test('a thousand budgets that begin at once are asked for together, a hundred at a time', async () => {
  const budgets = Array.from({ length: 1_000 }, (_, i) => ({ ...budget, name: `of-${i}` }))
  const rounds: number[] = []
  let [underWay, most] = [0, 0]
  const ask: LeasePorts['ask'] = async ({ wanted }) => {
    rounds.push(wanted.length)
    underWay += 1
    most = Math.max(most, underWay)
    await new Promise((resolve) => setImmediate(resolve))
    underWay -= 1
    const granted = wanted.map(({ lease = '', ...one }) => ({ ...one, lease, untilMs: 1 }))
    return { granted, unknown: [] }
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const one = async (own: (typeof budgets)[number]) => await purses.reserve([own, budget], 1)
  const all = await Promise.all(budgets.map(one))
  expect(all.filter((reserved) => !('settle' in reserved))).toEqual([])
  expect(most).toBe(1)
  expect(rounds).toHaveLength(11)
  expect(Math.max(...rounds)).toBe(100)
})

test('what others hold and do not use comes back to who lacks it (U7)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let nowMs = 0
  const gateways = Array.from({ length: 4 }, (_, i) => {
    const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: `${i}`, ...asked })
    return new Purses({ ask, nowMs: () => nowMs })
  })
  const [first, ...others] = gateways
  if (first === undefined) throw new Error('there are four')
  for (const purses of others) {
    const paid = await purses.reserve([budget], 300_000)
    if ('settle' in paid) paid.settle(1_000)
  }
  expect('settle' in (await first.reserve([budget], 300_000))).toBe(false)
  expect([...plane.open.values()].map(({ grantedNanos }) => grantedNanos)).toEqual([
    ...[300_000, 300_000, 300_000], // and none of the rest, which pays for nothing
  ])
  nowMs += 10_000
  // They speak of what they hold, hear that it is lacked, and give it back.
  for (let second = 0; second < 2; second++) await Promise.all(others.map((one) => one.tell()))
  expect('settle' in (await first.reserve([budget], 300_000))).toBe(true)
  expect(plane.settledNanos).toBe(3_000)
})

test('a lease that nothing is paid from is spoken of every ten seconds (U7)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let nowMs = 0
  const told: number[] = []
  const ask: LeasePorts['ask'] = async (asked) => {
    if (asked.wanted.length === 0) told.push(nowMs)
    return plane.ask({ gateway: 'one', ...asked })
  }
  const purses = new Purses({ ask, nowMs: () => nowMs })
  await purses.reserve([budget], 1)
  for (let second = 0; second < 30; second++) {
    await purses.tell()
    nowMs += 1_000
  }
  expect(told).toEqual([10_000, 20_000])
})

test('who waits for an answer that never comes is refused, and so are those behind him', async () => {
  let asked = 0
  const ask: LeasePorts['ask'] = async () => {
    asked += 1
    throw new Error('away')
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const all = Array.from({ length: 5 }, () => purses.reserve([budget], 1))
  for (const one of await Promise.all(all)) expect(one).toEqual({ spent: budget, isAway: true })
  expect(asked).toBe(1) // and not one after the other, each as long as it takes
})

test('those who wait behind an answer that failed are asked for again once somebody answers', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let fail = () => {}
  const ask: LeasePorts['ask'] = async (asked) => {
    if (isAway) await new Promise((_, reject) => (fail = () => reject(new Error('away'))))
    return plane.ask({ gateway: 'one', ...asked })
  }
  let isAway = true
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = purses.reserve([budget], 1)
  await new Promise((resolve) => setImmediate(resolve)) // it is asked for
  const behind = purses.reserve([budget], 1)
  await new Promise((resolve) => setImmediate(resolve)) // and waits for that
  isAway = false
  fail()
  for (const one of [first, behind]) expect(await one).toMatchObject({ isAway: true })
  expect('settle' in (await purses.reserve([budget], 1))).toBe(true)
})

test('a request that is too dear for what is left keeps nobody from it', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const pay = async (nanos: number) => {
    const reserved = await purses.reserve([budget], nanos)
    if ('settle' in reserved) reserved.settle(nanos)
    return 'settle' in reserved
  }
  expect(await pay(500_000)).toBe(true)
  for (let i = 0; i < 10; i++) {
    expect(await pay(600_000)).toBe(false)
    for (let cheap = 0; cheap < 10; cheap++) expect(await pay(1_000)).toBe(true)
  }
})

test('a request that is too dear takes nothing from others while the control plane is away (U4)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let isAway = false
  const ask: LeasePorts['ask'] = async (asked) => {
    if (isAway) throw new Error('away')
    return plane.ask({ gateway: 'one', ...asked })
  }
  let nowMs = 0
  const purses = new Purses({ ask, nowMs: () => nowMs })
  const first = await purses.reserve([budget], 10_000) // a fiftieth of a million is held
  if ('settle' in first) first.settle(10_000)
  isAway = true
  expect(await purses.reserve([budget], 500_000)).toEqual({ spent: budget, isAway: true })
  const small = await purses.reserve([budget], 10_000)
  expect('settle' in small).toBe(true)
  if ('settle' in small) small.settle(4_000)
  await expect(purses.tell()).rejects.toThrow('away')
  isAway = false
  nowMs += 1_000
  // Now what is held goes back for a lease of its size: all but what is spent.
  const all = await purses.reserve([budget], 986_000)
  expect('settle' in all).toBe(true)
  if ('settle' in all) all.settle(986_000)
  await purses.close()
  expect([plane.settledNanos, plane.openNanos]).toEqual([1_000_000, 0])
})

test('what is more than a budget ever holds is refused, and nobody is asked', async () => {
  const purses = new Purses({ ask: () => Promise.reject(new Error('asked')), nowMs: () => 0 })
  expect(await purses.reserve([budget], 1_000_001)).toEqual({ spent: budget })
  expect(await purses.reserve([budget], Number.MAX_VALUE)).toEqual({ spent: budget })
})

test('a clock that is set back keeps nobody from a budget that was spent once', async () => {
  let grants = new MemoryPlane(0)
  let nowMs = 1_000_000
  const ask: LeasePorts['ask'] = async (asked) => grants.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => nowMs })
  expect(await purses.reserve([budget], 1)).toEqual({ spent: budget })
  nowMs -= 500_000
  grants = new MemoryPlane(budget.limitDollars)
  expect('settle' in (await purses.reserve([budget], 1))).toBe(true)
})

test('a budget over its soft limit is named until its window ends, or it is over it no more', async () => {
  let soft: object = {}
  let nowMs = 0
  const ask: LeasePorts['ask'] = async ({ wanted }) => ({
    granted: wanted.map((one) => ({ ...one, lease: `${nowMs}`, untilMs: nowMs + 10_000 })),
    ...{ unknown: [], ...soft },
  })
  const purses = new Purses({ ask, nowMs: () => nowMs })
  const other = { ...budget, name: 'other' }
  await purses.reserve([budget], 1)
  expect(purses.overSoft([budget])).toBeNull()
  soft = { soft: [{ project: 'default', budget: 'all', untilMs: 30_000 }] }
  nowMs = 20_000
  await purses.reserve([budget], 1)
  expect([purses.overSoft([other, budget]), purses.overSoft([other])]).toEqual(['all', null])
  nowMs = 30_000
  expect(purses.overSoft([budget])).toBeNull()
  nowMs = 29_999
  soft = {}
  await purses.reserve([budget], 900_000) // the limit was raised
  expect(purses.overSoft([budget])).toBeNull()
})

test('what was spent of a lease that is used up is told once the control plane is back', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let isAway = false
  const ask: LeasePorts['ask'] = async (asked) => {
    if (isAway) throw new Error('away')
    return plane.ask({ gateway: 'one', ...asked })
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const all = await purses.reserve([budget], 20_000)
  if ('settle' in all) all.settle(20_000)
  isAway = true
  await expect(purses.tell()).rejects.toThrow('away')
  isAway = false
  await purses.tell()
  expect([plane.settledNanos, plane.open.size]).toEqual([20_000, 0])
})

test('a lease whose answer was lost is given back, also where it came late (U5)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let nowMs = 0
  const late: (() => void)[] = []
  let isLost = true
  const ask: LeasePorts['ask'] = async (asked) => {
    const request = { gateway: 'one', ...asked }
    if (!isLost) return plane.ask(request)
    if (nowMs === 0) plane.ask(request)
    else late.push(() => void plane.ask(request))
    throw new Error('the answer was lost')
  }
  const purses = new Purses({ ask, nowMs: () => nowMs })
  for (const atMs of [0, 1_000]) {
    nowMs = atMs
    expect(await purses.reserve([budget], 10)).toMatchObject({ isAway: true })
  }
  expect(plane.openNanos).toBe(20_000)
  nowMs = 3_600_000 // and then the control plane was away for an hour
  await expect(purses.tell()).rejects.toThrow('lost')
  isLost = false
  await purses.tell()
  expect(plane.openNanos).toBe(0)
  for (const one of late) one()
  expect([plane.settledNanos, plane.openNanos]).toEqual([0, 0]) // behind each it was said to be over
})

test('what comes to the control plane after it was said to be over is said to be over again (U5)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let nowMs = 0
  let arrive = () => {}
  const ask: LeasePorts['ask'] = async (asked) => {
    const request = { gateway: 'one', ...asked }
    if (asked.wanted.length === 0) return plane.ask(request)
    arrive = () => void plane.ask(request)
    throw new Error('it took too long')
  }
  const purses = new Purses({ ask, nowMs: () => nowMs })
  expect(await purses.reserve([budget], 10)).toMatchObject({ isAway: true })
  await purses.tell()
  arrive()
  expect(plane.openNanos).toBe(20_000)
  nowMs = 1_000
  await purses.tell()
  expect([plane.settledNanos, plane.openNanos]).toEqual([0, 0])
})

test('a lease that is on its way is not said to be over by a word that overtakes it (U5)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let answer = () => {}
  const other = { ...budget, name: 'other' }
  const ask: LeasePorts['ask'] = async (asked) => {
    const answered = plane.ask({ gateway: 'one', ...asked })
    if (asked.wanted.some((one) => one.budget === 'all')) {
      await new Promise<void>((resolve) => (answer = resolve))
    }
    return answered
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = await purses.reserve([other], 10)
  if ('settle' in first) first.settle(10)
  const asking = purses.reserve([budget], 10)
  await purses.tell()
  answer()
  const paid = await asking
  if ('settle' in paid) paid.settle(10)
  await purses.close()
  expect(plane.settledNanos).toBe(20)
})

test('those who call while the control plane is away leave a bounded number of doubts', async () => {
  let said = 0
  const ask: LeasePorts['ask'] = async ({ settled }) => {
    said = settled.length
    throw new Error('away')
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  for (let i = 0; i < 300; i++) await purses.reserve([budget], 10)
  expect(said).toBe(100)
})

test.each([
  ['was lowered', { limitDollars: 0.0005 }],
  ['has another window', { window: 'day' as const }],
])('a budget that %s is spent from no lease of before (U6)', async (_, change) => {
  const plane = new MemoryPlane(budget.limitDollars)
  const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = await purses.reserve([budget], 10)
  if ('settle' in first) first.settle(10)
  const before = [...plane.open.keys()]
  await purses.reserve([{ ...budget, limitDollars: 0.002 }], 10) // one that was raised is held
  expect([...plane.open.keys()]).toEqual(before)
  await purses.reserve([{ ...budget, ...change }], 10)
  const [lease] = before
  expect(lease !== undefined && plane.open.has(lease)).toBe(true) // somebody is on his way with it
  expect(plane.open.size).toBe(2)
})

test('a lease that is being given back pays for nothing more (U1)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  let answer = () => {}
  let isSlow = false
  const ask: LeasePorts['ask'] = async (asked) => {
    const answered = plane.ask({ gateway: 'one', ...asked })
    if (isSlow) await new Promise<void>((resolve) => (answer = resolve))
    return answered
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = await purses.reserve([budget], 10)
  if ('settle' in first) first.settle(10)
  isSlow = true
  const closing = purses.close() // the control plane knows, and its answer is on its way
  isSlow = false
  const second = await purses.reserve([budget], 10)
  if ('settle' in second) second.settle(10)
  answer()
  await closing
  await purses.close()
  expect(plane.settledNanos).toBe(20)
})

test('a lease that the control plane counts as lost pays for nothing more (U3)', async () => {
  const plane = new MemoryPlane(budget.limitDollars)
  const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = await purses.reserve([budget], 10)
  if ('settle' in first) first.settle(10)
  for (const id of [...plane.open.keys()]) plane.end(id, 'lost')
  await purses.tell()
  const second = await purses.reserve([budget], 10)
  if ('settle' in second) second.settle(10)
  await purses.close()
  expect(plane.settledNanos).toBe(20_000 + 10)
})

test('leases of thousands of budgets go back, some hundred with each word', async () => {
  const counts: number[] = []
  const plane = new MemoryPlane(1)
  const ask: LeasePorts['ask'] = async (asked) => {
    if (asked.wanted.length === 0) counts.push(asked.settled.length)
    return plane.ask({ gateway: 'one', ...asked })
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  for (let i = 0; i < 1_200; i++) await purses.reserve([{ ...budget, name: `b${i}` }], 10)
  await purses.close()
  expect(counts).toEqual([500, 500, 200])
})

describe('money (B1, B2, B3, U1, U2)', () => {
  test('whatever is called, aborted, lost and killed: spent ≤ charged ≤ the budget', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const plane = new MemoryPlane(budget.limitDollars)
        let isLost = false
        let starts = 0
        const start = (): Caller => {
          starts += 1
          const name = `gateway-${starts}`
          const ask: LeasePorts['ask'] = async (asked) => {
            const answer = plane.ask({ gateway: name, ...asked })
            if (isLost) throw new Error('the answer was lost on its way')
            return answer
          }
          return { purses: new Purses({ ask, nowMs: () => 0 }), name, open: [] }
        }
        const callers = [start(), start(), start()]
        let spent = 0
        for (const { what, who, worst, part, isLost: lost } of steps) {
          isLost = lost
          const caller = callers[who]
          if (caller === undefined) continue
          if (what === 'call') {
            const reservation = await caller.purses.reserve([budget], worst)
            if ('settle' in reservation) caller.open.push({ reservation, worst })
          }
          const call = what === 'settle' ? caller.open.shift() : undefined
          if (call !== undefined) {
            const cost = Math.floor(call.worst * part)
            spent += cost
            call.reservation.settle(cost)
            call.reservation.settle(cost) // twice counts once
          }
          if (what === 'tell') await caller.purses.tell().catch(() => {})
          if (what === 'close') await caller.purses.close().catch(() => {})
          if (what === 'crash') {
            // what was on its way is spent, and nobody will ever say so
            for (const { worst } of caller.open) spent += Math.floor(worst * part)
            callers[who] = start()
          }
          expect(plane.settledNanos + plane.openNanos).toBeLessThanOrEqual(plane.limitNanos)
          expect(spent).toBeLessThanOrEqual(plane.limitNanos)
        }
        for (const caller of callers) {
          for (const { worst } of caller.open) spent += worst
        }
        for (const lease of [...plane.open.keys()]) plane.end(lease, 'lost')
        expect(spent).toBeLessThanOrEqual(plane.settledNanos)
        expect(plane.settledNanos).toBeLessThanOrEqual(plane.limitNanos)
      }),
      { numRuns: 300 },
    )
  })

  test('without crashes what is charged is what was spent, to the nano-dollar, whatever answer is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const plane = new MemoryPlane(budget.limitDollars)
        let isAnswerLost = false
        const purses = new Purses({
          ask: async (asked) => {
            const answer = plane.ask({ gateway: 'gateway-1', ...asked })
            if (isAnswerLost) throw new Error('the answer was lost on its way')
            return answer
          },
          nowMs: () => 0,
        })
        let spent = 0
        for (const { worst, part, what, isLost } of steps) {
          isAnswerLost = isLost
          const reservation = await purses.reserve([budget], worst)
          if (!('settle' in reservation)) continue
          const cost = Math.floor(worst * part)
          spent += cost
          reservation.settle(cost)
          if (what === 'tell') await purses.tell().catch(() => {})
        }
        isAnswerLost = false
        await purses.close()
        expect(plane.open.size).toBe(0)
        expect(plane.settledNanos).toBe(spent)
      }),
    )
  })

  test('a control plane that is away for an hour stops nobody whose lease holds, and no lease outlives its time', async () => {
    let nowMs = 0
    let isAway = false
    const plane = new MemoryPlane(1, 7_200_000)
    const purses = new Purses({
      ask: async (asked) => {
        if (isAway) throw new Error('away')
        return plane.ask({ gateway: 'gateway-1', ...asked })
      },
      nowMs: () => nowMs,
    })
    const day = { ...budget, limitDollars: 1 }
    const call = async () => {
      const reservation = await purses.reserve([day], 1_000)
      if ('settle' in reservation) reservation.settle(1_000)
      return 'settle' in reservation
    }
    expect(await call()).toBe(true)
    isAway = true
    for (let minute = 0; minute < 60; minute++) {
      nowMs += 60_000
      await purses.tell().catch(() => {})
      expect(await call()).toBe(true)
    }
    nowMs = 7_200_001 // the control plane may count it as spent by now
    expect(await call()).toBe(false)
    isAway = false
    await purses.tell()
    expect(plane.settledNanos + plane.openNanos).toBeGreaterThanOrEqual(61_000)
  })
})
