// Parse time
//
// strptime over UTC.

import { months } from './format-time.ts'

interface Fields {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly dayOfYear: number | null
  readonly isAfternoon: boolean | null
  readonly offsetMinutes: number
  readonly epochSeconds: number | null
}

interface Conversion {
  readonly pattern: RegExp
  /** What that part of the text says. */
  readonly take: (text: string) => Partial<Fields>
}

const number = (most: number) => new RegExp(`\\s*[+-]?\\d{1,${most}}`, 'y')
const word = /[A-Za-z]+/y

const conversions: Readonly<Record<string, Conversion>> = {
  Y: { pattern: number(4), take: (text) => ({ year: Number(text) }) },
  m: { pattern: number(2), take: (text) => ({ month: Number(text) - 1 }) },
  d: { pattern: number(2), take: (text) => ({ day: Number(text) }) },
  e: { pattern: number(2), take: (text) => ({ day: Number(text) }) },
  H: { pattern: number(2), take: (text) => ({ hour: Number(text) }) },
  k: { pattern: number(2), take: (text) => ({ hour: Number(text) }) },
  I: { pattern: number(2), take: (text) => ({ hour: Number(text) % 12 }) },
  M: { pattern: number(2), take: (text) => ({ minute: Number(text) }) },
  S: { pattern: number(2), take: (text) => ({ second: Number(text) }) },
  j: { pattern: number(3), take: (text) => ({ dayOfYear: Number(text) }) },
  y: {
    pattern: number(2),
    take: (text) => ({ year: Number(text) + (Number(text) < 69 ? 2000 : 1900) }),
  },
  s: { pattern: number(12), take: (text) => ({ epochSeconds: Number(text) }) },
  a: { pattern: word, take: () => ({}) },
  A: { pattern: word, take: () => ({}) },
  b: { pattern: word, take: (text) => ({ month: indexOf(months, text) }) },
  h: { pattern: word, take: (text) => ({ month: indexOf(months, text) }) },
  B: { pattern: word, take: (text) => ({ month: indexOf(months, text) }) },
  p: { pattern: /[AaPp][Mm]/y, take: (text) => ({ isAfternoon: /^p/i.test(text) }) },
  Z: { pattern: /[A-Za-z]+/y, take: () => ({}) },
  z: {
    pattern: /Z|[+-]\d{2}:?\d{2}/y,
    take: (text) => {
      if (text === 'Z') return {}
      const hours = Number(text.slice(1, 3))
      const minutes = hours * 60 + Number(text.slice(-2))
      return { offsetMinutes: text.startsWith('-') ? -minutes : minutes }
    },
  },
  '%': { pattern: /%/y, take: () => ({}) },
}

const composed: Readonly<Record<string, string>> = {
  T: '%H:%M:%S',
  R: '%H:%M',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  c: '%a %b %e %H:%M:%S %Y',
}

/** The time that a text says, or null where it is not of that form. */
export function parseTime(text: string, form: string): Date | null {
  let fields: Fields = {
    ...{ year: 1900, month: 0, day: 1, hour: 0, minute: 0, second: 0 },
    ...{ dayOfYear: null, isAfternoon: null, offsetMinutes: 0, epochSeconds: null },
  }
  const plain = form.replace(/%([TRDFc])/g, (_, letter: string) => composed[letter] ?? '')
  let at = 0
  for (const [, letter, blank, literal] of plain.matchAll(/%([a-zA-Z%])|(\s+)|([\s\S])/g)) {
    if (blank !== undefined || letter === 'n' || letter === 't') {
      at += /^\s*/.exec(text.slice(at))?.[0].length ?? 0
      continue
    }
    const conversion = conversions[letter ?? '']
    const found = letter === undefined ? literal : wordAt(conversion?.pattern, text, at)
    if (found === undefined || !text.startsWith(found, at)) return null
    if (conversion !== undefined) fields = { ...fields, ...conversion.take(found) }
    at += found.length
  }
  return at === text.length && isValid(fields) ? dateOf(fields) : null
}

function wordAt(pattern: RegExp | undefined, text: string, at: number): string | undefined {
  if (pattern === undefined) return undefined
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function indexOf(names: readonly string[], text: string): number {
  const wanted = text.toLowerCase()
  return names.findIndex(
    (name) => name.toLowerCase() === wanted || name.slice(0, 3).toLowerCase() === wanted,
  )
}

function isValid({ month, day, hour, minute, second }: Fields): boolean {
  const isDay = month >= 0 && month < 12 && day >= 1 && day <= 31
  return isDay && hour < 24 && minute < 60 && second <= 61
}

function dateOf(fields: Fields): Date {
  const { epochSeconds, dayOfYear, isAfternoon, offsetMinutes } = fields
  if (epochSeconds !== null) return new Date(epochSeconds * 1000)
  const date = new Date(0)
  if (dayOfYear === null) date.setUTCFullYear(fields.year, fields.month, fields.day)
  else date.setUTCFullYear(fields.year, 0, dayOfYear)
  const hour = fields.hour + (isAfternoon === true ? 12 : 0)
  date.setUTCHours(hour, fields.minute - offsetMinutes, fields.second)
  return date
}
