// Format time
//
// strftime over UTC.

export const weekdays = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
]
export const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

const dayMs = 86_400_000

type Write = (date: Date) => string

const conversions: Readonly<Record<string, Write>> = {
  Y: (date) => String(date.getUTCFullYear()),
  C: (date) => two(Math.floor(date.getUTCFullYear() / 100)),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2, ' '),
  H: (date) => two(date.getUTCHours()),
  k: (date) => String(date.getUTCHours()).padStart(2, ' '),
  I: (date) => two(twelve(date)),
  l: (date) => String(twelve(date)).padStart(2, ' '),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  j: (date) => String(dayOfYear(date) + 1).padStart(3, '0'),
  a: (date) => (weekdays[date.getUTCDay()] ?? '').slice(0, 3),
  A: (date) => weekdays[date.getUTCDay()] ?? '',
  b: (date) => (months[date.getUTCMonth()] ?? '').slice(0, 3),
  h: (date) => (months[date.getUTCMonth()] ?? '').slice(0, 3),
  B: (date) => months[date.getUTCMonth()] ?? '',
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: (date) => (date.getUTCHours() < 12 ? 'am' : 'pm'),
  Z: () => 'UTC',
  z: () => '+0000',
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  u: (date) => String(date.getUTCDay() || 7),
  w: (date) => String(date.getUTCDay()),
  U: (date) => two(Math.floor((dayOfYear(date) + 7 - date.getUTCDay()) / 7)),
  W: (date) => two(Math.floor((dayOfYear(date) + 7 - ((date.getUTCDay() + 6) % 7)) / 7)),
  G: (date) => String(thursdayOf(date).getUTCFullYear()),
  g: (date) => two(thursdayOf(date).getUTCFullYear() % 100),
  V: (date) => two(Math.floor(dayOfYear(thursdayOf(date)) / 7) + 1),
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
}

const composed: Readonly<Record<string, string>> = {
  T: '%H:%M:%S',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  c: '%a %b %e %H:%M:%S %Y',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
}

/** Writes a time; a conversion that strftime does not know stays as it is. */
export function formatTime(seconds: number, form: string): string {
  const date = new Date(seconds * 1000)
  return form.replace(/%([a-zA-Z%])/g, (all, letter: string) => {
    const parts = composed[letter]
    return parts === undefined ? (conversions[letter]?.(date) ?? all) : formatTime(seconds, parts)
  })
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

function twelve(date: Date): number {
  return date.getUTCHours() % 12 || 12
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / dayMs)
}

/** ISO weeks belong to the year of their Thursday. */
function thursdayOf(date: Date): Date {
  return new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * dayMs)
}
