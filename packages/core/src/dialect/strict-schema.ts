// Strict schema
//
// What providers ask of a JSON schema before they hold a model to it: OpenAI refuses a strict one that it cannot keep
// word for word, Anthropic one whose objects do not say that they take no other members, or that bounds a number.

import { ExactNumber } from '../resource/index.ts'
import type { Tool } from './chat.ts'
import { isObject, type JsonObject, listOf, objectOf } from './json.ts'

/** All that OpenAI takes in a strict schema; it refuses others, though they be of JSON Schema. */
const strictNames = new Set([
  ...['type', 'title', 'description', 'enum', 'const', 'anyOf', '$ref', '$defs', 'definitions'],
  ...['properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
  ...['pattern', 'format', 'multipleOf', 'minimum', 'maximum'],
  ...['exclusiveMinimum', 'exclusiveMaximum'],
])
const strictFormats = new Set<unknown>([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'],
])

// One that says nothing of its values by any of these is refused.
const saying = ['type', 'anyOf', '$ref'] as const

/** Whether OpenAI can hold a model to it: an object, all of whose members are known and there. */
export function isStrictSchema(schema: JsonObject): boolean {
  return schema['type'] === 'object' && schema['anyOf'] === undefined && isStrict(schema)
}

function isStrict(schema: unknown): boolean {
  if (!isObject(schema)) return false
  if (!Object.keys(schema).every((name) => strictNames.has(name))) return false
  if (!saying.some((name) => schema[name] !== undefined)) return false
  if (isOf(schema, 'array') && !isObject(schema['items'])) return false
  if (schema['format'] !== undefined && !strictFormats.has(schema['format'])) return false
  if (isOfObjects(schema)) {
    const required = listOf(schema['required'])
    const names = Object.keys(objectOf(schema['properties']))
    const isClosed = schema['additionalProperties'] === false
    if (!isClosed || !names.every((name) => required.includes(name))) return false
  }
  return childrenOf(schema).every(isStrict)
}

function childrenOf(schema: JsonObject): unknown[] {
  return [
    ...(schema['items'] === undefined ? [] : [schema['items']]),
    ...listOf(schema['anyOf']),
    ...maps.flatMap((name) => Object.values(objectOf(schema[name]))),
  ]
}

const maps = ['properties', '$defs', 'definitions'] as const

/** For callers who do not know what OpenAI asks of a strict tool: others are not strict there. */
export function strictWhereKept(tools: readonly Tool[]): readonly Tool[] {
  return tools.map((tool) => {
    const { strict, ...loose } = tool
    return strict === true && !isStrictSchema(tool.parameters) ? loose : tool
  })
}

/**
 * The same schema, each of whose objects takes no members but its own where it says nothing of
 * them. What an object is put together of stays as it is, and so does the whole: each part would
 * exclude what the others name. Bounds of numbers are said in the description, as Anthropic's own
 * clients do.
 */
export function closedSchema(schema: JsonObject): JsonObject {
  return close(schema, new Set(refsOfParts(schema)))
}

function close(schema: JsonObject, parts: ReadonlySet<string>): JsonObject {
  const isComposed = isPutTogether(schema)
  const closed = (value: unknown) => (isObject(value) ? close(value, parts) : value)
  const written = Object.entries(unbounded(schema)).map(([name, value]): [string, unknown] => {
    if (name === 'items') return [name, closed(value)]
    if (name === 'anyOf' && !isComposed && Array.isArray(value)) return [name, value.map(closed)]
    if (!maps.some((one) => one === name) || !isObject(value)) return [name, value]
    const own = Object.entries(value).map(([key, one]) => {
      return [key, parts.has(`#/${name}/${key}`) ? one : closed(one)] as const
    })
    return [name, Object.fromEntries(own)]
  })
  const isOpen = isOfObjects(schema) && schema['additionalProperties'] === undefined
  const isClosed = isOpen && !isComposed
  return { ...Object.fromEntries(written), ...(isClosed ? { additionalProperties: false } : {}) }
}

const composing = ['allOf', 'anyOf', 'oneOf', '$ref']

function isPutTogether(schema: JsonObject): boolean {
  if (schema['allOf'] !== undefined) return true
  return isOfObjects(schema) && composing.some((name) => schema[name] !== undefined)
}

/** What objects anywhere in it are put together of, as far as it stands elsewhere. */
function refsOfParts(schema: unknown, isPart = false): string[] {
  if (Array.isArray(schema)) return schema.flatMap((one) => refsOfParts(one, isPart))
  if (!isObject(schema)) return []
  const isComposed = isPutTogether(schema)
  const { $ref } = schema
  const own = typeof $ref === 'string' && (isPart || isComposed) ? [$ref] : []
  const inner = Object.entries(schema).flatMap(([name, value]) =>
    refsOfParts(value, isPart || (isComposed && composing.includes(name))),
  )
  return [...own, ...inner]
}

const bounds = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']

function unbounded(schema: JsonObject): JsonObject {
  const isBound = ([name, value]: readonly [string, unknown]) =>
    bounds.includes(name) && (typeof value === 'number' || value instanceof ExactNumber)
  const members = Object.entries(schema)
  const bounding = members.filter(isBound)
  if (bounding.length === 0) return schema
  const { description, ...rest } = Object.fromEntries(members.filter((one) => !isBound(one)))
  // Some clients bound every whole number by what a double can count.
  const told = bounding.filter(([, value]) => Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER)
  const said = told.map(([name, value]) => `${name}: ${value}`).join(', ')
  const lines = [
    ...(typeof description === 'string' ? [description] : []),
    ...(said === '' ? [] : [`{${said}}`]),
  ]
  return lines.length === 0 ? rest : { ...rest, description: lines.join('\n') }
}

/** Of a tool's arguments: an object, which has to be closed only where models are held to it. */
export function toolSchema(parameters: JsonObject, strict: boolean | undefined): JsonObject {
  const schema = { type: 'object', ...parameters }
  return strict === true ? closedSchema(schema) : schema
}

function isOfObjects({ type, properties }: JsonObject): boolean {
  return isOf({ type }, 'object') || isObject(properties)
}

function isOf({ type }: JsonObject, name: string): boolean {
  return type === name || listOf(type).includes(name)
}
