// Option values
//
// What options are given, read before anything is started or sent: a word, a count, a port, an address. Each throws
// `tutti/argument-invalid` with what was expected and what came.

import { nearest } from '@tutti/core/resource'
import { Failure } from '../failure.ts'

export function portOf(text: string, option = '--port'): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port < 65_536) return port
  throw invalid(option, '0 to 65535', text)
}

export function countOf(option: string, text: string, max = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count > 0 && count <= max) return count
  throw invalid(
    option,
    max === Number.MAX_SAFE_INTEGER ? 'a whole number from 1 on' : `1 to ${max}`,
    text,
  )
}

/** One of some words, the nearest one named where it is another. */
export function wordOf<Word extends string>(
  option: string,
  text: string,
  known: readonly Word[],
): Word {
  const word = known.find((one) => one === text)
  if (word !== undefined) return word
  const near = nearest(text, known)
  throw invalid(option, known.join(', '), text, near === null ? '' : `: did you mean ${near}?`)
}

export function checkAddress(option: string, text: string | undefined): void {
  if (text === undefined || (/^https?:\/\//.test(text) && URL.canParse(text))) return
  throw invalid(option, 'http(s)://host:port', text)
}

/** In full ISO 8601, whatever part of that was given. */
export function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const atMs = /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(atMs)) return new Date(atMs).toISOString()
  throw invalid(option, 'a time such as 2026-11-21T09:00:00Z', text)
}

/** A Postgres of the user's own, if there is one. What came is not said: it holds a password. */
export function databaseUrlOf(given: string | undefined): string | undefined {
  const url = given ?? process.env['DATABASE_URL']
  if (url === undefined || /^postgres(ql)?:\/\//.test(url)) return url
  const message = '--database-url, DATABASE_URL: expected postgres://user:password@host:5432/name'
  throw new Failure('tutti/argument-invalid', `${message}, got something else`)
}

function invalid(option: string, expected: string, text: string, hint = ''): Failure {
  const came = text === '' ? 'nothing' : text
  return new Failure(
    'tutti/argument-invalid',
    `${option}: expected ${expected}, got ${came}${hint}`,
  )
}
