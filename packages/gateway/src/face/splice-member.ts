// Splice member
//
// The same bytes with another value of one top-level member. Nothing else is written anew: numbers that a parser would
// round and odd spacing reach the provider as the caller wrote them.
//
// Invariants:
//   M1. Every byte outside that value stays as it is.
//   M2. The value is found however its name is escaped.

import type { Span } from '../json/index.ts'

const quote = 0x22
const backslash = 0x5c

/** The body, a valid JSON object that names its model once, with `to` as its model. */
export function spliceModel(body: Buffer, to: string, known: Span | null = null): Buffer {
  const span = known ?? plainModelSpan(body) ?? valueSpan(body, 'model')
  return span === null ? body : splice(body, span, Buffer.from(JSON.stringify(to)))
}

/** The body, a valid JSON object that has this member once, with `value` for it. */
export function spliceMember(body: Buffer, name: string, value: Buffer): Buffer {
  const span = valueSpan(body, name)
  return span === null ? body : splice(body, span, value)
}

/** The body, a valid JSON object that is not empty, with this member, whether it has it or not. */
export function putMember(body: Buffer, name: string, value: Buffer): Buffer {
  const span = valueSpan(body, name)
  if (span !== null) return splice(body, span, value)
  const begin = Buffer.concat([Buffer.from(`{${JSON.stringify(name)}:`), value, Buffer.from(',')])
  return Buffer.concat([begin, body.subarray(body.indexOf('{') + 1)])
}

/** M1. */
function splice(body: Buffer, { start, end }: Span, value: Buffer): Buffer {
  if (body.compare(value, 0, value.length, start, end) === 0) return body
  const spliced = Buffer.allocUnsafe(body.length - (end - start) + value.length)
  body.copy(spliced, 0, 0, start)
  value.copy(spliced, start)
  body.copy(spliced, start + value.length, end)
  return spliced
}

const plainName = Buffer.from('"model"')
const escapedLetter = Buffer.from('\\u00')

/**
 * Where the model stands in a body that names it once and escapes no letter: then it is the one
 * member that the parser found, and nothing else has to be looked at. Null for any other body.
 */
function plainModelSpan(body: Buffer): Span | null {
  const at = body.indexOf(plainName)
  if (at === -1 || body.indexOf(plainName, at + 1) !== -1) return null
  if (body.includes(escapedLetter)) return null
  const start = body.indexOf(quote, at + plainName.length)
  return start === -1 ? null : { start, end: stringEnd(body, start) }
}

/** Where the value of a top-level member stands. */
function valueSpan(body: Buffer, name: string): Span | null {
  let depth = 0
  let isName = false // the next string at depth one is a member's name
  let start = -1 // behind the colon of the member that is looked for
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === quote) {
      const end = stringEnd(body, at)
      if (depth === 1 && isName && isNamed(body.subarray(at, end), name)) {
        start = body.indexOf(':', end) + 1
      }
      isName = false
      at = end - 1
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      isName = depth === 1
    } else if (byte === 0x2c || byte === 0x7d || byte === 0x5d) {
      if (depth === 1 && start !== -1) return trimmed(body, start, at)
      if (byte !== 0x2c) depth -= 1
      else if (depth === 1) isName = true
    }
  }
  return null
}

function trimmed(body: Buffer, from: number, to: number): Span {
  let [start, end] = [from, to]
  while ((body[start] ?? quote) <= 0x20) start += 1
  while ((body[end - 1] ?? quote) <= 0x20) end -= 1
  return { start, end }
}

/** Where the string that begins at `start` is over; quotes are looked for natively. */
function stringEnd(body: Buffer, start: number): number {
  let at = body.indexOf(quote, start + 1)
  while (at !== -1) {
    let slashes = 0
    while (body[at - 1 - slashes] === backslash) slashes += 1
    if (slashes % 2 === 0) return at + 1
    at = body.indexOf(quote, at + 1)
  }
  return body.length
}

/** M2. */
function isNamed(written: Buffer, name: string): boolean {
  const text = written.toString('utf8')
  return text === `"${name}"` || (written.includes(backslash) && JSON.parse(text) === name)
}
