// core's reading of JSON Schema against ajv, on schemas and values made by chance.

import { checkSchema } from '@tutti/core/workflow'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const ajv = new Ajv2020({ strict: false, validateFormats: false, addUsedSchema: false })
const names = fc.constantFrom('a', 'b', 'ab', 'constructor')
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, 1, 1.5, -2, 10, '', 'a', 'ab', 'b1'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3 }),
  ),
})).value
const count = fc.nat(3)
const { schema } = fc.letrec<{ schema: unknown; member: object }>((tie) => ({
  member: fc
    .record(
      {
        type: fc.oneof(
          fc.constantFrom('null', 'boolean', 'number', 'integer', 'string', 'array', 'object'),
          fc.constant(['string', 'null']),
        ),
        enum: fc.array(value, { minLength: 1, maxLength: 3 }),
        const: value,
        minimum: count,
        exclusiveMaximum: count,
        multipleOf: fc.constantFrom(0.5, 2, 3),
        minLength: count,
        maxLength: count,
        pattern: fc.constantFrom('^a', 'b$', '\\d'),
        minItems: count,
        maxItems: count,
        uniqueItems: fc.boolean(),
        prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        items: tie('schema'),
        contains: tie('schema'),
        minProperties: count,
        required: fc.uniqueArray(names, { maxLength: 2 }),
        properties: fc.dictionary(names, tie('schema'), { maxKeys: 2 }),
        patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$'), tie('schema'), {
          maxKeys: 2,
        }),
        additionalProperties: tie('schema'),
        propertyNames: tie('schema'),
        dependentRequired: fc.dictionary(names, fc.uniqueArray(names, { maxLength: 2 }), {
          maxKeys: 1,
        }),
        allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
        not: tie('schema'),
        if: tie('schema'),
        then: tie('schema'),
        else: tie('schema'),
      },
      { requiredKeys: [] },
    )
    .map((all) => Object.fromEntries(Object.entries(all).slice(0, 3))),
  schema: fc.oneof({ maxDepth: 3 }, fc.boolean(), tie('member')),
}))

/** As JSON.parse makes it: ajv tells prototypes apart. */
function plain(made: unknown): unknown {
  return JSON.parse(JSON.stringify(made))
}

test('property: ajv and core say the same of any schema and value', () => {
  fc.assert(
    fc.property(schema.map(plain), value.map(plain), (wanted, given) => {
      const ours = checkSchema(wanted as never, given as never) === null
      const theirs = ajv.compile(wanted as object)(given)
      ajv.removeSchema()
      expect({ ours, wanted, given }).toEqual({ ours: theirs, wanted, given })
    }),
    { numRuns: 1_500 },
  )
})

test('references stay within the schema; what is not known is refused', () => {
  const tree = {
    $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } } } },
    $ref: '#/$defs/node',
  }
  expect(checkSchema(tree, { next: { next: {} } })).toBe(null)
  expect(checkSchema(tree, { next: { next: 1 } })).toBe('next.next: expected object, got 1')
  expect(checkSchema({ $ref: '#/$defs/none' }, 1)).toContain('has no #/$defs/none')
  expect(checkSchema({ $ref: 'https://example.com/' }, 1)).toContain('has no https://example.com/')
  expect(checkSchema({ $ref: '#' }, 1)).toContain('without end')
  expect(checkSchema({ unevaluatedProperties: false }, {})).toContain('not supported')
})
