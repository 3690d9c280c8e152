import { expect, test } from 'vitest'
import { noAmounts, type UsageRow } from './usage-report.ts'
import { UsageSums, usageSumsMax } from './usage-sums.ts'

const hourMs = Date.UTC(2026, 1, 17, 13)
const row = (more: Partial<UsageRow>): UsageRow => ({
  ...{ project: 'team', key: 'app', route: 'chat', model: 'm', hourMs, ...noAmounts, ...more },
})
const sumsOf = (by: ConstructorParameters<typeof UsageSums>[0], rows: readonly UsageRow[]) => {
  const sums = new UsageSums(by)
  for (const one of rows) sums.add(one)
  return sums
}

test('rows of the same dimensions are one, the dearest first, then whoever asked most', () => {
  const rows = [
    row({ key: 'few', requests: 1 }),
    row({ key: 'many', requests: 2 }),
    row({ key: 'dear', requests: 1, costNanos: 5e8, inputTokens: 3 }),
    row({ key: 'many', route: 'other', requests: 3 }),
    row({ key: 'dear', hourMs: 0, requests: 1, costNanos: 1e9, inputTokens: 4 }),
  ]
  const given = sumsOf(['key'], rows).rows()
  const told = given?.map((one) => [one['key'], one['requests'], one['costDollars']])
  expect(told).toEqual([
    ['dear', 2, 1.5],
    ['many', 5, 0],
    ['few', 1, 0],
  ])
  expect(given?.[0]).toMatchObject({ inputTokens: 7 })
  expect(given?.[0]).not.toHaveProperty('costNanos')
})

test('hours and days are told as ISO 8601 has them, and what no name tells apart by its place', () => {
  const rows = [row({}), row({ hourMs: hourMs + 11 * 3_600_000 })]
  expect(sumsOf(['hour'], rows).rows()).toMatchObject([
    ...[{ hour: '2026-02-17T13:00:00Z' }, { hour: '2026-02-18T00:00:00Z' }],
  ])
  expect(sumsOf(['day'], rows).rows()).toMatchObject([{ day: '2026-02-17' }, { day: '2026-02-18' }])
  const alike = [row({ key: 'a","b', route: '' }), row({ key: 'a', route: 'b' })]
  expect(sumsOf(['key', 'route'], alike).rows()).toHaveLength(2)
})

test('more than can be given is not given', () => {
  const rows = Array.from({ length: usageSumsMax }, (_, i) => row({ key: `k${i}` }))
  const sums = sumsOf(['key'], rows)
  expect([sums.isTooMany, sums.rows()?.length]).toEqual([false, usageSumsMax])
  sums.add(row({ key: 'one more' }))
  expect([sums.isTooMany, sums.rows()]).toEqual([true, null])
})
