// Outline
//
// A long JSON object with its long texts cut to their beginnings: all that routing, limits and budgets look at, for a
// fifth of what parsing the whole costs, and nothing long is held while its answer is awaited.
//
// Invariants:
//   J2. There is an outline only of what JSON.parse takes; and it differs from that only in texts that are long: each
//       is a beginning of the whole one.
//   J3. The value of the top-level member `model` is told where it stands, however the name is escaped.

import { isUtf8 } from 'node:buffer'
import { parseJson } from '@tutti/core/resource'
import { textEnd } from './text-end.ts'

/** The bytes of a value, the quotes of a text included. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Outline {
  /** The outline as a document; all names stand in it as they came. */
  readonly text: string
  readonly value: unknown
  /** Null where there is none that is a text. */
  readonly model: Span | null
}

// Links, names, ids and whatever else is looked at are shorter, or told by their beginning.
const textBytesKept = 512
// What has so much besides long texts is parsed as a whole: looking at it twice would cost more.
const restBytesMax = 32 * 2 ** 10

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a

/** Null for what is no JSON, or has not enough long texts: JSON.parse says which. */
export function outlineOf(body: Buffer): Outline | null {
  if (!isUtf8(body)) return null
  const walk = new Walk(body)
  const kept = walk.run()
  if (kept === null) return null
  try {
    const value: unknown = parseJson(kept)
    return { text: kept, value, model: walk.model }
  } catch {
    return null
  }
}

class Walk {
  readonly #body: Buffer
  /** Written by `#note`. */
  model: Span | null = null
  /** What stands in the outline, written by `#cut`. */
  readonly #kept: Buffer[] = []
  /** Bytes before it are kept or left out. */
  #done = 0
  #left = 0
  #depth = 0
  /** The next text at depth one is a member's name. */
  #isName = false
  /** The next value at depth one belongs to `model`. */
  #isModel = false

  constructor(body: Buffer) {
    this.#body = body
  }

  /** The outline as a document; null where it is not worth it or a text is none. */
  run(): string | null {
    const body = this.#body
    for (let at = 0; at < body.length; at++) {
      const byte = body[at]
      if (byte === quote) {
        const end = this.#text(at)
        if (end === -1) return null
        this.#note(at, end)
        at = end - 1
      } else if (byte === 0x7b || byte === 0x5b) {
        this.#depth += 1
        this.#isName = this.#depth === 1
      } else if (byte === 0x7d || byte === 0x5d) this.#depth -= 1
      else if (byte === 0x2c) {
        if (at - this.#left > restBytesMax) return null
        this.#isName = this.#depth === 1
        if (this.#isName) this.#isModel = false
      }
    }
    this.#kept.push(body.subarray(this.#done))
    return Buffer.concat(this.#kept).toString('utf8')
  }

  /** Where the text that begins at `start` is over, its quote included; -1 where it is none. */
  #text(start: number): number {
    const body = this.#body
    const cut = start + 1 + textBytesKept
    let at = start + 1
    while (at < cut) {
      const byte = body[at]
      if (byte === quote) return at + 1
      if (byte === undefined) return -1
      at += byte === backslash ? (body[at + 1] === 0x75 ? 6 : 2) : 1
    }
    while (((body[at] ?? 0) & 0xc0) === 0x80) at += 1 // no character is cut
    const end = at < body.length ? textEnd(body, at) : -1
    if (end === -1) return -1
    if (!this.#isNameAt(end + 1)) this.#cut(at, end)
    return end + 1
  }

  /** Two long names might have the same beginning. */
  #isNameAt(after: number): boolean {
    let at = after
    while ((this.#body[at] ?? 0x21) <= 0x20) at += 1
    return this.#body[at] === colon
  }

  #cut(from: number, to: number): void {
    this.#kept.push(this.#body.subarray(this.#done, from))
    this.#left += to - from
    this.#done = to
  }

  /** J3. */
  #note(start: number, end: number): void {
    if (this.#depth === 1 && this.#isName) {
      this.#isModel = isModelName(this.#body.subarray(start, end))
    } else if (this.#depth === 1 && this.#isModel) this.model = { start, end }
    this.#isName = false
  }
}

function isModelName(name: Buffer): boolean {
  if (name.length === 7) return name.toString('latin1') === '"model"'
  return name.includes(backslash) && jsonNameOf(name) === 'model'
}

function jsonNameOf(name: Buffer): unknown {
  try {
    return JSON.parse(name.toString('utf8'))
  } catch {
    return null // then the whole is no JSON either
  }
}
