// Builtins: collection
//
// Arrays and objects: keys, order, membership, shape.

import type { Json } from '../../resource/index.ts'
import { deletePaths, elementOf, setPath } from './access.ts'
import { describe, fail } from './jq-error.ts'
import { writeJson } from './json-text.ts'
import { add } from './operate.ts'
import type { Run } from './run.ts'
import {
  compare,
  depthMax,
  equal,
  isArray,
  isObject,
  kindOf,
  memberOf,
  put,
  sortedKeys,
} from './value.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

export const collectionBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  'keys/0': (input, _, run) => keys(input, run, sortedKeys),
  'keys_unsorted/0': (input, _, run) => keys(input, run, Object.keys),
  'has/1': has,
  'contains/1': (input, args, run) => contains(input, argument(args, 0), run),
  'inside/1': (input, args, run) => contains(argument(args, 0), input, run),
  'add/0': (input, _, run) => membersOf(input).reduce((sum, item) => add(sum, item, run), null),
  'sort/0': (input, _, run) => sortValues(needArray(input, 'sorted'), run),
  'unique/0': (input, _, run) => unique(sortValues(needArray(input, 'sorted'), run)),
  'min/0': (input) => extreme(needArray(input, 'iterated over'), (order) => order < 0),
  'max/0': (input) => extreme(needArray(input, 'iterated over'), (order) => order >= 0),
  'reverse/0': reverse,
  'flatten/0': (input, _, run) => flatten(input, Number.POSITIVE_INFINITY, run),
  'flatten/1': (input, args, run) => {
    const depth = argument(args, 0)
    if (typeof depth !== 'number') return fail('flatten depth must be a number')
    return depth < 0 ? fail('flatten depth must not be negative') : flatten(input, depth, run)
  },
  'transpose/0': transpose,
  'to_entries/0': (input, _, run) => toEntries(input, run),
  'from_entries/0': (input, _, run) => fromEntries(input, run),
  'setpath/2': (input, args, run) =>
    setPath(input, needPath(argument(args, 0)), argument(args, 1), run),
  'delpaths/1': (input, args, run) => {
    const paths = argument(args, 0)
    if (!isArray(paths)) return fail('Paths must be specified as an array')
    return deletePaths(input, paths, run)
  },
  'bsearch/1': search,
}

export function needPath(path: Json): readonly Json[] {
  return isArray(path) ? path : fail('Path must be specified as an array')
}

export function needArray(value: Json, use: string): readonly Json[] {
  if (isArray(value)) return value
  return fail(`${describe(value)} cannot be ${use}, as it is not an array`)
}

/** The elements of an array or the values of an object. */
export function membersOf(value: Json): readonly Json[] {
  if (isArray(value)) return value
  return isObject(value) ? Object.values(value) : fail(`Cannot iterate over ${describe(value)}`)
}

function keys(
  input: Json,
  run: Run,
  of: (object: { readonly [key: string]: Json }) => string[],
): Json {
  if (isArray(input)) {
    run.container(input.length)
    return input.map((_, index) => index)
  }
  if (!isObject(input)) return fail(`${describe(input)} has no keys`)
  const names = of(input)
  run.container(names.length * 4)
  return names
}

function has(input: Json, args: readonly Json[]): Json {
  const key = argument(args, 0)
  if (isObject(input) && typeof key === 'string') return Object.hasOwn(input, key)
  if (isArray(input) && typeof key === 'number') {
    return key >= 0 && Math.floor(key) < input.length
  }
  return fail(`Cannot check whether ${kindOf(input)} has a ${kindOf(key)} key`)
}

/** Strings by substring, arrays and objects part by part. */
function contains(whole: Json, part: Json, run: Run): Json {
  if (kindOf(whole) !== kindOf(part)) {
    return fail(`${describe(whole)} and ${describe(part)} cannot have their containment checked`)
  }
  return holdsChain(whole, part, run)
}

function holds(whole: Json, part: Json, depth: number, run: Run): boolean {
  run.step(1)
  if (depth > depthMax) return fail('Containment check too deep')
  if (isObject(whole) && isObject(part)) {
    const names = Object.keys(part)
    if (!names.every((name) => Object.hasOwn(whole, name))) return false
    const pairs = names.map((name) => [memberOf(whole, name), memberOf(part, name)] as const)
    return pairs.every(([held, wanted]) => holds(held, wanted, depth + 1, run))
  }
  if (isArray(whole) && isArray(part)) {
    return part.every((item) => whole.some((held) => holds(held, item, depth + 1, run)))
  }
  if (typeof whole === 'string' && typeof part === 'string') return whole.includes(part)
  return equal(whole, part)
}

/** Goes down while there is one way to go: a chain may be ten thousand deep. */
function holdsChain(wholeStart: Json, partStart: Json, run: Run): boolean {
  let whole = wholeStart
  let part = partStart
  for (let depth = 0; ; depth++) {
    run.step(1)
    const item = onlyMember(part)
    const held = onlyMember(whole)
    if (item === undefined || held === undefined || item.key !== held.key) {
      return holds(whole, part, depth, run)
    }
    if (depth > depthMax) return fail('Containment check too deep')
    whole = held.value
    part = item.value
  }
}

function onlyMember(value: Json): { readonly key: string; readonly value: Json } | undefined {
  if (isArray(value)) return value.length === 1 ? { key: '[]', value: value[0] ?? null } : undefined
  if (!isObject(value)) return undefined
  const [key, ...others] = Object.keys(value)
  if (key === undefined || others.length > 0) return undefined
  return { key: `.${key}`, value: memberOf(value, key) }
}

/** A sorted copy. */
export function sortValues(values: readonly Json[], run: Run): Json[] {
  run.container(values.length)
  run.step(values.length * Math.ceil(Math.log2(values.length + 1)))
  return [...values].sort(compare)
}

function unique(sorted: readonly Json[]): Json {
  return sorted.filter((item, i) => i === 0 || compare(sorted[i - 1] ?? null, item) !== 0)
}

function extreme(values: readonly Json[], isBetter: (order: number) => boolean): Json {
  let best: Json = values[0] ?? null
  for (let i = 1; i < values.length; i++) {
    const item = values[i] ?? null
    if (isBetter(compare(item, best))) best = item
  }
  return best
}

function reverse(input: Json, _: readonly Json[], run: Run): Json {
  if (input === null) return []
  if (typeof input === 'string') return run.text([...input].reverse().join(''))
  if (!isArray(input)) return fail(`Cannot reverse ${describe(input)}`)
  run.container(input.length)
  return input.toReversed()
}

/** Without recursion: arrays may nest ten thousand deep. */
function flatten(input: Json, depth: number, run: Run): Json {
  const flat: Json[] = []
  const open: { readonly items: readonly Json[]; next: number }[] = [
    { items: membersOf(input), next: 0 },
  ]
  for (;;) {
    const level = open.at(-1)
    if (level === undefined) return flat
    const item = level.items[level.next]
    level.next += 1
    run.step(1)
    if (item === undefined) open.pop()
    else if (isArray(item) && open.length <= depth) open.push({ items: item, next: 0 })
    else {
      run.allot(8)
      flat.push(item)
    }
  }
}

function transpose(input: Json, _: readonly Json[], run: Run): Json {
  const rows = needArray(input, 'transposed').map((row) => needArray(row, 'transposed'))
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0)
  run.container(width * rows.length)
  return Array.from({ length: width }, (_unused, column) =>
    rows.map((row) => elementOf(row, column)),
  )
}

function toEntries(input: Json, run: Run): Json {
  if (isArray(input)) {
    run.container(input.length * 8)
    return input.map((value, key) => ({ key, value }))
  }
  if (!isObject(input)) return fail(`${describe(input)} has no keys`)
  const names = Object.keys(input)
  run.container(names.length * 8)
  return names.map((key) => ({ key, value: memberOf(input, key) }))
}

const keyNames = ['key', 'k', 'name', 'Name', 'K', 'Key']
const valueNames = ['value', 'v', 'Value', 'V']

function fromEntries(input: Json, run: Run): Json {
  const object: { [key: string]: Json } = {}
  for (const entry of membersOf(input)) {
    run.container(4)
    if (!isObject(entry)) return fail(`Cannot index ${kindOf(entry)} with "key"`)
    const key = keyNames.map((name) => memberOf(entry, name)).find((held) => held !== null) ?? null
    const name = valueNames.find((held) => Object.hasOwn(entry, held))
    const value = name === undefined ? null : memberOf(entry, name)
    if (isObject(key) || isArray(key)) {
      return fail(`Cannot use ${describe(key)} as object key`)
    }
    put(object, typeof key === 'string' ? key : writeJson(key), value)
  }
  return object
}

/** The index in a sorted array, or -1 - where it would stand. */
function search(input: Json, args: readonly Json[]): Json {
  if (!isArray(input)) return fail(`${describe(input)} cannot be searched from`)
  const wanted = argument(args, 0)
  let low = 0
  let high = input.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const order = compare(input[middle] ?? null, wanted)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1 - low
}
