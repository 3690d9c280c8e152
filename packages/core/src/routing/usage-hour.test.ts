import { expect, test } from 'vitest'
import { emptyHour, hourWith } from './usage-hour.ts'
import { noAmounts } from './usage-report.ts'

const rowsOf = (project: string, from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    ...{ hourMs: 0, project, key: 'k', route: `r${from + i}`, model: 'm' },
    ...{ ...noAmounts, requests: 1 },
  }))

test('more kinds of requests than an hour has rows for are counted together, by project (U2)', () => {
  let hour = emptyHour(0)
  for (let part = 0; part < 6; part++) {
    const rows = rowsOf('p', part * 2_000, 2_000)
    hour = hourWith(hour, { gateway: 'gateway-1', sequence: part + 1, rows })
  }
  const known = [...rowsOf('p', 9_999, 1), ...rowsOf('q', 0, 2)]
  hour = hourWith(hour, { gateway: 'gateway-1', sequence: 7, rows: known })
  const rows = [...hour.rows.values()]
  const others = rows.filter(({ route }) => route === 'other')
  expect(others.map(({ project, requests }) => [project, requests])).toEqual([
    ['p', 2_000],
    ['q', 2],
  ])
  expect(rows).toHaveLength(10_002)
  expect(rows.find(({ route }) => route === 'r9999')?.requests).toBe(2)
})

test('an hour is not changed by what it is given, nor by what comes again or is of another (U1)', () => {
  const report = { gateway: 'gateway-1', sequence: 2, rows: rowsOf('p', 0, 1) }
  const empty = emptyHour(0)
  const hour = hourWith(empty, report)
  expect(hourWith(hour, report)).toBe(hour)
  expect(hourWith(hour, { ...report, sequence: 1 })).toBe(hour)
  expect([empty.rows.size, hour.rows.size]).toEqual([0, 1])
  expect(hourWith(emptyHour(3_600_000), report).rows.size).toBe(0)
})
