// Builtins: time
//
// Seconds since the epoch ↔ broken down time ↔ text, all in UTC: an expression gives the same on every
// machine. Broken down time is [year, month from 0, day, hour, minute, second, weekday, day of year].

import type { Json } from '../../resource/index.ts'
import { formatTime } from './format-time.ts'
import { describe, fail } from './jq-error.ts'
import { parseTime } from './parse-time.ts'
import type { Run } from './run.ts'
import { isArray } from './value.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

export const timeBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  'gmtime/0': (input) => brokenDown(input, 'gmtime'),
  'localtime/0': (input) => brokenDown(input, 'localtime'),
  'mktime/0': (input) => {
    if (!isArray(input)) return fail('mktime requires array of 6 numbers')
    return Math.floor(secondsOf(input, 'mktime requires parsed datetime inputs'))
  },
  'strftime/1': (input, args, run) => format(input, argument(args, 0), 'strftime/1', run),
  'strflocaltime/1': (input, args, run) => format(input, argument(args, 0), 'strflocaltime/1', run),
  'strptime/1': (input, args) => {
    const form = argument(args, 0)
    if (typeof input !== 'string') {
      return fail(`strptime/1 requires string inputs and arguments, not ${describe(input)}`)
    }
    if (typeof form !== 'string') return fail('strptime/1 requires string inputs and arguments')
    const date = parseTime(input, form)
    if (date === null) return fail(`date "${input}" does not match format "${form}"`)
    return fieldsOf(date.getTime() / 1000)
  },
}

function brokenDown(input: Json, name: string): Json {
  if (typeof input !== 'number') return fail(`${name}() requires a number`)
  const fields = fieldsOf(input)
  return fields ?? fail(`error converting number of seconds since epoch to datetime`)
}

function fieldsOf(seconds: number): Json {
  const date = new Date(Math.floor(seconds) * 1000)
  if (Number.isNaN(date.getTime())) return null
  const startOfYear = Date.UTC(date.getUTCFullYear(), 0, 1)
  return [
    date.getUTCFullYear(),
    date.getUTCMonth(),
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds() + (seconds - Math.floor(seconds)),
    date.getUTCDay(),
    Math.floor((date.getTime() - startOfYear) / 86_400_000),
  ]
}

function secondsOf(fields: readonly Json[], message: string): number {
  const numbers = fields.map((field) => (typeof field === 'number' ? field : fail(message)))
  const [year = 1900, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers.map(
    Math.floor,
  )
  const ms = Date.UTC(2000, month, day, hour, minute, second)
  if (numbers.length < 1 || Number.isNaN(ms)) return fail(message)
  const date = new Date(ms)
  // Years below 100 mean themselves: Date.UTC would take them for the nineteen hundreds.
  date.setTime(0)
  date.setUTCFullYear(year, month, day)
  date.setUTCHours(hour, minute, second)
  return date.getTime() / 1000
}

function format(input: Json, form: Json, name: string, run: Run): Json {
  if (typeof input !== 'number' && !isArray(input)) {
    return fail(`${name} requires parsed datetime inputs`)
  }
  if (typeof form !== 'string') return fail(`${name} requires a string format`)
  const message = `${name} requires parsed datetime inputs`
  const seconds = typeof input === 'number' ? input : secondsOf(input, message)
  return run.text(formatTime(Math.floor(seconds), form))
}
