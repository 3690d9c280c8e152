import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chargedNanosOf, nanosOf, wholeUp } from './nanos.ts'

test('what is written in nine decimals is exactly that much, to spend and to charge', () => {
  for (const dollars of [8.2, 16.1, 1.005, 0.134, 2.01, 0.000_000_001, 1_000_000]) {
    const nanos = Math.round(dollars * 1e9)
    expect([nanosOf(dollars), chargedNanosOf(dollars)]).toEqual([nanos, nanos])
  }
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.integer({ min: 0, max: 999_999_999 }), (whole, part) => {
      const dollars = Number(`${whole}.${String(part).padStart(9, '0')}`)
      const nanos = whole * 1e9 + part
      expect([nanosOf(dollars), chargedNanosOf(dollars)]).toEqual([nanos, nanos])
    }),
  )
})

test('what is between two nano-dollars is less to spend and more to charge', () => {
  expect([nanosOf(1.5e-9), chargedNanosOf(1.5e-9)]).toEqual([1, 2])
  expect([nanosOf(4e-10), chargedNanosOf(4e-10)]).toEqual([0, 1])
  expect([nanosOf(0), chargedNanosOf(0), wholeUp(0.4)]).toEqual([0, 0, 1])
})
