import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BudgetSpec,
  budgetSpec,
  chargedAtMs,
  chargeOf,
  decideGrant,
  declaredBudgetSpec,
  emptyPurse,
  leaseMs,
  leftNanos,
  lostMs,
  type Purse,
  reserveFrom,
  settleIn,
  softUntilMs,
  windowBounds,
  windowEndMs,
  windowStartMs,
} from './budget.ts'

const nowMs = Date.UTC(2026, 1, 17, 13, 45, 6, 789) // in February, the shortest
const windows = ['hour', 'day', 'month', 'total'] as const
const nanos = fc.integer({ min: 0, max: 1_000 })

describe('windows', () => {
  test.each<[BudgetSpec['window'], number, number]>([
    ['hour', Date.UTC(2026, 1, 17, 13), Date.UTC(2026, 1, 17, 14)],
    ['day', Date.UTC(2026, 1, 17), Date.UTC(2026, 1, 18)],
    ['month', Date.UTC(2026, 1), Date.UTC(2026, 2)],
    ['total', 0, Infinity],
  ])('a %s begins and ends with the UTC clock', (window, startMs, endMs) => {
    expect(windowStartMs(window, nowMs)).toBe(startMs)
    expect(windowEndMs(window, nowMs)).toBe(endMs)
    // What has no end has to be one that a store can hold.
    const storedMs = Math.min(endMs, Number.MAX_SAFE_INTEGER)
    expect(windowBounds(window, nowMs)).toEqual({ startMs, endMs: storedMs })
  })

  test('each moment is in one window: the next begins where one ends, leap years included', () => {
    const moment = fc.integer({ min: 0, max: Date.UTC(2100, 0) })
    fc.assert(
      fc.property(fc.constantFrom('hour', 'day', 'month'), moment, (window, atMs) => {
        const { startMs, endMs } = windowBounds(window, atMs)
        expect(startMs).toBeLessThanOrEqual(atMs)
        expect(endMs).toBeGreaterThan(atMs)
        expect(windowStartMs(window, endMs - 1)).toBe(startMs)
        expect(windowStartMs(window, endMs)).toBe(endMs)
      }),
    )
  })

  test('what is charged to a moment counts in every window that has this moment', () => {
    const hourMs = Date.UTC(2026, 1, 17, 13)
    expect(windows.map((window) => chargedAtMs(window, nowMs))).toEqual([hourMs, hourMs, hourMs, 0])
    for (const window of windows) {
      const { startMs, endMs } = windowBounds(window, nowMs)
      expect(chargedAtMs(window, nowMs)).toBeGreaterThanOrEqual(startMs)
      expect(chargedAtMs(window, nowMs)).toBeLessThan(endMs)
    }
  })
})

describe('what is declared', () => {
  const reading = (spec: object) => declaredBudgetSpec.safeParse({ limitDollars: 5, ...spec })

  test('a warning that would come after the end is refused, and taken of one of before', () => {
    expect(reading({ softDollars: 5 }).success).toBe(true)
    const { error } = reading({ softDollars: 5.01 })
    expect(error?.issues).toMatchObject([{ path: ['softDollars'], message: /got 5.01/ }])
    expect(budgetSpec.safeParse({ limitDollars: 5, softDollars: 6 }).success).toBe(true)
  })

  test('it is of a Route, or of the tools of a server', () => {
    for (const route of ['chat', 'mcp/github']) expect(reading({ route }).success).toBe(true)
    for (const route of ['mcp/', 'Chat', 'a/b', `${'x'.repeat(64)}`]) {
      expect(reading({ route }).success).toBe(false)
    }
  })

  test('answers warn from the soft limit on, until the next window', () => {
    const warned = (spentNanos: number, spec: object = { softDollars: 4 }) =>
      softUntilMs(budgetSpec.parse({ limitDollars: 5, window: 'hour', ...spec }), spentNanos, nowMs)
    expect(warned(4e9 - 1)).toBeNull()
    expect(warned(4e9)).toBe(Date.UTC(2026, 1, 17, 14))
    expect(warned(5e9, {})).toBeNull()
  })
})

describe('leases', () => {
  test('what is granted never exceeds what is left, and is all of it where it pays for a request (B1)', () => {
    fc.assert(
      fc.property(nanos, nanos, nanos, nanos, nanos, (limit, settled, open, wanted, least) => {
        const state = { limitNanos: limit, settledNanos: settled, openNanos: open }
        const granted = decideGrant(state, wanted, least)
        const left = limit - settled - open
        expect(granted).toBeGreaterThanOrEqual(0)
        expect(granted).toBeLessThanOrEqual(wanted)
        expect(granted).toBeLessThanOrEqual(Math.max(0, left))
        const most = Math.max(0, Math.min(wanted, left))
        expect(granted).toBe(most < least ? 0 : most)
      }),
    )
  })

  test('what pays for just one request is granted', () => {
    const state = { limitNanos: 10, settledNanos: 3, openNanos: 2 }
    expect([decideGrant(state, 9, 5), decideGrant(state, 9, 6), decideGrant(state, 5, 5)]).toEqual([
      ...[5, 0, 5],
    ])
    expect(decideGrant({ ...state, openNanos: 6 }, 9)).toBe(1)
  })

  test('one that is lost counts in full, and more where more was said; one that ends as it says (B3)', () => {
    const lease = (settledNanos: number) => ({ grantedNanos: 10, settledNanos })
    expect(chargeOf(lease(3), 'closed')).toBe(3)
    expect(chargeOf(lease(3), 'lost')).toBe(10)
    expect(chargeOf(lease(12), 'lost')).toBe(12)
    expect(chargeOf(lease(12), 'closed')).toBe(12)
  })

  test('it is lost only after its gateway itself has taken it for over', () => {
    expect(lostMs).toBeGreaterThan(leaseMs)
  })
})

describe('a purse', () => {
  test('never promises more than it holds, and forgets nothing that was spent (B2)', () => {
    const steps = fc.array(
      fc.record({ reserve: nanos, share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    )
    fc.assert(
      fc.property(nanos, steps, (grantedNanos, list) => {
        let purse: Purse = { ...emptyPurse, grantedNanos }
        let spent = 0
        for (const { reserve, share } of list) {
          const left = grantedNanos - spent
          expect(leftNanos(purse)).toBe(left)
          const reserved = reserveFrom(purse, reserve)
          expect(reserved === null).toBe(reserve > left)
          if (reserved === null) continue
          expect(leftNanos(reserved)).toBe(left - reserve)
          const costNanos = Math.floor(reserve * share)
          purse = settleIn(reserved, { reservedNanos: reserve, costNanos })
          spent += costNanos
          expect(purse).toEqual({ grantedNanos, settledNanos: spent, reservedNanos: 0 })
        }
        expect(spent).toBeLessThanOrEqual(grantedNanos)
      }),
    )
  })

  test('what an upstream says that it counted stays a number', () => {
    const purse = settleIn(emptyPurse, { reservedNanos: 0, costNanos: 1e300 })
    expect(purse.settledNanos).toBe(Number.MAX_SAFE_INTEGER)
  })
})
