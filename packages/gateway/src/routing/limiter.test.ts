// Workers that tell each other let through together what one would.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyEntry } from './directory.ts'
import { Limiter } from './limiter.ts'

function keyOf(limits: NonNullable<KeyEntry['limits']>): KeyEntry {
  return { id: 'k', hash: `sha256:${'0'.repeat(64)}`, project: 'p', owner: 'o', limits }
}

function exchange(limiters: readonly Limiter[]): void {
  const news = limiters.map((limiter) => limiter.news())
  for (const [to, limiter] of limiters.entries()) {
    for (const [from, uses] of news.entries()) if (from !== to) limiter.hear(from, uses)
  }
}

test('of a limit that is told after every call nothing is used twice', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.nat(3), { maxLength: 120 }),
      (count, requestsPerMinute, calls) => {
        const limiters = Array.from({ length: count }, () => new Limiter(() => 0))
        const key = keyOf({ requestsPerMinute })
        let passed = 0
        for (const call of calls) {
          const limiter = limiters[call % count]
          if (limiter?.enter(key) === 0) passed += 1
          exchange(limiters)
        }
        expect(passed).toBe(Math.min(calls.length, requestsPerMinute))
      },
    ),
  )
})

test('tokens that one worker counted are missing at the others', () => {
  const limiters = [new Limiter(() => 0), new Limiter(() => 0)]
  const key = keyOf({ tokensPerMinute: 100 })
  expect(limiters[0]?.enter(key)).toBe(0)
  limiters[0]?.count(key, 160)
  exchange(limiters)
  expect(limiters[1]?.enter(key)).toBe(37) // 61 tokens at 100 a minute
})

test('calls at a time are counted over all workers, and those of a dead one are free again (G1)', () => {
  const [one, two] = [new Limiter(() => 0), new Limiter(() => 0)]
  const key = keyOf({ concurrent: 2 })
  expect([one.enter(key), one.enter(key)]).toEqual([0, 0])
  expect(one.news()).toMatchObject([{ requests: 2, inflight: 2 }])
  expect(one.news()).toEqual([]) // it was said
  two.hear(0, [{ ...key, limits: { concurrent: 2 }, requests: 2, tokens: 0, inflight: 2 }])
  expect(two.enter(key)).toBe(1)
  expect(two.reached(key)).toContain('2 calls at a time')
  one.leave(key)
  exchange([one, two])
  expect(two.enter(key)).toBe(0)
  expect(two.enter(key)).toBe(1)
  two.forget(0)
  expect(two.enter(key)).toBe(0)
})

test('which limit was reached is said', () => {
  const cases = [
    [{ requestsPerMinute: 1 }, '1 requests a minute'],
    [{ tokensPerMinute: 5, concurrent: 9 }, '5 tokens a minute'],
    [{ requestsPerMinute: 9, concurrent: 1 }, '1 calls at a time'],
  ] as const
  for (const [limits, said] of cases) {
    const limiter = new Limiter(() => 0)
    const key = keyOf(limits)
    expect(limiter.enter(key)).toBe(0)
    limiter.count(key, 50)
    expect(limiter.enter(key)).toBeGreaterThan(0)
    expect(limiter.reached(key)).toBe(`key k has reached its limit of ${said}`)
  }
})

describe('limits that a key gets while it is used', () => {
  test('hold at once: what was used of those before counts as the same share', () => {
    const limiter = new Limiter(() => 0)
    const wide = keyOf({ tokensPerMinute: 1_000_000 })
    expect(limiter.enter(wide)).toBe(0)
    limiter.count(wide, 1_500_000)
    expect(limiter.enter(wide)).toBe(31)
    expect(limiter.enter(keyOf({ tokensPerMinute: 1_000 }))).toBe(31)
    expect(limiter.enter(keyOf({ tokensPerMinute: 100_000_000 }))).toBe(31)
  })

  test('are used up by nothing that was asked while there were none', () => {
    const limiter = new Limiter(() => 0)
    const narrow = { requestsPerMinute: 2, tokensPerMinute: 50 }
    expect(limiter.enter(keyOf(narrow))).toBe(0)
    const free = keyOf({ concurrent: 5 })
    for (let i = 0; i < 100; i++) {
      expect(limiter.enter(free)).toBe(0)
      limiter.count(free, 1_000)
      limiter.leave(free)
    }
    const again = keyOf(narrow)
    expect([limiter.enter(again), limiter.enter(again)]).toEqual([0, 0])
    expect(limiter.enter(again)).toBe(30)
  })

  test('hold where another worker told of the key while it had none', () => {
    const [one, two] = [new Limiter(() => 0), new Limiter(() => 0)]
    expect(one.enter(keyOf({ concurrent: 5 }))).toBe(0)
    exchange([one, two])
    const key = keyOf({ requestsPerMinute: 2 })
    expect([two.enter(key), two.enter(key), two.enter(key)]).toEqual([0, 0, 30])
  })

  test('hold where another worker still has those before', () => {
    const [one, two] = [new Limiter(() => 0), new Limiter(() => 0)]
    const [wide, narrow] = [keyOf({ tokensPerMinute: 1_000 }), keyOf({ tokensPerMinute: 10 })]
    expect(two.enter(narrow)).toBe(0)
    expect(one.enter(wide)).toBe(0)
    one.count(wide, 1_500)
    exchange([one, two])
    expect(two.enter(narrow)).toBe(36) // six more than half a minute: one whole token of ten
  })
})
