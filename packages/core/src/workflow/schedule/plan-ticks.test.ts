import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCron } from './cron.ts'
import { planTicks } from './plan-ticks.ts'
import { nextTick, type Timing } from './timing.ts'

const minuteMs = 60_000
const hourly: Timing = { kind: 'every', everyMs: 60 * minuteMs }
const cron = parseCron('*/10 * * * *')
const timings: readonly Timing[] = [
  hourly,
  { kind: 'every', everyMs: 7_000 },
  ...(cron.ok ? [{ kind: 'cron', cron: cron.cron } as const] : []),
]

test('K2: a tick a minute late is on time; of missed ones the newest are made up', () => {
  const given = { sinceMs: 0, catchUp: 1, tickMs: 60 * minuteMs }
  expect(planTicks(hourly, given, 61 * minuteMs)).toEqual({
    starts: [60 * minuteMs],
    tickMs: 120 * minuteMs,
  })
  const late = 605 * minuteMs
  expect(planTicks(hourly, given, late).starts).toEqual([600 * minuteMs])
  expect(planTicks(hourly, { ...given, catchUp: 0 }, late)).toEqual({
    starts: [],
    tickMs: 660 * minuteMs,
  })
  expect(planTicks(hourly, { ...given, catchUp: 3 }, late).starts).toEqual(
    [480, 540, 600].map((minutes) => minutes * minuteMs),
  )
})

test('K2: years of missed minutes are not gone through one by one', () => {
  const minutely = parseCron('* * * * *')
  if (!minutely.ok) throw new Error(minutely.reason)
  const nowMs = Date.parse('2026-11-21T00:02:30Z')
  const given = { sinceMs: 0, catchUp: 2, tickMs: 60_000 }
  expect(planTicks({ kind: 'cron', cron: minutely.cron }, given, nowMs)).toEqual({
    starts: ['00:00', '00:01', '00:02'].map((time) => Date.parse(`2026-11-21T${time}:00Z`)),
    tickMs: Date.parse('2026-11-21T00:03:00Z'),
  })
})

test('K3: a clock that was ahead for a year brings the next tick back', () => {
  const year = 365 * 24 * 60 * minuteMs
  const ahead = planTicks(hourly, { sinceMs: 0, catchUp: 1, tickMs: 60 * minuteMs }, year + 1)
  const given = { sinceMs: 0, catchUp: 1, tickMs: ahead.tickMs }
  expect(planTicks(hourly, given, 90 * minuteMs)).toEqual({ starts: [], tickMs: 120 * minuteMs })
})

test('what comes after the end of a run comes however late it is, and no later than it says', () => {
  const after: Timing = { kind: 'after', afterMs: minuteMs }
  const given = { sinceMs: 0, catchUp: 0, tickMs: 60 * minuteMs }
  expect(planTicks(after, given, 900 * minuteMs)).toEqual({
    starts: [60 * minuteMs],
    tickMs: null,
  })
  expect(planTicks(after, given, minuteMs)).toEqual({ starts: [], tickMs: 2 * minuteMs })
})

test('K1: whatever the clock does forward, no tick starts twice, and none on time is left out', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...timings),
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.oneof(fc.integer({ min: 0, max: 59_000 }), fc.integer({ min: 0, max: 1e8 })), {
        maxLength: 30,
      }),
      (timing, catchUp, steps) => {
        const started: number[] = []
        let nowMs = 1_000_000
        let tickMs = nextTick(timing, nowMs, nowMs)
        const sinceMs = nowMs
        for (const step of steps) {
          const before = nowMs
          nowMs += step
          const plan = planTicks(timing, { sinceMs, catchUp, tickMs }, nowMs)
          started.push(...plan.starts)
          tickMs = plan.tickMs
          expect(tickMs).toBe(nextTick(timing, sinceMs, nowMs))
          if (step > minuteMs) continue
          let wanted = nextTick(timing, sinceMs, before)
          for (; wanted !== null && wanted <= nowMs; wanted = nextTick(timing, sinceMs, wanted)) {
            expect(started).toContain(wanted)
          }
        }
        expect(new Set(started).size).toBe(started.length)
        expect([...started].sort((a, b) => a - b)).toEqual(started)
      },
    ),
  )
})
