// Cron
//
// Cron expressions: five fields (minute, hour, day of the month, month, day of the week) with lists, ranges, steps and
// names, or `@daily` and the like; before them, if given, `CRON_TZ=Europe/Berlin` says whose clock counts (else UTC).
// Where both days are restricted either is enough, as POSIX has it.
//
//   C1. Of a daily time that the clocks skip the tick comes when they are put forward; none is left out.
//   C2. A daily time that comes twice ticks the first time only. Where the hour is `*` every hour that passes counts.

export interface Cron {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  readonly weekdays: ReadonlySet<number>
  /** Whether one of the two kinds of day is enough. */
  readonly isEitherDay: boolean
  /** Whether the hour is not restricted: then time that passes counts, not the face of a clock. */
  readonly isHourly: boolean
  /** Tells the zone's clock; null for UTC. */
  readonly clock: Intl.DateTimeFormat | null
}

export type ParsedCron =
  | { readonly ok: true; readonly cron: Cron }
  | { readonly ok: false; readonly reason: string }

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const daysMax = 9 * 366 // 29 February is at most eight years away

const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

interface Field {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly words: readonly string[]
}
const fields: readonly Field[] = [
  { name: 'minute', from: 0, to: 59, words: [] },
  { name: 'hour', from: 0, to: 23, words: [] },
  { name: 'day of the month', from: 1, to: 31, words: [] },
  { name: 'month', from: 1, to: 12, words: months },
  { name: 'day of the week', from: 0, to: 7, words: weekdays },
]

/** Reads a cron expression; says what is wrong with it. */
export function parseCron(text: string): ParsedCron {
  const [, zone, rest = ''] = /^\s*(?:(?:CRON_TZ|TZ)=(\S+)\s+)?(.*?)\s*$/.exec(text) ?? []
  const parts = (macros[rest.toLowerCase()] ?? rest).split(/\s+/)
  if (parts.length !== fields.length) {
    return no(`expected five fields, as in 0 9 * * mon-fri, got ${parts.length}: ${text}`)
  }
  const sets: ReadonlySet<number>[] = []
  for (const [index, field] of fields.entries()) {
    const set = parseField(parts[index] ?? '', field)
    if (typeof set === 'string') return no(set)
    sets.push(set)
  }
  const clock = zone === undefined || zone === 'UTC' ? null : clockOf(zone)
  if (clock === undefined) return no(`there is no time zone ${zone}`)
  const [minutes, hours, days, monthsOf, weekdaysOf] = sets
  if (!minutes || !hours || !days || !monthsOf || !weekdaysOf) return no(text)
  const week = new Set([...weekdaysOf].map((day) => day % 7))
  const isEitherDay = [parts[2], parts[4]].every((part) => !part?.startsWith('*'))
  const isHourly = parts[1]?.startsWith('*') === true
  const cron = { minutes, hours, days, months: monthsOf, weekdays: week, isEitherDay }
  return { ok: true, cron: { ...cron, isHourly, clock } }
}

function no(reason: string): ParsedCron {
  return { ok: false, reason }
}

function parseField(text: string, field: Field): ReadonlySet<number> | string {
  const { name, from, to } = field
  const wrong = `${text} is no ${name}: expected ${from} to ${to}, *, ranges, lists or steps`
  const found = new Set<number>()
  for (const item of text.split(',')) {
    const [, range = '', step] = /^([^/]+)(?:\/(\d+))?$/.exec(item) ?? []
    const [first = '', last, ...more] = range === '*' ? [`${from}`, `${to}`] : range.split('-')
    const low = numberOf(first, field)
    const high = last === undefined ? (step === undefined ? low : to) : numberOf(last, field)
    const by = Number(step ?? 1)
    if (low === null || high === null || low > high || by < 1 || more.length > 0) return wrong
    for (let value = low; value <= high; value += by) found.add(value)
  }
  return found
}

function numberOf(text: string, { from, to, words }: Field): number | null {
  const word = words.indexOf(text.toLowerCase())
  if (word >= 0) return word + from
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  return value >= from && value <= to ? value : null
}

function clockOf(timeZone: string): Intl.DateTimeFormat | undefined {
  const numbers = { year: 'numeric', month: 'numeric', day: 'numeric' } as const
  const time = { hour: 'numeric', minute: 'numeric', second: 'numeric' } as const
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...numbers, ...time })
  } catch {
    return undefined
  }
}

/** The first tick after this moment; null where there is none in nine years. */
export function nextCronTick(cron: Cron, afterMs: number): number | null {
  return cron.isHourly ? nextPassing(cron, afterMs) : nextOnClock(cron, afterMs)
}

/** Every hour that passes counts: the zone's clock is followed stretch by stretch. */
function nextPassing(cron: Cron, afterMs: number): number | null {
  let fromMs = afterMs
  for (let stretches = 0; stretches < daysMax; stretches++) {
    const offsetMs = offsetAt(cron, fromMs)
    const wall = nextWall(cron, fromMs + offsetMs)
    if (wall === null) return null
    const atMs = wall - offsetMs
    if (offsetAt(cron, atMs) === offsetMs) return atMs
    // The clocks change before that: go on from the minute in which they do.
    fromMs = changeWithin(cron, fromMs, atMs) - 1
    const changed = nextWall(cron, fromMs + offsetAt(cron, fromMs + 1))
    const first = changed === null ? null : changed - offsetAt(cron, fromMs + 1)
    if (first === fromMs + 1) return first
    fromMs += 1
  }
  return null
}

/** Times of the day as a clock shows them, each once. */
function nextOnClock(cron: Cron, afterMs: number): number | null {
  let wall = nextWall(cron, afterMs + offsetAt(cron, afterMs))
  while (wall !== null) {
    const atMs = momentOf(cron, wall)
    if (atMs > afterMs) return atMs
    wall = nextWall(cron, wall) // C2: it has been there
  }
  return null
}

/** When the zone's clock first shows this; where it never does, when it is put forward. C1 */
function momentOf(cron: Cron, wall: number): number {
  const before = offsetAt(cron, wall - dayMs)
  const after = offsetAt(cron, wall + dayMs)
  for (const offsetMs of [before, after]) {
    if (offsetAt(cron, wall - offsetMs) === offsetMs) return wall - offsetMs
  }
  return changeWithin(cron, wall - Math.max(before, after), wall - Math.min(before, after))
}

/** The first minute of the clock's next stretch: its offset is not that of `fromMs`. */
function changeWithin(cron: Cron, fromMs: number, toMs: number): number {
  const old = offsetAt(cron, fromMs)
  let low = Math.floor(fromMs / minuteMs)
  let high = Math.ceil(toMs / minuteMs)
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(cron, middle * minuteMs) === old) low = middle
    else high = middle
  }
  return high * minuteMs
}

/** How far the zone's clock is ahead of UTC at a moment. */
function offsetAt({ clock }: Cron, atMs: number): number {
  if (clock === null) return 0
  const parts = new Map(clock.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0
  const day = Date.UTC(part('year'), part('month') - 1, part('day'))
  const time = part('hour') * hourMs + part('minute') * minuteMs + part('second') * 1_000
  return day + time - Math.floor(atMs / 1_000) * 1_000
}

/** The first face of a clock after this one that the expression names; both as if they were UTC. */
function nextWall(cron: Cron, afterWall: number): number | null {
  const start = Math.floor(afterWall / minuteMs) * minuteMs + minuteMs
  let day = Math.floor(start / dayMs) * dayMs
  for (let count = 0; count <= daysMax; count++, day += dayMs) {
    if (!isDay(cron, new Date(day))) continue
    for (let hour = 0; hour < 24; hour++) {
      if (!cron.hours.has(hour) || day + hour * hourMs + hourMs <= start) continue
      for (let minute = 0; minute < 60; minute++) {
        const wall = day + hour * hourMs + minute * minuteMs
        if (cron.minutes.has(minute) && wall >= start) return wall
      }
    }
  }
  return null
}

function isDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false
  const isOfMonth = cron.days.has(date.getUTCDate())
  const isOfWeek = cron.weekdays.has(date.getUTCDay())
  return cron.isEitherDay ? isOfMonth || isOfWeek : isOfMonth && isOfWeek
}
