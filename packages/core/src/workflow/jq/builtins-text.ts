// Builtins: text
//
// Strings: cutting, trimming, searching, codepoints.

import type { Json } from '../../resource/index.ts'
import { indicesOf } from './access.ts'
import { describe, fail } from './jq-error.ts'
import { writeJson } from './json-text.ts'
import { add, splitText } from './operate.ts'
import type { Run } from './run.ts'
import { hasAstral, isArray, isObject } from './value.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

const space =
  '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+'
const spaceBefore = new RegExp(`^${space}`)
const spaceAfter = new RegExp(`${space}$`)

export const textBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  'ascii_downcase/0': (input) =>
    needText(input, 'explode input must be a string').replace(/[A-Z]+/g, (x) => x.toLowerCase()),
  'ascii_upcase/0': (input) =>
    needText(input, 'explode input must be a string').replace(/[a-z]+/g, (x) => x.toUpperCase()),
  'ascii/0': (input) => String.fromCodePoint(Number(input)),
  'explode/0': (input, _, run) => {
    const text = needText(input, 'explode input must be a string')
    run.container(text.length)
    return [...text].map((character) => character.codePointAt(0) ?? 0)
  },
  'implode/0': (input, _, run) => {
    if (!isArray(input)) return fail('implode input must be an array')
    return run.text(input.map(characterOf).join(''))
  },
  'split/1': (input, args, run) => {
    const separator = argument(args, 0)
    if (typeof input === 'string' && typeof separator === 'string') {
      return splitText(input, separator, run)
    }
    return fail('split input and separator must be strings')
  },
  'join/1': join,
  'startswith/1': (input, args) => {
    const [text, part] = twoTexts(input, args, 'startswith() requires string inputs')
    return text.startsWith(part)
  },
  'endswith/1': (input, args) => {
    const [text, part] = twoTexts(input, args, 'endswith() requires string inputs')
    return text.endsWith(part)
  },
  'ltrimstr/1': (input, args) => {
    const [text, part] = twoTexts(input, args, 'startswith() requires string inputs')
    return withoutStart(text, part)
  },
  'rtrimstr/1': (input, args) => {
    const [text, part] = twoTexts(input, args, 'endswith() requires string inputs')
    return withoutEnd(text, part)
  },
  'trimstr/1': (input, args) => {
    const [text, part] = twoTexts(input, args, 'startswith() requires string inputs')
    return withoutEnd(withoutStart(text, part), part)
  },
  'trim/0': (input) =>
    needText(input, 'trim input must be a string').replace(spaceBefore, '').replace(spaceAfter, ''),
  'ltrim/0': (input) => needText(input, 'trim input must be a string').replace(spaceBefore, ''),
  'rtrim/0': (input) => needText(input, 'trim input must be a string').replace(spaceAfter, ''),
  'indices/1': indices,
  '_strindices/1': (input, args, run) => {
    const part = argument(args, 0)
    if (typeof input !== 'string') {
      return fail(`${describe(input)} cannot be searched, as it is not a string`)
    }
    if (typeof part !== 'string') return fail(`${describe(part)} is not a string`)
    return positionsOf(input, part, run)
  },
  'index/1': (input, args, run) => pickIndex(indices(input, args, run), 0),
  'rindex/1': (input, args, run) => pickIndex(indices(input, args, run), -1),
}

function needText(value: Json, message: string): string {
  return typeof value === 'string' ? value : fail(message)
}

function twoTexts(input: Json, args: readonly Json[], message: string): readonly [string, string] {
  return [needText(input, message), needText(argument(args, 0), message)]
}

function withoutStart(text: string, part: string): string {
  return text.startsWith(part) ? text.slice(part.length) : text
}

function withoutEnd(text: string, part: string): string {
  return part !== '' && text.endsWith(part) ? text.slice(0, -part.length) : text
}

function characterOf(code: Json): string {
  if (typeof code !== 'number' || Number.isNaN(code)) {
    return fail(`${describe(code)} can't be imploded, unicode codepoint needs to be numeric`)
  }
  const point = Math.trunc(code)
  const isCharacter = point >= 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff)
  return isCharacter ? String.fromCodePoint(point) : '\ufffd'
}

/** Numbers and booleans are written out, null is nothing. */
function join(input: Json, args: readonly Json[], run: Run): Json {
  const separator = argument(args, 0)
  if (!isArray(input)) {
    if (!isObject(input)) return fail(`Cannot iterate over ${describe(input)}`)
    return join(Object.values(input), args, run)
  }
  if (input.length === 0) return ''
  let text = ''
  for (let i = 0; i < input.length; i++) {
    run.step(1)
    const item = input[i] ?? null
    if (i > 0) {
      if (typeof separator !== 'string' && separator !== null) return add(text, separator, run)
      text += separator ?? ''
    }
    if (typeof item === 'string') text += item
    else if (typeof item === 'number' || typeof item === 'boolean') text += writeJson(item)
    else if (item !== null) return add(text, item, run)
  }
  return run.text(text)
}

function indices(input: Json, args: readonly Json[], run: Run): Json {
  const part = argument(args, 0)
  if (input === null) return null
  if (typeof input === 'string' && typeof part === 'string') return positionsOf(input, part, run)
  if (isArray(input)) return indicesOf(input, isArray(part) ? part : [part], run)
  return fail(`Cannot index ${describe(input)} with ${describe(part)}`)
}

/** Where a text occurs in another, in codepoints; overlapping ones too. */
function positionsOf(text: string, part: string, run: Run): Json {
  if (part === '') return null
  const found: number[] = []
  run.step(text.length >> 4)
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + 1)) {
    run.step(1)
    found.push(at)
  }
  if (!hasAstral(text)) return found
  let units = 0
  let points = 0
  return found.map((at) => {
    for (; units < at; points++) units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1
    return points
  })
}

function pickIndex(found: Json, at: number): Json {
  return isArray(found) ? (found.at(at) ?? null) : null
}
