// Hidden numbers
//
// The protocol's SDK reads and writes every message by itself, and rounds numbers that a double does not hold. They go
// through it as texts with a mark that nobody can guess, in what callers and tools name themselves: numbers of the
// protocol's own (how far a call is, how large a file) are doubles, and the SDK wants to see them.
//
// Invariants:
//   H1. What was hidden is shown on every way out: to a server, to a caller, to a guard, in what is kept.

import { randomUUID } from 'node:crypto'
import { isObject, type JsonObject } from '@tutti/core/dialect'
import { ExactNumber, exactJsonOf, mayBeInexact } from '@tutti/core/resource'

const mark = `${randomUUID()}:`
const markBytes = Buffer.from(mark)
const asText = new RegExp(`"${mark}([^"]*)"`, 'g')

/** A message as the SDK may read it; the same where it has no such number. */
export function hideNumbers(json: string): string {
  const message = mayBeInexact(json) ? exactJsonOf(json) : null
  if (!isObject(message)) return json
  const { id, params, result } = message
  return JSON.stringify({
    ...message,
    ...(id === undefined ? {} : { id: hiddenIn(id) }),
    ...(isObject(params) ? { params: hiddenBut(params, asked) } : {}),
    ...(isObject(result) ? { result: hiddenResult(result) } : {}),
  })
}

const asked = ['arguments', '_meta', 'requestId'] as const

function hiddenBut(of: JsonObject, names: readonly string[]): JsonObject {
  const there = names.filter((name) => name in of)
  return { ...of, ...Object.fromEntries(there.map((name) => [name, hiddenIn(of[name])])) }
}

/** Its `content` has numbers of the protocol's own alone, and texts. */
export function hiddenResult(result: JsonObject): JsonObject {
  const names = Object.keys(result).filter((name) => name !== 'content')
  return hiddenBut(result, names)
}

/** A value of which the SDK makes a message. */
export function hiddenIn<Value>(value: Value): Value {
  return mapped(value, (one) => (one instanceof ExactNumber ? `${mark}${one}` : one)) as Value
}

/** H1: a value that the SDK has read. */
export function shownIn<Value>(value: Value): Value {
  const isHidden = (one: unknown) => typeof one === 'string' && one.startsWith(mark)
  const shown = (one: unknown) => new ExactNumber(String(one).slice(mark.length))
  return mapped(value, (one) => (isHidden(one) ? shown(one) : one)) as Value
}

/** H1: bytes that the SDK has written. */
export function showNumbers(bytes: Buffer): Buffer {
  if (!bytes.includes(markBytes)) return bytes
  return Buffer.from(bytes.toString('utf8').replaceAll(asText, '$1').replaceAll(mark, ''))
}

/** The same value where `each` changes nothing in it. */
function mapped(value: unknown, each: (one: unknown) => unknown): unknown {
  const made = each(value)
  if (made !== value) return made
  if (Array.isArray(value)) {
    const all = value.map((one) => mapped(one, each))
    return all.some((one, i) => one !== value[i]) ? all : value
  }
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([name, one]) => [name, mapped(one, each)] as const)
  return members.some(([name, one]) => one !== value[name]) ? Object.fromEntries(members) : value
}

const blankLine = /\r\n\r\n|\n\n|\r\r/
const eachEvent = /(?<=\r\n\r\n|\n\n|\r\r)/
const tailMax = 3 // bytes of a blank line that may have come

/** What a server answers, event by event, or as a whole. */
export async function* hidingNumbers(
  pieces: AsyncIterable<Buffer>,
  form: 'events' | 'message',
): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let tail = ''
  for await (const piece of pieces) {
    held.push(piece)
    const end = tail + piece.toString('latin1')
    tail = end.slice(-tailMax)
    if (form === 'message' || !blankLine.test(end)) continue
    const all = Buffer.concat(held)
    // What follows the last blank line is of the next event, and hardly longer than a piece.
    const from = all.length - (end.split(blankLine).at(-1) ?? '').length
    held = from === all.length ? [] : [all.subarray(from)]
    if (from > 0) yield hiddenEvents(all.subarray(0, from))
  }
  if (held.length === 0) return
  const left = Buffer.concat(held)
  yield form === 'events' ? hiddenEvents(left) : hiddenMessage(left)
}

function hiddenMessage(bytes: Buffer): Buffer {
  const json = bytes.toString('utf8')
  const hidden = hideNumbers(json)
  return hidden === json ? bytes : Buffer.from(hidden)
}

function hiddenEvents(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8')
  if (!mayBeInexact(text)) return bytes
  return Buffer.from(text.split(eachEvent).map(hiddenEvent).join(''))
}

function hiddenEvent(event: string): string {
  const lines = event.split(/\r\n|\n|\r/)
  const isData = (line: string) => line.startsWith('data:')
  const data = lines.filter(isData).map((line) => line.slice('data:'.length))
  const json = data.join('\n')
  const hidden = hideNumbers(json)
  if (hidden === json) return event
  const others = lines.filter((line) => line !== '' && !isData(line))
  return [...others, `data: ${hidden}`, '', ''].join('\n')
}
