// Value
//
// JSON values as jq sees them: kinds, truth, order, equality. Nothing here recurses on the machine's
// stack, so that a value nested as deep as jq allows is no danger.

import type { Json } from '../../resource/index.ts'

export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'
export type JsonObject = { readonly [key: string]: Json }

export const depthMax = 10_000 // jq's own bound

export function kindOf(value: Json): Kind {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as 'boolean' | 'number' | 'string' | 'object'
}

export function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isTrue(value: Json): boolean {
  return value !== null && value !== false
}

/** A member, or null: names such as `constructor` and `__proto__` are members like any other. */
export function memberOf(object: JsonObject, key: string): Json {
  const member = object[key]
  if (member === undefined || typeof member === 'function') return null
  return key === '__proto__' && !Object.hasOwn(object, key) ? null : member
}

/** Sets a member of an object that nobody else holds yet. */
export function put(object: { [key: string]: Json }, key: string, value: Json): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, ...ownMember })
}

const ownMember = { writable: true, enumerable: true, configurable: true }

/** Keys in jq's order: by Unicode codepoint. */
export function sortedKeys(object: JsonObject): string[] {
  return Object.keys(object).sort(compareText)
}

const hasSurrogate = /[\ud800-\udfff]/

/** By codepoint; UTF-16 order differs from it only where surrogates occur. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  if (!hasSurrogate.test(a) && !hasSurrogate.test(b)) return a < b ? -1 : 1
  const left = [...a]
  const right = [...b]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

const ranks = { null: 0, boolean: 1, number: 3, string: 4, array: 5, object: 6 }

function rankOf(value: Json): number {
  return value === true ? 2 : ranks[kindOf(value)]
}

export class TooDeep extends Error {
  override readonly name = 'TooDeep'
}

/**
 * jq's order of all values: null < false < true < numbers < strings < arrays < objects; NaN is
 * less than any number.
 * @throws TooDeep beyond jq's depth.
 */
export function compare(a: Json, b: Json): number {
  if (!isNested(a) || !isNested(b)) return a === b ? 0 : compareOne(a, b)
  // Pairs still to be compared, the next one last: lexicographic order without recursion.
  const pairs: [Json, Json, number][] = [[a, b, 0]]
  for (;;) {
    const pair = pairs.pop()
    if (pair === undefined) return 0
    const [left, right, depth] = pair
    if (left === right && !isNested(left)) continue
    if (depth > depthMax) throw new TooDeep('Comparison too deep')
    const difference = compareOne(left, right)
    if (difference !== 0) return difference
    pushParts(pairs, left, right, depth + 1)
  }
}

function isNested(value: Json): boolean {
  return typeof value === 'object' && value !== null
}

function compareOne(a: Json, b: Json): number {
  const difference = rankOf(a) - rankOf(b)
  if (difference !== 0) return difference
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a)) return -1
    return Number.isNaN(b) ? 1 : a - b || (a < b ? -1 : 0)
  }
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (isObject(a) && isObject(b)) {
    const left = sortedKeys(a)
    const right = sortedKeys(b)
    return compareKeys(left, right)
  }
  return 0
}

function compareKeys(left: readonly string[], right: readonly string[]): number {
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = compareText(left[i] ?? '', right[i] ?? '')
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

function pushParts(pairs: [Json, Json, number][], a: Json, b: Json, depth: number): void {
  if (isArray(a) && isArray(b)) {
    // After equal elements the shorter array is less.
    pairs.push([a.length, b.length, depth])
    for (let i = Math.min(a.length, b.length) - 1; i >= 0; i--) {
      pairs.push([a[i] ?? null, b[i] ?? null, depth])
    }
  } else if (isObject(a) && isObject(b)) {
    for (const key of sortedKeys(a).reverse()) {
      pairs.push([memberOf(a, key), memberOf(b, key), depth])
    }
  }
}

/** @throws TooDeep beyond jq's depth. */
export function equal(a: Json, b: Json): boolean {
  if (a === b) return !Number.isNaN(a)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  return compareEqual(a, b)
}

function compareEqual(a: Json, b: Json): boolean {
  const pairs: [Json, Json, number][] = [[a, b, 0]]
  for (;;) {
    const pair = pairs.pop()
    if (pair === undefined) return true
    const [left, right, depth] = pair
    if (left === right) continue
    if (depth > depthMax) throw new TooDeep('Equality check too deep')
    if (isArray(left)) {
      if (!isArray(right) || left.length !== right.length) return false
      for (let i = 0; i < left.length; i++) {
        pairs.push([left[i] ?? null, right[i] ?? null, depth + 1])
      }
    } else if (isObject(left)) {
      if (!isObject(right)) return false
      const keys = Object.keys(left)
      if (keys.length !== Object.keys(right).length) return false
      for (const key of keys) {
        if (!Object.hasOwn(right, key)) return false
        pairs.push([memberOf(left, key), memberOf(right, key), depth + 1])
      }
    } else return false
  }
}

/** True where indexes and codepoints may differ. */
export function hasAstral(text: string): boolean {
  return hasSurrogate.test(text)
}

/** How many codepoints a text has. */
export function lengthOf(text: string): number {
  if (!hasSurrogate.test(text)) return text.length
  let length = 0
  for (const _ of text) length += 1
  return length
}
