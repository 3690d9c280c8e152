// JSON text
//
// Values ↔ JSON text as jq writes and reads it: 17 digits, `1e+17`, `1e-05`, NaN as null, infinity as the
// greatest number; reading takes `nan` too, and nesting up to 10,000.

import type { Json } from '../../resource/index.ts'
import { depthMax, isArray, put } from './value.ts'

/** The text of a value; beyond `lengthMax` it may be cut. */
export function writeJson(value: Json, lengthMax = Number.POSITIVE_INFINITY): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return writeNumber(value)
  if (typeof value !== 'object' || value === null) return String(value)
  let text = ''
  const open: Frame[] = [frameOf(value)]
  text += isArray(value) ? '[' : '{'
  while (text.length <= lengthMax) {
    const frame = open.at(-1)
    if (frame === undefined) break
    const key = frame.keys?.[frame.next]
    if (frame.next >= frame.length) {
      text += frame.keys === null ? ']' : '}'
      open.pop()
      continue
    }
    if (frame.next > 0) text += ','
    if (key !== undefined) text += `${JSON.stringify(key)}:`
    const member = frame.at(frame.next)
    frame.next += 1
    if (typeof member !== 'object' || member === null) text += writeScalar(member)
    else if (open.length > depthMax) text += '"<skipped: too deep>"'
    else {
      open.push(frameOf(member))
      text += isArray(member) ? '[' : '{'
    }
  }
  return text
}

interface Frame {
  readonly keys: readonly string[] | null
  readonly length: number
  readonly at: (index: number) => Json
  next: number
}

function frameOf(value: readonly Json[] | { readonly [key: string]: Json }): Frame {
  if (isArray(value)) {
    return { keys: null, length: value.length, at: (index) => value[index] ?? null, next: 0 }
  }
  const keys = Object.keys(value)
  return { keys, length: keys.length, at: (index) => value[keys[index] ?? ''] ?? null, next: 0 }
}

function writeScalar(value: null | boolean | number | string): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' ? writeNumber(value) : String(value)
}

/** A number as jq prints it. */
export function writeNumber(value: number): string {
  if (Number.isNaN(value)) return 'null'
  if (Number.isInteger(value) && Math.abs(value) < 1e15)
    return Object.is(value, -0) ? '-0' : `${value}`
  const finite = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
  const [mantissa = '', exponent = '0'] = finite.toExponential().split('e')
  const sign = finite < 0 ? '-' : ''
  const digits = mantissa.replace(/[-.]/g, '')
  const point = Number(exponent) + 1
  if (point <= -4 || point > digits.length + 15) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
    const power = `${Math.abs(point - 1)}`.padStart(2, '0')
    return `${sign}${digits[0]}${fraction}e${point > 0 ? '+' : '-'}${power}`
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

export type Reading =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly reason: string }

/** Reads one JSON value, with jq's messages where the text is none. */
export function readJson(text: string): Reading {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text
  // V8's own parser is fast and does not recurse; jq's extras and messages are left to ours.
  if (body.length < depthMax && !body.includes('__proto__')) {
    try {
      return { ok: true, value: JSON.parse(body) }
    } catch {
      return new Reader(body).read()
    }
  }
  return new Reader(body).read()
}

type Open =
  | { readonly kind: 'array'; readonly value: Json[] }
  | { readonly kind: 'object'; readonly value: { [key: string]: Json }; key: string }

const number = /-?(?:0|[1-9]\d*|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?/y
const word = /[^\s[\]{},:"]+/y
const string = /"(?:[^"\\]|\\.)*"/sy

class Reader {
  readonly #text: string
  /** Moved by every method that takes something. */
  #at = 0
  readonly #open: Open[] = []

  constructor(text: string) {
    this.#text = text
  }

  read(): Reading {
    try {
      const value = this.#value()
      this.#blank()
      if (this.#at < this.#text.length) return this.#refuse('Unexpected extra JSON values')
      return { ok: true, value }
    } catch (error) {
      if (error instanceof NotJson) return this.#refuse(error.message)
      throw error
    }
  }

  #refuse(reason: string): Reading {
    return { ok: false, reason: `${reason} (while parsing '${this.#text}')` }
  }

  #value(): Json {
    for (;;) {
      let value = this.#start()
      if (value === undefined) continue
      for (;;) {
        const parent = this.#open.at(-1)
        if (parent === undefined) return value
        if (!this.#attach(parent, value)) break
        this.#open.pop()
        value = parent.value
      }
    }
  }

  /** A scalar or empty container; undefined where a container was opened. */
  #start(): Json | undefined {
    this.#blank()
    const character = this.#text[this.#at]
    if (character === '[' || character === '{') {
      if (this.#open.length >= depthMax) throw new NotJson(`Exceeds depth limit for parsing`)
      this.#at += 1
      this.#blank()
      if (this.#text[this.#at] === (character === '[' ? ']' : '}')) {
        this.#at += 1
        return character === '[' ? [] : {}
      }
      if (character === '[') this.#open.push({ kind: 'array', value: [] })
      else this.#open.push({ kind: 'object', value: {}, key: this.#key() })
      return undefined
    }
    return character === '"' ? this.#string() : this.#literal()
  }

  /** Adds to an open container; true where that closed it. */
  #attach(parent: Open, value: Json): boolean {
    if (parent.kind === 'array') parent.value.push(value)
    else put(parent.value, parent.key, value)
    this.#blank()
    const character = this.#text[this.#at]
    this.#at += 1
    if (character === ',') {
      if (parent.kind === 'object') {
        this.#blank()
        parent.key = this.#key()
      }
      return false
    }
    if (character === (parent.kind === 'array' ? ']' : '}')) return true
    if (character === undefined)
      throw new NotJson(`Unfinished JSON term at EOF at ${this.#place()}`)
    throw new NotJson(`Expected separator between values at ${this.#place()}`)
  }

  #key(): string {
    if (this.#text[this.#at] !== '"') {
      if (this.#text[this.#at] === "'") throw this.#quote()
      throw new NotJson(`Object keys must be strings at ${this.#place()}`)
    }
    const key = this.#string()
    this.#blank()
    if (this.#text[this.#at] !== ':') {
      throw new NotJson(`Objects must consist of key:value pairs at ${this.#place()}`)
    }
    this.#at += 1
    return key
  }

  #quote(): NotJson {
    const end = this.#text.indexOf("'", this.#at + 1)
    this.#at = end < 0 ? this.#text.length : end
    return new NotJson(`Invalid string literal; expected ", but got ' at ${this.#place(2)}`)
  }

  #string(): string {
    string.lastIndex = this.#at
    const found = string.exec(this.#text)?.[0]
    if (found === undefined) throw new NotJson(`Unfinished string at EOF at ${this.#place()}`)
    this.#at += found.length
    try {
      return String(JSON.parse([...found].map(escapeControl).join('')))
    } catch {
      throw new NotJson(`Invalid escape at ${this.#place()}`)
    }
  }

  #literal(): Json {
    if (this.#text[this.#at] === "'") throw this.#quote()
    word.lastIndex = this.#at
    const text = word.exec(this.#text)?.[0] ?? ''
    this.#at += text.length
    if (text === 'null') return null
    if (text === 'true' || text === 'false') return text === 'true'
    if (/^-?nan$/i.test(text)) return Number.NaN
    if (/^-?infinity$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
    number.lastIndex = 0
    if (text !== '' && number.exec(text)?.[0] === text && /\d/.test(text)) return Number(text)
    if (text === '') throw new NotJson(`Expected JSON value at ${this.#place()}`)
    const where = this.#at >= this.#text.length ? 'at EOF at' : 'at'
    throw new NotJson(
      `Invalid ${/^[-\d.n]/i.test(text) ? 'numeric ' : ''}literal ${where} ${this.#place()}`,
    )
  }

  #blank(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at += 1
  }

  #place(more = 0): string {
    const before = this.#text.slice(0, this.#at)
    const line = before.split('\n').length
    return `line ${line}, column ${this.#at - before.lastIndexOf('\n') - 1 + more}`
  }
}

class NotJson extends Error {}

function escapeControl(character: string): string {
  if (character >= ' ') return character
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
