// Jq error
//
// What an expression raises, and what stops it from outside. `try` catches the first kind alone.

import type { Json } from '../../resource/index.ts'
import { writeJson } from './json-text.ts'
import { kindOf, TooDeep } from './value.ts'

/** Raised by the expression; `value` is what `catch` gets. */
export class JqError extends Error {
  override readonly name = 'JqError'
  readonly value: Json

  constructor(value: Json) {
    super(typeof value === 'string' ? value : writeJson(value))
    this.value = value
  }
}

/** The expression took more steps or memory than it may; nothing in it can catch that. */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded'
}

/** What `catch` gets of something thrown; undefined where it may not catch it. */
export function caughtValue(error: unknown): Json | undefined {
  if (error instanceof JqError) return error.value
  return error instanceof TooDeep ? error.message : undefined
}

/** Thrown by `break`, caught by the `label` that made it. */
export class Break {}

export function fail(message: string): never {
  throw new JqError(message)
}

const dumpBytesMax = 29 // as jq 1.8 cuts values in messages

/** `string ("abc")`: a value and its kind in a message. */
export function describe(value: Json): string {
  return `${kindOf(value)} (${dump(value)})`
}

/** A value in a message, cut where it is long. */
export function dump(value: Json): string {
  const text = writeJson(value, dumpBytesMax * 4)
  if (bytesOf(text) <= dumpBytesMax) return text
  const closing: Readonly<Record<string, string>> = { '"': '"', '[': ']', '{': '}' }
  const end = `...${closing[text[0] ?? ''] ?? ''}`
  let kept = ''
  let bytes = end.length
  for (const character of text) {
    bytes += bytesOf(character)
    if (bytes > dumpBytesMax) break
    kept += character
  }
  return kept + end
}

/** The length of a text in UTF-8; a lone surrogate counts as the replacement character. */
export function bytesOf(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(i + 1))) {
      bytes += 4
      i += 1
    } else bytes += 3
  }
  return bytes
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}
