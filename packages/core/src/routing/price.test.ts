import fc from 'fast-check'
import { expect, test } from 'vitest'
import { noUsage } from '../dialect/index.ts'
import { settleIn } from './budget.ts'
import { costNanos, isFree, priceOfTarget, targetPrice, worstNanos } from './price.ts'

const dollars = fc.double({ min: 0, max: 100, noNaN: true })
const own = fc.record({
  inputPerMillion: dollars,
  outputPerMillion: dollars,
  cachedPerMillion: fc.option(dollars, { nil: undefined }),
  perCall: dollars,
  perSecond: dollars,
  secondsMax: fc.integer({ min: 1, max: 900 }),
})
const count = fc.nat(200_000)

test('P1, P2: a cost is a whole number, and never more than the worst case, however long it takes', () => {
  fc.assert(
    fc.property(own, count, count, fc.integer({ min: -5_000, max: 10_000_000 }), (given, ...of) => {
      const price = priceOfTarget(targetPrice.parse(given))
      const [input, output, ms] = of
      const cost = costNanos(price, { ...noUsage, input, output }, ms)
      expect(Number.isInteger(cost) && cost >= 0).toBe(true)
      expect(cost).toBeLessThanOrEqual(worstNanos(price, { input, output }))
    }),
  )
})

test('what costs a billionth of a dollar is charged, and no price is rounded to nothing', () => {
  const cost = (given: object) => {
    const price = priceOfTarget(targetPrice.parse(given))
    return [costNanos(price, { ...noUsage, input: 1 }), isFree(price)]
  }
  expect(cost({ perCall: 0.134 })).toEqual([134_000_000, false])
  expect(cost({ perCall: 1e-12 })).toEqual([1, false])
  expect(cost({ inputPerMillion: 1e-9 })).toEqual([1, false])
  expect(cost({ cachedPerMillion: 1 })).toEqual([0, false])
  expect(cost({ perSecond: 1 })).toEqual([0, false])
  expect(cost({})).toEqual([0, true])
})

test('whatever an upstream counts, and however often, its cost is a number that can be told (P1)', () => {
  const dearest = { inputPerMillion: 1_000_000, outputPerMillion: 1_000_000 }
  const price = priceOfTarget(targetPrice.parse(dearest))
  const cost = costNanos(price, { ...noUsage, input: 1e9, output: 1e9 })
  expect(cost).toBe(Number.MAX_SAFE_INTEGER)
  let purse = { grantedNanos: 5, settledNanos: 0, reservedNanos: 5 }
  for (let i = 0; i < 3; i++) purse = { ...settleIn(purse, { reservedNanos: 1, costNanos: cost }) }
  expect(purse.settledNanos).toBe(Number.MAX_SAFE_INTEGER)
})

test('time costs by the second, up to the most that is charged', () => {
  const price = priceOfTarget(targetPrice.parse({ perSecond: 0.002, secondsMax: 60 }))
  expect(costNanos(price, noUsage, 1_500)).toBe(3_000_000)
  expect(costNanos(price, noUsage, 90_000)).toBe(120_000_000)
  expect(worstNanos(price, { input: 9, output: 9 })).toBe(120_000_000)
})

const rate = fc.record({
  base: dollars,
  tiers: fc.array(fc.record({ start: fc.nat(150_000), price: dollars }), { maxLength: 3 }),
})

test('P2: no usage within the bounds costs more than the worst case, whatever was cached and dear', () => {
  const listed = fc.record({
    ...{ input: rate, output: rate, cached: rate, cacheWritten: rate, cacheWrittenLong: rate },
  })
  const parts = fc.record({ cached: count, cacheWritten: count, cacheWrittenLong: count })
  fc.assert(
    fc.property(listed, parts, count, count, (rates, kept, input, output) => {
      const price = { ...priceOfTarget(targetPrice.parse({})), ...rates }
      const cost = costNanos(price, { ...noUsage, ...kept, input, output })
      expect(Number.isInteger(cost) && cost >= 0).toBe(true)
      expect(cost).toBeLessThanOrEqual(worstNanos(price, { input, output }))
    }),
  )
})

test('above so many tokens of input all of them cost what a tier says, and so does the answer', () => {
  const price = {
    ...priceOfTarget(targetPrice.parse({})),
    ...{
      input: { base: 1, tiers: [{ start: 200_000, price: 2 }] },
      cached: { base: 0.1, tiers: [{ start: 200_000, price: 0.2 }] },
      output: { base: 5, tiers: [{ start: 200_000, price: 8 }] },
    },
  }
  const cost = (input: number, cached: number) =>
    costNanos(price, { ...noUsage, input, cached, output: 10 })
  expect(cost(200_000, 0)).toBe(200_000 * 1_000 + 10 * 5_000)
  expect(cost(200_001, 0)).toBe(200_001 * 2_000 + 10 * 8_000)
  expect(cost(200_001, 200_000)).toBe(2_000 + 200_000 * 200 + 10 * 8_000)
  expect(worstNanos(price, { input: 10, output: 10 })).toBe(10 * 2_000 + 10 * 8_000)
})

test('what a provider keeps longer than usual costs what that costs', () => {
  const rate = (base: number) => ({ base, tiers: [] })
  const price = {
    ...priceOfTarget(targetPrice.parse({ inputPerMillion: 1 })),
    ...{ cacheWritten: rate(1.25), cacheWrittenLong: rate(2) },
  }
  const usage = { ...noUsage, input: 1_000, cacheWritten: 600, cacheWrittenLong: 400 }
  expect(costNanos(price, usage)).toBe(400 * 1_000 + 200 * 1_250 + 400 * 2_000)
  expect(worstNanos(price, { input: 1_000, output: 0 })).toBe(2_000_000) // P2
})
