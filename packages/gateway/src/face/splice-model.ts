// Splice model
//
// The same bytes with another value of the top-level `model`. Nothing is written anew: numbers that a parser would
// round, duplicate members and odd spacing reach the provider as the caller wrote them.
//
// Invariants:
//   M1. Every byte outside the values of a top-level member `model` stays as it is.
//   M2. Every top-level `model` gets the new value, however its name is escaped or often repeated: which of two a
//       provider would read is not ours to guess.

import type { Span } from '../json/index.ts'

const quote = 0x22
const backslash = 0x5c

/** The body, which must be a valid JSON object, with `to` as its model. */
export function spliceModel(
  body: Buffer,
  to: string,
  known: readonly Span[] | null = null,
): Buffer {
  const spans = known ?? spansOf(body)
  const value = Buffer.from(JSON.stringify(to))
  if (spans.every(({ start, end }) => value.equals(body.subarray(start, end)))) return body
  const parts: Buffer[] = []
  let from = 0
  for (const { start, end } of spans) {
    parts.push(body.subarray(from, start), value) // M1
    from = end
  }
  parts.push(body.subarray(from))
  return Buffer.concat(parts)
}

function spansOf(body: Buffer): readonly Span[] {
  const only = onlyModelSpan(body)
  return only === null ? modelSpans(body) : [only]
}

const plainName = Buffer.from('"model"')
const escapedLetter = Buffer.from('\\u00')

/**
 * Where the model stands in a body that names it once and escapes no letter: then it is the one
 * member that the parser found, and nothing else has to be looked at. Null for any other body.
 */
function onlyModelSpan(body: Buffer): Span | null {
  const at = body.indexOf(plainName)
  if (at === -1 || body.indexOf(plainName, at + 1) !== -1) return null
  if (body.includes(escapedLetter)) return null
  const start = body.indexOf(quote, at + plainName.length)
  return start === -1 ? null : { start, end: stringEnd(body, start) }
}

/** Where the values of top-level members `model` stand. */
function modelSpans(body: Buffer): Span[] {
  const spans: Span[] = []
  let depth = 0
  let isName = false // the next string at depth one is a member's name
  let isModel = false // the next value at depth one belongs to `model`
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (byte === quote) {
      const end = stringEnd(body, at)
      if (depth === 1 && isName) isModel = isModelName(body.subarray(at, end))
      else if (depth === 1 && isModel) spans.push({ start: at, end }) // M2
      isName = false
      at = end - 1
    } else if (byte === 0x7b || byte === 0x5b) {
      depth += 1
      isName = depth === 1
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1
    else if (byte === 0x2c && depth === 1) {
      isName = true
      isModel = false
    }
  }
  return spans
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

function isModelName(name: Buffer): boolean {
  if (name.length === 7) return name.toString('latin1') === '"model"'
  return name.includes(backslash) && JSON.parse(name.toString('utf8')) === 'model'
}
