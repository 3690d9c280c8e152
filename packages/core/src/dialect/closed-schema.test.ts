import { expect, test } from 'vitest'
import { closedSchema } from './strict-schema.ts'

const text = { type: 'string' }
const a = { properties: { a: text } }
const b = { type: 'object', properties: { b: text } }
const closed = { additionalProperties: false }

test('objects take no members but their own, where they say nothing of them', () => {
  const open = { ...b, additionalProperties: true }
  const schema = { ...b, properties: { list: { type: 'array', items: a }, open } }
  expect(closedSchema(schema)).toEqual({
    ...{ ...schema, ...closed },
    properties: { list: { type: 'array', items: { ...a, ...closed } }, open },
  })
  expect(closedSchema({ anyOf: [a, b] })).toEqual({
    anyOf: [
      { ...a, ...closed },
      { ...b, ...closed },
    ],
  })
  const nullable = { type: ['object', 'null'] }
  expect(closedSchema(nullable)).toEqual({ ...nullable, ...closed })
})

test.each([
  ['allOf', { type: 'object', allOf: [a, b] }],
  ['members beside anyOf', { ...b, anyOf: [a] }],
  ['members beside oneOf', { ...b, oneOf: [a] }],
  ['what is defined elsewhere', { ...b, allOf: [{ $ref: '#/$defs/a' }], $defs: { a } }],
  ['members beside a $ref', { ...b, $ref: '#/definitions/a', definitions: { a } }],
])('parts of one object stay open, and so does it: %s', (_, schema) => {
  expect(closedSchema(schema)).toEqual(schema)
  const within = closedSchema({ ...a, properties: { within: { allOf: [schema] } } })
  expect(within).toEqual({ properties: { within: { allOf: [schema] } }, ...closed })
})

test('what is defined is closed where it is no part of another', () => {
  const schema = { ...b, properties: { a: { $ref: '#/$defs/a' } }, $defs: { a } }
  expect(closedSchema(schema)).toEqual({ ...schema, ...closed, $defs: { a: { ...a, ...closed } } })
})
