import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson, withPlainNames } from './parse-json.ts'

test('a name is read as it is written, whatever was read before (N1)', () => {
  const before = ['{"a":1,"message\\\\":2}', '{"b":1,"\\\\":2}', '{"c":1,"tool\\\\u":2}'].map(
    parseJson,
  )
  expect(parseJson('{"a":1,"message\\u0073":2}')).toEqual({ a: 1, messages: 2 })
  expect(parseJson('{"b":1,"\\u006e":2}')).toEqual({ b: 1, n: 2 })
  expect(parseJson('{"c":1,"tool\\u0073" : 2}')).toEqual({ c: 1, tools: 2 })
  expect(parseJson('[{"d":1,"n\\\\":2},{"x":{"d":1,"n\\u0031":2}}]')).toEqual([
    { d: 1, 'n\\': 2 },
    { x: { d: 1, n1: 2 } },
  ])
  expect(before[0]).toEqual({ a: 1, 'message\\': 2 })
})

test('names lose the escapes that they do not need, and nothing else changes', () => {
  expect(withPlainNames('{"n\\u0061me" : "\\u0061:", "\\u00e9\\ud83d\\ude00":["\\n"]}')).toBe(
    '{"name" : "\\u0061:", "é😀":["\\n"]}',
  )
  const same = [
    '{"a":"\\u0061"}',
    '["\\u0061",":b"]',
    '{"a\\\\":"\\":","b":":\\u0061"}',
    '{"\\"":{"\\\\":":"}}',
  ]
  for (const text of same) expect(withPlainNames(text)).toBe(text)
  expect(withPlainNames('{"\\u0022\\u005c\\u0061":1}')).toBe('{"\\"\\\\a":1}')
})

const key = fc.oneof(
  fc.constantFrom('a', '"', '\\', ':', '": "', '\\"', '\n', '\ud800'),
  fc.string(),
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    key,
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
  ),
}))

function escaped(name: string): string {
  const units = name.split('').map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`
}

function write(value: unknown, space: string, nameOf: (name: string) => string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = (one: unknown) => space + write(one, space, nameOf)
  if (Array.isArray(value)) return `[${value.map(inner).join(',')}]`
  const members = Object.entries(value).map(
    ([name, one]) => `${nameOf(name)}${space}:${inner(one)}`,
  )
  return `{${members.join(`${space},`)}}`
}

test('a document with plain names says what it said (N1)', () => {
  fc.assert(
    fc.property(tree, fc.constantFrom('', ' ', '\n\t'), (value, space) => {
      const plain = write(value, space, (name) => JSON.stringify(name))
      expect(withPlainNames(write(value, space, escaped))).toBe(plain)
      expect(withPlainNames(plain)).toBe(plain)
    }),
    { numRuns: 1_000 },
  )
})

test('what is no JSON is none without its escapes either (N2)', () => {
  for (const text of ['["a"\\u002c":b"]', '{"a\\x":1}', '{"\\u0061":', '"\\', ':', '\\":'])
    expect(() => parseJson(text)).toThrow(SyntaxError)
})

test('looking for names takes as long as what is read', () => {
  const pieces = ['\\\\', '\\"', '":"', '"  ', ': ', '"\\u0061":']
  for (const piece of pieces) withPlainNames(`"${piece.repeat(20_000)}\\":`.slice(0, 100_000))
})
