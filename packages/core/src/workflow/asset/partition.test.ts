import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Partition, partitionAt, partitionsOf, whyNoPartition } from './partition.ts'

const daily: Partition = { by: 'day' }
const towns: Partition = { keys: ['berlin', 'rome'] }
const at = (text: string) => Date.parse(text)

test('a run of the night is about the day before; hours and months likewise', () => {
  const tick = at('2026-03-01T02:00:00Z')
  expect(partitionAt(daily, tick)).toBe('2026-02-28')
  expect(partitionAt(daily, at('2026-03-01T00:00:00Z'))).toBe('2026-02-28')
  expect(partitionAt({ by: 'month' }, tick)).toBe('2026-02')
  expect(partitionAt({ by: 'hour' }, tick)).toBe('2026-03-01T01')
  expect(partitionAt(towns, tick)).toBeNull()
})

test('an input names a partition of its kind, or it is said which are', () => {
  for (const good of ['2026-02-28', '2024-02-29']) {
    expect(whyNoPartition(daily, { partition: good })).toBeNull()
  }
  for (const bad of ['2026-02-30', '2026-2-1', '2026-02', 'berlin', 7, null]) {
    expect(whyNoPartition(daily, { partition: bad })).toContain('2026-11-20')
  }
  expect(whyNoPartition({ by: 'hour' }, { partition: '2026-02-28T23' })).toBeNull()
  expect(whyNoPartition({ by: 'hour' }, { partition: '2026-02-28T24' })).not.toBeNull()
  expect(whyNoPartition({ by: 'month' }, { partition: '2026-13' })).not.toBeNull()
  expect(whyNoPartition(towns, { partition: 'rome' })).toBeNull()
  expect(whyNoPartition(towns, { partition: 'oslo' })).toContain('berlin, rome, got "oslo"')
  for (const input of [null, 'rome', ['rome'], {}]) {
    expect(whyNoPartition(towns, input)).not.toBeNull()
  }
})

test('D1: neighbouring times have each partition once, and none is left out', () => {
  const moment = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2020-04-01T00:00:00Z') })
  const times = fc.tuple(moment, moment, moment).map((some) => some.sort((a, b) => a - b))
  const period = fc.constantFrom('hour', 'day', 'month')
  fc.assert(
    fc.property(times, period, ([a = 0, b = 0, c = 0], by) => {
      const names = (fromMs: number, untilMs: number) => {
        const found = partitionsOf({ by }, { fromMs, untilMs }, 10_000)
        return found.ok ? found.names : []
      }
      const all = names(a, c)
      expect([...names(a, b), ...names(b, c)]).toEqual(all)
      expect(new Set(all).size).toBe(all.length)
      for (const name of all) expect(whyNoPartition({ by }, { partition: name })).toBeNull()
    }),
    { numRuns: 20 },
  )
})

test('a backfill makes those named, else those of the time, else all keys', () => {
  const november = { fromMs: at('2026-11-01T00:00:00Z'), untilMs: at('2026-11-03T12:00:00Z') }
  expect(partitionsOf(daily, november, 10)).toEqual({
    ...{ ok: true, names: ['2026-11-01', '2026-11-02', '2026-11-03'] },
  })
  expect(partitionsOf(daily, november, 1)).toMatchObject({ names: { length: 2 } })
  expect(partitionsOf(daily, { names: ['2026-01-01', '2026-01-01'] }, 10)).toEqual({
    ...{ ok: true, names: ['2026-01-01'] },
  })
  expect(partitionsOf(daily, { names: ['rome'] }, 10).ok).toBe(false)
  expect(partitionsOf(daily, {}, 10).ok).toBe(false)
  expect(partitionsOf(towns, {}, 10)).toEqual({ ok: true, names: ['berlin', 'rome'] })
})
