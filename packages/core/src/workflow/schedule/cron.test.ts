import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Cron, nextCronTick, parseCron } from './cron.ts'

const minuteMs = 60_000
const cronOf = (text: string): Cron => {
  const parsed = parseCron(text)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.cron
}
const next = (text: string, after: string, count = 1) => {
  let at = Date.parse(after)
  return Array.from({ length: count }, () => {
    at = nextCronTick(cronOf(text), at) ?? Number.NaN
    return new Date(at).toISOString()
  })
}

test('five fields, names, steps, lists and macros', () => {
  expect(next('*/20 9-10 * * mon-fri', '2026-11-20T10:25:00Z', 3)).toEqual([
    '2026-11-20T10:40:00.000Z',
    '2026-11-23T09:00:00.000Z',
    '2026-11-23T09:20:00.000Z',
  ])
  expect(next('@monthly', '2026-12-31T23:59:59.999Z')).toEqual(['2027-01-01T00:00:00.000Z'])
  expect(next('0 0 29 feb *', '2097-01-01T00:00:00Z')).toEqual(['2104-02-29T00:00:00.000Z'])
  expect(next('0 0 13 * 5', '2026-11-21T00:00:00Z', 2)).toEqual([
    '2026-11-27T00:00:00.000Z',
    '2026-12-04T00:00:00.000Z',
  ])
  expect(next('7/30 0 * * 7', '2026-11-21T00:00:00Z', 2)).toEqual([
    '2026-11-22T00:07:00.000Z',
    '2026-11-22T00:37:00.000Z',
  ])
  expect(nextCronTick(cronOf('0 0 31 2 *'), 0)).toBeNull()
})

test('what is no cron expression is said', () => {
  for (const text of ['', '* * * *', '60 * * * *', '* 24 * * *', '5-1 * * * *', '*/0 * * * *']) {
    expect(parseCron(text), text).toMatchObject({ ok: false })
  }
  expect(parseCron('0 0 * * * *')).toMatchObject({ reason: expect.stringContaining('got 6') })
  expect(parseCron('CRON_TZ=Mars/Base 0 0 * * *')).toMatchObject({
    reason: 'there is no time zone Mars/Base',
  })
})

test('C1, C2: a daily time that the clocks skip or repeat ticks once', () => {
  const berlin = 'CRON_TZ=Europe/Berlin 30 2 * * *'
  expect(next(berlin, '2026-03-28T12:00:00Z', 2)).toEqual([
    '2026-03-29T01:00:00.000Z', // 2:30 is skipped: at 3:00, when the clocks are put forward
    '2026-03-30T00:30:00.000Z',
  ])
  expect(next(berlin, '2026-10-24T12:00:00Z', 2)).toEqual([
    '2026-10-25T00:30:00.000Z',
    '2026-10-26T01:30:00.000Z',
  ])
  expect(next('CRON_TZ=Europe/Berlin 0 * * * *', '2026-10-24T23:30:00Z', 3)).toEqual([
    '2026-10-25T00:00:00.000Z',
    '2026-10-25T01:00:00.000Z',
    '2026-10-25T02:00:00.000Z',
  ])
})

// The same from the other end: every minute is looked at in its turn.
function ticksByMinute(cron: Cron, fromMs: number, minutes: number): number[] {
  const wallOf = (atMs: number) => {
    if (cron.clock === null) return atMs
    const parts = cron.clock.formatToParts(atMs)
    const n = (name: string) => Number(parts.find(({ type }) => type === name)?.value)
    return Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'))
  }
  const fits = (wall: number) => {
    const date = new Date(wall)
    const [ofMonth, ofWeek] = [
      cron.days.has(date.getUTCDate()),
      cron.weekdays.has(date.getUTCDay()),
    ]
    return (
      cron.minutes.has(date.getUTCMinutes()) &&
      cron.hours.has(date.getUTCHours()) &&
      cron.months.has(date.getUTCMonth() + 1) &&
      (cron.isEitherDay ? ofMonth || ofWeek : ofMonth && ofWeek)
    )
  }
  const ticks: number[] = []
  let shown = wallOf(fromMs) // the latest that the clock has shown
  for (let at = fromMs + minuteMs; at <= fromMs + minutes * minuteMs; at += minuteMs) {
    const wall = wallOf(at)
    let isTick = cron.isHourly && fits(wall)
    if (!cron.isHourly) {
      for (let face = shown + minuteMs; face <= wall; face += minuteMs) isTick ||= fits(face)
    }
    shown = Math.max(shown, wall)
    if (isTick) ticks.push(at)
  }
  return ticks
}

test('the next tick is the one that looking at every minute finds, over changes of clocks too', () => {
  const field = (from: number, to: number) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('*') },
      fc.integer({ min: 2, max: 20 }).map((step) => `*/${step}`),
      fc
        .array(fc.integer({ min: from, max: to }), { minLength: 1, maxLength: 3 })
        .map((values) => values.join()),
    )
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata']
  // The day before the clocks change somewhere, or any other.
  const days = ['2026-03-28', '2026-10-24', '2026-03-07', '2026-10-31', '2026-04-04', '2026-10-03']
  const day = fc.oneof(
    fc.constantFrom(...days).map((text) => Date.parse(text)),
    fc.integer({ min: 20_000, max: 24_000 }).map((count) => count * 86_400_000),
  )
  fc.assert(
    fc.property(
      fc.tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
      fc.constantFrom(...zones),
      day,
      fc.integer({ min: 0, max: 1_439 }),
      (parts, zone, from, minute) => {
        const cron = cronOf(`CRON_TZ=${zone} ${parts.join(' ')}`)
        const fromMs = from + minute * minuteMs
        const minutes = 2 * 1_440
        const wanted = ticksByMinute(cron, fromMs, minutes)
        const found: number[] = []
        for (let at = nextCronTick(cron, fromMs); at !== null; at = nextCronTick(cron, at)) {
          if (at > fromMs + minutes * minuteMs) break
          found.push(at)
        }
        expect(found).toEqual(wanted)
      },
    ),
    { numRuns: 60 },
  )
})
