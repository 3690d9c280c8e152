// Check schema
//
// Whether a value fits a JSON Schema (draft 2020-12), by reading the schema, not by making code of it. Formats are
// annotations, as the draft has them by default; what is not known here (`unevaluated…`, `$dynamicRef`, references to
// elsewhere) is refused instead of being passed over.

import type { Json } from '../../resource/index.ts'
import { type Budget, BudgetExceeded, Run } from '../jq/index.ts'
import { compileRegex, noFlags } from '../regex/index.ts'

type Schema = { readonly [keyword: string]: Json }
/** Null where it holds; else what is wrong, with the path. */
type Verdict = string | null

interface Place {
  readonly path: string
  readonly root: Json
  readonly depth: number
  /** Pays for schemas that grow as they are followed, and for patterns. */
  readonly run: Run
}
type Keyword = (wanted: Json, value: Json, at: Place, schema: Schema) => Verdict

const depthMax = 200 // of a schema that refers to itself on a value that does not end

const stepsPerCheck = 10 // one is some hundred nanoseconds, a step some ten
/** A million checks: an array of so many items, and a second at worst. */
const budget: Budget = { stepsMax: 10_000_000, bytesMax: 256 * 1024 * 1024 }
const reasonMax = 1_000 // characters: what fits none of many says a part of why

/** Why one that stands elsewhere is refused. */
export const schemaElsewhere = 'schemas are given in the document itself'

/** Null where the value fits; else what is wrong with it, or with the schema. */
export function checkSchema(schema: Json, value: Json): Verdict {
  const run = new Run([], budget, 0)
  try {
    return check(schema, value, { path: '', root: schema, depth: 0, run })
  } catch (error) {
    if (error instanceof BudgetExceeded) return 'the schema takes too many steps on this value'
    throw error
  }
}

function check(schema: Json, value: Json, at: Place): Verdict {
  at.run.step(stepsPerCheck)
  if (schema === true) return null
  if (schema === false) return say(at, 'nothing is allowed here')
  if (!isObject(schema)) return say(at, 'the schema is none: expected an object or a boolean')
  if (at.depth > depthMax) return say(at, 'the schema refers to itself without end')
  const deeper = { ...at, depth: at.depth + 1 }
  for (const [name, wanted] of Object.entries(schema)) {
    const keyword = keywords[name]
    if (keyword === undefined && refused.has(name)) {
      return say(at, `the schema uses ${name}, which is not supported`)
    }
    const wrong = keyword?.(wanted, value, deeper, schema) ?? null
    if (wrong !== null) return wrong
  }
  return null
}

const refused = new Set([
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
  '$recursiveRef',
  'dependencies',
])

function say({ path }: Place, message: string): string {
  return path === '' ? message : `${path}: ${message}`
}

function isObject(value: Json): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function within(at: Place, key: string | number): Place {
  return { ...at, path: at.path === '' ? `${key}` : `${at.path}.${key}` }
}

function first(verdicts: Iterable<Verdict>): Verdict {
  for (const verdict of verdicts) if (verdict !== null) return verdict
  return null
}

const types: Readonly<Record<string, (value: Json) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  string: (value) => typeof value === 'string',
  array: isArray,
  object: isObject,
}

/** Equal as JSON: the order of members does not count. */
function isSame(a: Json, b: Json): boolean {
  if (isArray(a)) {
    return isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i] ?? null))
  }
  if (!isObject(a)) return a === b
  if (!isObject(b) || Object.keys(a).length !== Object.keys(b).length) return false
  return Object.entries(a).every(
    ([key, item]) => Object.hasOwn(b, key) && isSame(item, b[key] ?? null),
  )
}

const bound =
  (
    measure: (value: Json) => number | null,
    holds: (size: number, limit: number) => boolean,
    word: string,
  ): Keyword =>
  (wanted, value, at) => {
    const size = measure(value)
    if (size === null || typeof wanted !== 'number' || holds(size, wanted)) return null
    return say(at, `expected ${word} ${wanted}, got ${size}`)
  }
const least = (size: number, limit: number) => size >= limit
const most = (size: number, limit: number) => size <= limit
const numberOf = (value: Json) => (typeof value === 'number' ? value : null)
const textLength = (value: Json) => (typeof value === 'string' ? [...value].length : null)
const arrayLength = (value: Json) => (isArray(value) ? value.length : null)
const memberCount = (value: Json) => (isObject(value) ? Object.keys(value).length : null)

/** A pattern is found anywhere in the text; a bad one matches nothing. */
function matches(pattern: string, text: string, { run }: Pick<Place, 'run'>): boolean {
  const held = run.regexes.get(pattern)
  if (held === undefined) {
    const compiled = compileRegex(pattern, noFlags, 'ecma')
    run.step(1 + pattern.length)
    if (!compiled.ok) return false
    run.container(compiled.regex.size)
    run.regexes.set(pattern, compiled.regex)
    return matches(pattern, text, { run })
  }
  run.step(1)
  for (const _ of held.search(text, run, false)) return true
  return false
}

function refer(wanted: Json, { root }: Place): Json | undefined {
  if (typeof wanted !== 'string' || !wanted.startsWith('#')) return undefined
  let found: Json | undefined = root
  for (const part of wanted.slice(1).split('/').filter(Boolean)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (isArray(found ?? null)) found = Object.values(found ?? {})[Number(key)]
    else
      found = isObject(found ?? null)
        ? Object.entries(found ?? {}).find(([k]) => k === key)?.[1]
        : undefined
  }
  return found
}

const keywords: Readonly<Record<string, Keyword>> = {
  $ref: (wanted, value, at) => {
    const found = refer(wanted, at)
    return found === undefined ? say(at, `the schema has no ${wanted}`) : check(found, value, at)
  },
  type: (wanted, value, at) => {
    const names = isArray(wanted) ? wanted.map(String) : [String(wanted)]
    if (names.some((name) => types[name]?.(value) === true)) return null
    return say(at, `expected ${names.join(' or ')}, got ${JSON.stringify(value)?.slice(0, 60)}`)
  },
  enum: (wanted, value, at) =>
    isArray(wanted) && wanted.some((one) => isSame(one, value))
      ? null
      : say(at, `expected one of ${JSON.stringify(wanted)}`),
  const: (wanted, value, at) =>
    isSame(wanted, value) ? null : say(at, `expected ${JSON.stringify(wanted)}`),
  minimum: bound(numberOf, least, 'at least'),
  maximum: bound(numberOf, most, 'at most'),
  exclusiveMinimum: bound(numberOf, (size, limit) => size > limit, 'more than'),
  exclusiveMaximum: bound(numberOf, (size, limit) => size < limit, 'less than'),
  multipleOf: (wanted, value, at) => {
    if (typeof value !== 'number' || typeof wanted !== 'number') return null
    const times = value / wanted
    return Math.abs(times - Math.round(times)) < 1e-9
      ? null
      : say(at, `expected a multiple of ${wanted}`)
  },
  minLength: bound(textLength, least, 'a text of at least'),
  maxLength: bound(textLength, most, 'a text of at most'),
  pattern: (wanted, value, at) =>
    typeof value !== 'string' || matches(String(wanted), value, at)
      ? null
      : say(at, `expected text like ${wanted}`),
  minItems: bound(arrayLength, least, 'at least so many items:'),
  maxItems: bound(arrayLength, most, 'at most so many items:'),
  uniqueItems: (wanted, value, at) => {
    if (wanted !== true || !isArray(value)) return null
    const isTwice = value.some((item, i) => {
      at.run.step(1 + i)
      return value.slice(0, i).some((other) => isSame(item, other))
    })
    return isTwice ? say(at, 'expected no item twice') : null
  },
  prefixItems: (wanted, value, at) => {
    if (!isArray(wanted) || !isArray(value)) return null
    return first(
      wanted.slice(0, value.length).map((one, i) => check(one, value[i] ?? null, within(at, i))),
    )
  },
  items: (wanted, value, at, schema) => {
    if (!isArray(value)) return null
    const start = arrayLength(schema['prefixItems'] ?? null) ?? 0
    return first(value.slice(start).map((item, i) => check(wanted, item, within(at, start + i))))
  },
  contains: (wanted, value, at, schema) => {
    if (!isArray(value)) return null
    const count = value.filter((item) => check(wanted, item, at) === null).length
    const fewest = numberOf(schema['minContains'] ?? null) ?? 1
    const isEnough =
      count >= fewest && count <= (numberOf(schema['maxContains'] ?? null) ?? Infinity)
    return isEnough ? null : say(at, `${count} items are as \`contains\` wants`)
  },
  minProperties: bound(memberCount, least, 'at least so many members:'),
  maxProperties: bound(memberCount, most, 'at most so many members:'),
  required: (wanted, value, at) => {
    if (!isObject(value) || !isArray(wanted)) return null
    const missing = wanted.filter((name) => !Object.hasOwn(value, String(name)))
    return missing.length === 0 ? null : say(at, `${missing.join(', ')} is missing`)
  },
  properties: (wanted, value, at) => {
    if (!isObject(value) || !isObject(wanted)) return null
    const known = Object.entries(wanted).filter(([name]) => Object.hasOwn(value, name))
    return first(known.map(([name, one]) => check(one, value[name] ?? null, within(at, name))))
  },
  patternProperties: (wanted, value, at) => {
    if (!isObject(value) || !isObject(wanted)) return null
    const pairs = Object.entries(wanted).flatMap(([pattern, one]) =>
      Object.entries(value)
        .filter(([name]) => matches(pattern, name, at))
        .map(([name, item]) => check(one, item, within(at, name))),
    )
    return first(pairs)
  },
  additionalProperties: (wanted, value, at, schema) => {
    if (!isObject(value)) return null
    const known = Object.keys(schema['properties'] ?? {})
    const patterns = Object.keys(schema['patternProperties'] ?? {})
    const others = Object.entries(value).filter(
      ([name]) => !known.includes(name) && !patterns.some((pattern) => matches(pattern, name, at)),
    )
    return first(others.map(([name, item]) => check(wanted, item, within(at, name))))
  },
  propertyNames: (wanted, value, at) =>
    isObject(value)
      ? first(Object.keys(value).map((name) => check(wanted, name, within(at, name))))
      : null,
  dependentRequired: (wanted, value, at) => {
    if (!isObject(value) || !isObject(wanted)) return null
    const needed = Object.entries(wanted).filter(([name]) => Object.hasOwn(value, name))
    const missing = needed
      .flatMap(([, names]) => (isArray(names) ? names.map(String) : []))
      .filter((name) => !Object.hasOwn(value, name))
    return missing.length === 0 ? null : say(at, `${missing.join(', ')} is missing`)
  },
  dependentSchemas: (wanted, value, at) => {
    if (!isObject(value) || !isObject(wanted)) return null
    const needed = Object.entries(wanted).filter(([name]) => Object.hasOwn(value, name))
    return first(needed.map(([, one]) => check(one, value, at)))
  },
  allOf: (wanted, value, at) =>
    isArray(wanted) ? first(wanted.map((one) => check(one, value, at))) : null,
  anyOf: (wanted, value, at) => {
    const verdicts = isArray(wanted) ? wanted.map((one) => check(one, value, at)) : []
    return verdicts.includes(null)
      ? null
      : say(at, `fits none: ${verdicts.join('; or ').slice(0, reasonMax)}`)
  },
  oneOf: (wanted, value, at) => {
    const verdicts = isArray(wanted) ? wanted.map((one) => check(one, value, at)) : []
    const count = verdicts.filter((one) => one === null).length
    return count === 1 ? null : say(at, `fits ${count} of oneOf instead of one`)
  },
  not: (wanted, value, at) =>
    check(wanted, value, at) === null ? say(at, 'is what it must not be') : null,
  if: (wanted, value, at, schema) => {
    const branch = check(wanted, value, at) === null ? schema['then'] : schema['else']
    return branch === undefined ? null : check(branch, value, at)
  },
}
