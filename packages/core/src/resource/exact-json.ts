// Exact JSON
//
// JSON whose numbers may be larger, or have more digits, than a double holds: 64-bit ids, above all. Such a number is
// kept as its own digits and written as such; JSON.parse would round it, and nobody would hear of it.
//
// Invariants:
//   X1. What is read and written again has the same value, number by number.
//   X2. Texts without such numbers are read by JSON.parse and written by JSON.stringify; to find out costs a look at every
//       sixteenth character.
//   X3. What JSON.parse reads is read, however deep it is nested: who is told nothing takes it for an empty request.

import { parseJson } from './parse-json.ts'

/** A number of a JSON text that a double may not hold. */
export class ExactNumber {
  /** As it was written. */
  readonly digits: string

  constructor(digits: string) {
    this.digits = digits
  }

  /** Where nobody asks for more: the double next to it. */
  valueOf(): number {
    return Number(this.digits)
  }

  toString(): string {
    return this.digits
  }

  toJSON(): number {
    return this.valueOf()
  }
}

/** The value of a JSON text, X1; undefined where it is none. */
export function exactJsonOf(text: string): unknown {
  try {
    const value: unknown = parseJson(text)
    return mayBeInexact(text) ? unmarked(parseJson(marked(text))) : value // X2
  } catch {
    return undefined // the caller says what was expected
  }
}

/** A double where it is the same number. */
export function exactNumberOf(digits: string): number | ExactNumber {
  return isInexact(digits) ? new ExactNumber(digits) : Number(digits)
}

/** The JSON text of a value, as JSON.stringify writes it; X1. */
export function exactJson(value: unknown): string {
  return holdsExact(value) ? (written(value) ?? 'null') : JSON.stringify(value) // X2
}

// Any number of fifteen digits is held by a double, within exponents of two digits.
const runMin = 16
const longExponent = /\d[eE][+-]?\d{3}/

/** False where each number is held by a double; true may be wrong. */
export function mayBeInexact(text: string): boolean {
  for (let at = runMin - 1; at < text.length; at += runMin) {
    if (isOfNumber(text.charCodeAt(at)) && isInRun(text, at)) return true
  }
  return longExponent.test(text)
}

function isInRun(text: string, at: number): boolean {
  let [start, end] = [at, at + 1]
  while (start > 0 && isOfNumber(text.charCodeAt(start - 1))) start -= 1
  while (end - start < runMin && isOfNumber(text.charCodeAt(end))) end += 1
  return end - start >= runMin
}

/** A digit or a point. */
function isOfNumber(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46
}

/** Its own text is what tells: a double is written with all the digits that it has. */
function isInexact(digits: string): boolean {
  const isLong = digits.length >= runMin || longExponent.test(digits)
  return isLong && String(Number(digits)) !== digits
}

const space = 32 // and what JSON takes for one

/** The same text, a letter before each text that is a value: who reads it tells numbers apart. */
function marked(json: string): string {
  const token = /"|-?\d[\d.eE+-]*/g
  let made = ''
  let done = 0 // up to where it is made
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [said] = found
    if (said !== '"') {
      if (!isInexact(said)) continue
      made += `${json.slice(done, found.index)}"n${said}"`
      done = token.lastIndex
      continue
    }
    const end = textEnd(json, found.index + 1)
    token.lastIndex = end
    if (isName(json, end)) continue
    made += `${json.slice(done, found.index)}"t`
    done = found.index + 1
  }
  return made + json.slice(done)
}

/** Behind the quote that ends a text. */
function textEnd(json: string, start: number): number {
  for (let at = json.indexOf('"', start); at !== -1; at = json.indexOf('"', at + 1)) {
    let slashes = 0
    while (json[at - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return at + 1
  }
  return json.length
}

/** True for the text before it where a member's value follows. */
function isName(json: string, end: number): boolean {
  let at = end
  while (at < json.length && json.charCodeAt(at) <= space) at += 1
  return json[at] === ':'
}

/** In place, and without recursion, which a reviver of JSON.parse has (X3). */
function unmarked(value: unknown): unknown {
  const root = { value }
  const left: Record<string, unknown>[] = [root]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    for (const name of Object.keys(next)) {
      const member = next[name]
      if (typeof member === 'string') {
        next[name] = member.startsWith('n') ? new ExactNumber(member.slice(1)) : member.slice(1)
      } else if (typeof member === 'object' && member !== null) {
        left.push(member as Record<string, unknown>) // lists, too
      }
    }
  }
  return root.value
}

function holdsExact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof ExactNumber) return true
  return Array.isArray(value) ? value.some(holdsExact) : Object.values(value).some(holdsExact)
}

/** Undefined for what JSON leaves out. */
function written(value: unknown): string | undefined {
  if (value instanceof ExactNumber) return value.digits
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((one) => written(one) ?? 'null').join(',')}]`
  const members = Object.entries(value).flatMap(([name, member]) => {
    const text = written(member)
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
  })
  return `{${members.join(',')}}`
}
