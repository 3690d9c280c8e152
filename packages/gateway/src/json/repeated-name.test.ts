import { parseJson } from '@tutti/core/resource'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { repeatedName } from './repeated-name.ts'

const repeated = (text: string) => repeatedName(text, parseJson(text))

type Tree =
  | string
  | number
  | readonly Tree[]
  | { readonly members: readonly (readonly [string, Tree])[] }

const name = fc.oneof(fc.constantFrom('a', 'b', '"', '\\', '{', ':', '__proto__'), fc.string())
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.string(), fc.constantFrom('":', '{"a":1,"a":1}', '\\"a":', '"')),
    fc.integer(),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie('tree')), { maxLength: 5 }).map((members) => ({ members })),
  ),
}))

function repeats(value: Tree): string[] {
  if (typeof value !== 'object') return []
  if (!('members' in value)) return value.flatMap(repeats)
  const names = value.members.map(([key]) => key)
  const own = names.filter((key, i) => names.indexOf(key) !== i)
  return [...own, ...value.members.flatMap(([, inner]) => repeats(inner))]
}

const escapedUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
const escaped = (text: string) => `"${text.split('').map(escapedUnit).join('')}"`

/** The tree as a document: spaced, with every other name escaped, as told. */
function write(value: Tree, space: string, escapes: boolean): string {
  if (typeof value !== 'object') return JSON.stringify(value)
  if (!('members' in value)) {
    return `[${space}${value.map((inner) => write(inner, space, escapes)).join(`${space},`)}]`
  }
  const members = value.members.map(([key, inner], i) => {
    const written = escapes && i % 2 === 0 ? escaped(key) : JSON.stringify(key)
    return `${space}${written}${space}:${space}${write(inner, space, escapes)}`
  })
  return `{${members.join(',')}${space}}`
}

describe('repeated name (J4)', () => {
  test('is found in any document that has one, and in no other', () => {
    const spaces = fc.constantFrom('', ' ', '\n\t ')
    fc.assert(
      fc.property(tree, spaces, fc.boolean(), (value, space, escapes) => {
        const found = repeated(write(value, space, escapes))
        const expected = repeats(value)
        if (expected.length === 0) expect(found).toBeNull()
        else expect(expected).toContain(found)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is told as the parser reads it', () => {
    expect(repeated('{"max_tokens":9,"max\\u005ftokens" : 1}')).toBe('max_tokens')
    expect(repeated('{"a":[{"b":1,"c":{"b":2}},{"b":3}],"b":"\\"b\\":1"}')).toBeNull()
  })

  test('is found where something else was read in its place before', () => {
    const before = ['{"q":1,"messages":2,"message\\\\":3}', '{"r":1,"\\"":2,"\\\\":3}'].map(
      parseJson,
    )
    expect(repeated('{"q":1,"messages":2,"message\\u0073":3}')).toBe('messages')
    expect(repeated('{"r":1,"\\"":2,"\\"":3}')).toBe('"')
    expect(before).toHaveLength(2)
  })

  test('is looked for in what is nested deeper than a stack goes', () => {
    const depth = 200_000
    expect(repeated(`${'['.repeat(depth)}{"a":1,"a":2}${']'.repeat(depth)}`)).toBe('a')
  })
})
