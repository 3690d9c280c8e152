import { expect, test } from 'vitest'
import { checkSchema } from './check-schema.ts'

test('a schema that grows as it is followed ends with its budget', () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => {
      const next = { $ref: `#/$defs/d${i + 1}` }
      return [`d${i}`, { anyOf: [next, next] }]
    }),
  )
  const schema = { $defs: { ...$defs, d40: false }, $ref: '#/$defs/d0' }
  expect(checkSchema(schema, 1)).toBe('the schema takes too many steps on this value')
})

test('a pattern that explodes elsewhere is looked for in time that its text bounds', () => {
  const text = `${'a'.repeat(5_000)}!`
  expect(checkSchema({ pattern: '^(a+)+$' }, text)).toContain('expected text like')
  const names = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`${text}${i}`, i]))
  const patternProperties = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`^(a+)+${i}$`, false]),
  )
  const wrong = checkSchema({ patternProperties }, names)
  expect(wrong).toBe('the schema takes too many steps on this value')
})

test('patterns are those of ECMA-262', () => {
  expect(checkSchema({ pattern: '^\\d+$' }, '12')).toBeNull()
  expect(checkSchema({ pattern: '^\\d+$' }, '12\n')).not.toBeNull()
  expect(checkSchema({ pattern: '^\\d$' }, '٣')).not.toBeNull()
})
