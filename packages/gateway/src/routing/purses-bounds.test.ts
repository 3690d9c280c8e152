// What was set aside comes back, once, and nobody asks or is asked for ever.

import { expect, test } from 'vitest'
import { MemoryPlane } from '../memory-plane.fixture.ts'
import { type LeasePorts, Purses } from './purses.ts'

const all = {
  ...{ name: 'all', project: 'default', limitDollars: 0.001, window: 'total' as const },
}
const other = { ...all, name: 'other' }

function isPaid(reserved: object): boolean {
  return 'settle' in reserved
}

test('what is set aside from one budget comes back where another holds too little (U1)', async () => {
  let grants = 0
  const ask: LeasePorts['ask'] = async ({ wanted }) => {
    const first = wanted.filter(({ budget }) => budget === 'all' && grants === 0)
    grants += first.length
    const granted = first.map(({ lease = '', ...one }) => ({ ...one, lease, untilMs: 1 }))
    return { granted, unknown: [] }
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  expect(await purses.reserve([all, other], 20_000)).toEqual({ spent: other })
  expect([grants, isPaid(await purses.reserve([all], 20_000))]).toEqual([1, true])
})

test('what is settled twice is charged once, and sets nothing of others free (U1)', async () => {
  const plane = new MemoryPlane(all.limitDollars)
  const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway: 'one', ...asked })
  const purses = new Purses({ ask, nowMs: () => 0 })
  const [one, two] = [await purses.reserve([all], 10_000), await purses.reserve([all], 10_000)]
  if (!('settle' in one && 'settle' in two)) throw new Error('both are held')
  one.settle(4_000)
  one.settle(4_000)
  await purses.tell()
  expect(plane.openNanos).toBe(20_000) // of which the second still holds its part
  two.settle(1_000)
  await purses.close()
  expect([plane.settledNanos, plane.openNanos]).toEqual([5_000, 0])
})

test('what a budget of before was granted goes back also where its change was asked about in vain (U6)', async () => {
  const plane = new MemoryPlane(all.limitDollars)
  let isAway = false
  const ask: LeasePorts['ask'] = async (asked) => {
    if (isAway) throw new Error('away')
    return plane.ask({ gateway: 'one', ...asked })
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  const first = await purses.reserve([all], 10)
  if ('settle' in first) first.settle(10)
  isAway = true
  const lowered = { ...all, limitDollars: 0.0005 }
  expect(await purses.reserve([lowered], 10)).toEqual({ spent: lowered, isAway: true })
  isAway = false
  await purses.tell()
  expect([plane.settledNanos, plane.openNanos]).toEqual([10, 0])
})

test('who finds each time that another has taken what was there is refused in the end', async () => {
  let asked = 0
  const ask: LeasePorts['ask'] = async ({ wanted }) => {
    asked += 1
    if (asked > 1_000) throw new Error('for ever')
    // While one of the two is granted, the other is taken.
    const [{ budget } = { budget: '' }] = wanted
    if (asked > 1) purses.reserve([budget === 'all' ? other : all], 10)
    const granted = wanted.map(({ lease = '', ...one }) => ({ ...one, lease, untilMs: 1 }))
    return { granted: granted.map((one) => ({ ...one, nanos: 10 })), unknown: [] }
  }
  const purses: Purses = new Purses({ ask, nowMs: () => 0 })
  const held = await purses.reserve([all], 10)
  if ('settle' in held) held.settle(0)
  expect(await purses.reserve([all, other], 10)).toEqual({ spent: other })
  expect(asked).toBe(101)
})

test('a clock that was set back keeps no doubt about a lease for longer than a minute (U5)', async () => {
  let nowMs = 3_600_000
  const said: number[] = []
  const ask: LeasePorts['ask'] = async ({ settled }) => {
    said.push(settled.length)
    if (said.length === 1) throw new Error('the answer was lost')
    return { granted: [], unknown: settled.map(({ lease }) => lease) }
  }
  const purses = new Purses({ ask, nowMs: () => nowMs })
  expect(await purses.reserve([all], 10)).toMatchObject({ isAway: true })
  nowMs = 0
  for (let second = 0; second < 3; second++) await purses.tell()
  expect(said).toEqual([0, 1]) // once more, and then it is forgotten
})

test('those who call while nobody is there to hear it keep no lease from going back (U5)', async () => {
  const plane = new MemoryPlane(all.limitDollars)
  let fails: Error | null = new Error('the answer was lost on its way')
  const ask: LeasePorts['ask'] = async (asked) => {
    const isHeard = fails === null || !('code' in fails)
    const answer = isHeard ? plane.ask({ gateway: 'one', ...asked }) : null
    if (fails !== null || answer === null) throw fails
    return answer
  }
  const purses = new Purses({ ask, nowMs: () => 0 })
  await purses.reserve([all], 10)
  expect(plane.openNanos).toBe(20_000)
  fails = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) // it is started again
  for (let i = 0; i < 200; i++) await purses.reserve([all], 10)
  fails = null
  await purses.tell()
  expect([plane.settledNanos, plane.openNanos]).toEqual([0, 0])
})

test('what a gateway holds that is never idle comes back to who lacks it, but for what is set aside (U7)', async () => {
  const plane = new MemoryPlane(all.limitDollars)
  let nowMs = 0
  const [busy, other] = ['busy', 'other'].map((gateway) => {
    const ask: LeasePorts['ask'] = async (asked) => plane.ask({ gateway, ...asked })
    return new Purses({ ask, nowMs: () => nowMs })
  })
  if (busy === undefined || other === undefined) throw new Error('there are two')
  const burst = await Promise.all(Array.from({ length: 8 }, () => busy.reserve([all], 100_000)))
  const long = burst.pop()
  for (const one of burst) if ('settle' in one) one.settle(1_000)
  const paid: boolean[] = []
  for (let word = 0; word < 2; word++) {
    const reserved = await other.reserve([all], 300_000)
    if ('settle' in reserved) reserved.settle(0)
    paid.push(isPaid(reserved))
    for (let second = 0; second < 2; second++) await busy.tell() // it hears, and then it says
    nowMs += 1_000
  }
  expect(paid).toEqual([false, true])
  expect([plane.settledNanos, plane.openNanos]).toEqual([0, 107_000 + 300_000])
  if (long !== undefined && 'settle' in long) long.settle(1_000)
  await Promise.all([busy.close(), other.close()])
  expect([plane.settledNanos, plane.openNanos]).toEqual([8_000, 0])
})
