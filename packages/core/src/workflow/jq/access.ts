// Access
//
// Reading and writing at a key, an index, a slice or a path of them, with jq's messages. Writing copies:
// values are never changed once somebody holds them.

import type { Json } from '../../resource/index.ts'
import { describe, fail } from './jq-error.ts'
import type { Run } from './run.ts'
import {
  compare,
  depthMax,
  equal,
  hasAstral,
  isArray,
  isObject,
  kindOf,
  lengthOf,
  memberOf,
  put,
} from './value.ts'

const indexMax = 10_000_000 // 80 MB of empty places; more is a slip or an attack

/** `.[key]` of any value. */
export function getAt(value: Json, key: Json, run: Run): Json {
  if (typeof key === 'string') {
    if (isObject(value)) return memberOf(value, key)
    if (value === null) return null
    return fail(`Cannot index ${kindOf(value)} with ${describe(key)}`)
  }
  if (typeof key === 'number') {
    if (isArray(value)) return elementOf(value, key)
    if (value === null) return null
    return fail(`Cannot index ${kindOf(value)} with ${describe(key)}`)
  }
  if (isObject(key) && isSliceKey(key)) return getSlice(value, key, run)
  if (isArray(key) && isArray(value)) return indicesOf(value, key, run)
  if (isObject(key) && (value === null || isArray(value))) {
    return fail('Start and end indices of an array slice must be numbers')
  }
  return fail(`Cannot index ${kindOf(value)} with ${kindOf(key)}`)
}

export function elementOf(array: readonly Json[], index: number): Json {
  const whole = Math.floor(index)
  return array[whole < 0 ? array.length + whole : whole] ?? null
}

function isSliceKey(key: { readonly [key: string]: Json }): boolean {
  return 'start' in key || 'end' in key
}

function getSlice(value: Json, key: Json, run: Run): Json {
  if (value === null) return null
  if (typeof value === 'string') return sliceText(value, key, run)
  if (!isArray(value)) return fail(`Cannot index ${kindOf(value)} with object`)
  const { start, end } = boundsOf(value.length, key)
  run.container(end - start)
  return value.slice(start, end)
}

function sliceText(value: string, key: Json, run: Run): Json {
  const { start, end } = boundsOf(lengthOf(value), key)
  if (!hasAstral(value)) return run.text(value.slice(start, end))
  run.step(value.length)
  return run.text([...value].slice(start, end).join(''))
}

/** The bounds of a slice within a length: negative ones count from the end. */
function boundsOf(length: number, key: Json): { readonly start: number; readonly end: number } {
  const from = isObject(key) ? (key['start'] ?? null) : null
  const to = isObject(key) ? (key['end'] ?? null) : null
  if ((from !== null && typeof from !== 'number') || (to !== null && typeof to !== 'number')) {
    return fail('Start and end indices of an array slice must be numbers')
  }
  const clamp = (index: number) => Math.max(0, Math.min(length, index < 0 ? index + length : index))
  const start = Math.floor(clamp(from === null || Number.isNaN(from) ? 0 : from))
  const end = Math.ceil(clamp(to === null || Number.isNaN(to) ? length : to))
  return { start, end: Math.max(start, end) }
}

/** Where `part` occurs in `array`. */
export function indicesOf(array: readonly Json[], part: readonly Json[], run: Run): Json {
  const found: number[] = []
  if (part.length === 0) return null
  for (let i = 0; i + part.length <= array.length; i++) {
    run.step(1)
    if (part.every((item, k) => equal(array[i + k] ?? null, item))) found.push(i)
  }
  return found
}

/** The value with another one at `key`. */
export function setAt(value: Json, key: Json, member: Json, run: Run): Json {
  if (typeof key === 'string' && (value === null || isObject(value))) {
    return setMember(value ?? {}, key, member, run)
  }
  if (typeof key === 'number' && (value === null || isArray(value))) {
    return setElement(value ?? [], key, member, run)
  }
  if (isObject(key)) return setSlice(value, key, member, run)
  if (isArray(key) && isArray(value)) return fail('Cannot update field at array index of array')
  if (typeof key === 'string' || typeof key === 'number') return getAt(value, key, run)
  return fail(`Invalid path component: cannot index ${kindOf(value)} with ${kindOf(key)}`)
}

function setMember(
  object: { readonly [key: string]: Json },
  key: string,
  member: Json,
  run: Run,
): Json {
  const copy: { [key: string]: Json } = { ...object }
  run.container(8) // counting keys would cost as much as the copy
  put(copy, key, member)
  return copy
}

function setElement(array: readonly Json[], key: number, member: Json, run: Run): Json {
  if (Number.isNaN(key)) return fail('Cannot set array element at NaN index')
  const whole = Math.floor(key)
  const index = whole < 0 ? array.length + whole : whole
  if (index < 0) return fail('Out of bounds negative array index')
  if (index > indexMax) return fail('Array index too large')
  run.container(Math.max(array.length, index + 1))
  const copy = [...array]
  for (let i = copy.length; i < index; i++) copy.push(null)
  copy[index] = member
  return copy
}

function setSlice(value: Json, key: Json, member: Json, run: Run): Json {
  if (typeof value === 'string') return fail('Cannot update string slices')
  if (value !== null && !isArray(value)) {
    return fail(`Cannot update field at object index of ${kindOf(value)}`)
  }
  if (!isArray(member)) return fail('A slice of an array can only be assigned another array')
  const array = value ?? []
  const { start, end } = boundsOf(array.length, key)
  run.container(array.length + member.length)
  return [...array.slice(0, start), ...member, ...array.slice(end)]
}

function assertPath(keys: readonly Json[]): void {
  if (keys.length > depthMax) fail('Path too deep')
}

/** The value at a path; null beyond what is there. */
export function getPath(value: Json, keys: readonly Json[], run: Run): Json {
  assertPath(keys)
  let found = value
  for (const key of keys) {
    run.step(1)
    if (found === null) return null
    found = getAt(found, key, run)
  }
  return found
}

/** The value with another one at a path. */
export function setPath(value: Json, keys: readonly Json[], member: Json, run: Run): Json {
  assertPath(keys)
  const holders: Json[] = []
  let found = value
  for (const key of keys) {
    run.step(1)
    holders.push(found)
    found = getAt(found, key, run)
  }
  let made = member
  for (let i = keys.length - 1; i >= 0; i--) {
    made = setAt(holders[i] ?? null, keys[i] ?? null, made, run)
  }
  return made
}

/** The value without what is at these paths; all are places in the value as it was. */
export function deletePaths(value: Json, paths: readonly Json[], run: Run): Json {
  const wanted = paths.map((path) =>
    isArray(path) ? path : fail('Path must be specified as an array'),
  )
  wanted.forEach(assertPath)
  run.step(wanted.length)
  if (wanted.some((path) => path.length === 0)) return null
  return deleteBelow(value, wanted.sort(compare), 0, run)
}

/** Paths are sorted: those through the same key stand together, the shortest first. */
function deleteBelow(
  value: Json,
  paths: readonly (readonly Json[])[],
  level: number,
  run: Run,
): Json {
  const gone: Json[] = []
  let made = value
  for (let i = 0; i < paths.length; ) {
    const first = paths[i] ?? []
    const key = first[level] ?? null
    let end = i + 1
    while (end < paths.length && equal(paths[end]?.[level] ?? null, key)) end += 1
    if (first.length === level + 1) gone.push(key)
    else {
      const held = getAt(made, key, run)
      if (held !== null) {
        made = setAt(made, key, deleteBelow(held, paths.slice(i, end), level + 1, run), run)
      }
    }
    i = end
  }
  return gone.length === 0 ? made : deleteKeys(made, gone, run)
}

function deleteKeys(value: Json, keys: readonly Json[], run: Run): Json {
  if (value === null) return null
  if (isArray(value)) {
    const gone = new Set(keys.flatMap((key) => indexesOf(value, key)))
    run.container(value.length)
    return gone.size === 0 ? value : value.filter((_, i) => !gone.has(i))
  }
  if (isObject(value)) {
    const wrong = keys.find((key) => typeof key !== 'string')
    if (wrong !== undefined) return fail(`Cannot delete field at ${kindOf(wrong)} index of object`)
    run.container(Object.keys(value).length)
    return Object.fromEntries(Object.entries(value).filter(([name]) => !keys.includes(name)))
  }
  return fail(`Cannot delete field from ${kindOf(value)}`)
}

/** The indexes that a key of an array names: one, none, or those of a slice. */
function indexesOf(array: readonly Json[], key: Json): readonly number[] {
  if (typeof key === 'number') {
    const whole = Math.floor(key)
    return [whole < 0 ? array.length + whole : whole]
  }
  if (!isObject(key)) return fail(`Cannot delete field at ${kindOf(key)} index of array`)
  const { start, end } = boundsOf(array.length, key)
  return Array.from({ length: end - start }, (_, i) => start + i)
}
