// Gemini schema
//
// Gemini's own schemas as JSON schemas: types stand in capitals there, `nullable` beside them, and numbers of 64 bits
// may be texts.

import { exactNumberOf } from '../resource/index.ts'
import { isObject, type JsonObject } from './json.ts'

/** Numbers that Google's clients may write as texts. */
const counts = new Set([
  ...['minItems', 'maxItems', 'minProperties', 'maxProperties', 'minLength', 'maxLength'],
])

/** The order that is wished for is that of the properties, as models of other providers keep it. */
export function jsonSchemaOf(schema: JsonObject): Record<string, unknown> {
  const { nullable, propertyOrdering: order, ...rest } = schema
  const isNullable = nullable === true
  const written = Object.entries(rest).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'type' && typeof value === 'string') {
      const type = value.toLowerCase()
      return [[name, isNullable ? [type, 'null'] : type]]
    }
    if (name === 'format' && value === 'enum') return [] // says that `enum` is there
    if (counts.has(name)) return [[name, countOf(value)]]
    if (name === 'properties' && isObject(value)) return [[name, propertiesOf(value, order)]]
    if (name === 'enum' && Array.isArray(value)) return [[name, withNull(value, null, isNullable)]]
    if (name === 'anyOf' && Array.isArray(value)) {
      return [[name, withNull(value.map(childSchema), { type: 'null' }, isNullable)]]
    }
    return [[name, name === 'items' ? childSchema(value) : value]]
  })
  return Object.fromEntries(written)
}

function propertiesOf(properties: JsonObject, order: unknown): JsonObject {
  const first = Array.isArray(order) ? order.filter((name) => Object.hasOwn(properties, name)) : []
  const names = new Set<string>([...first, ...Object.keys(properties)])
  return Object.fromEntries([...names].map((name) => [name, childSchema(properties[name])]))
}

function countOf(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? exactNumberOf(value) : value
}

function withNull(values: readonly unknown[], none: unknown, isNullable: boolean): unknown[] {
  return isNullable ? [...values, none] : [...values]
}

function childSchema(value: unknown): unknown {
  return isObject(value) ? jsonSchemaOf(value) : value
}
