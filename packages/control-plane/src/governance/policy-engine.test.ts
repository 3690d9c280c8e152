// No text of a policy takes the engine that judges along.

import { describe, expect, test } from 'vitest'
import { apply, call, makeKey, usePlane } from '../test-plane.fixture.ts'
import { whyNestedTooDeep } from './check-nesting.ts'
import { checkPolicy } from './policy-engine.ts'

const when = (condition: string) =>
  `@id("deep") permit(principal, action, resource) when { ${condition} };`
const forms: Readonly<Record<string, (levels: number) => string>> = {
  parentheses: (n) => when(`${'('.repeat(n)}true${')'.repeat(n)}`),
  negations: (n) => when(`${'!('.repeat(n)}true${')'.repeat(n)}`),
  sets: (n) => when(`${'['.repeat(n)}1${']'.repeat(n)} == 1`),
  records: (n) => when(`${'{"a": '.repeat(n)}1${'}'.repeat(n)} == 1`),
  choices: (n) => when(`${'if true then '.repeat(n)}true${' else false'.repeat(n)}`),
  sums: (n) => when(`1${' + 1'.repeat(n)} == 1`),
  conditions: (n) => when(`false${' || principal == resource'.repeat(n)}`),
  clauses: (n) => `@id("deep") permit(principal, action, resource) ${'when { true } '.repeat(n)};`,
  all: (n) =>
    when(
      `${'('.repeat(n / 8)}false${')'.repeat(n / 8)}${' || principal == resource'.repeat(n / 2)}` +
        ` || ${'if principal == resource then true else '.repeat(n / 2)}false`,
    ),
  members: (n) => when(`principal${'.a'.repeat(n)}`),
}

describe('a policy that is nested deeply', () => {
  usePlane()

  test('is refused in words, whoever brings it, and all others are judged as before', async () => {
    const key = await makeKey('vera', ['viewer'])
    const denied = await apply('Policy', 'deep', { cedar: forms['sets']?.(10_000) }, { key })
    expect(denied.status).toBe(422)
    for (const [name, form] of Object.entries(forms)) {
      for (const levels of [20, 90, 149, 200, 1_000, 10_000]) {
        const { status } = await apply('Policy', `deep-${name}`, { cedar: form(levels) })
        expect([200, 201, 422]).toContain(status)
        expect((await call('GET', '/projects', undefined, { key })).status).toBe(200)
      }
    }
  })
})

test('what Cedar has no room for in spite of that is said by an instance that is thrown away', () => {
  const members = forms['members']?.(50_000) ?? ''
  expect(checkPolicy('deep', { cedar: members, description: '' })).toEqual([
    { path: 'spec.cedar', message: expect.stringContaining('too large or too deep for Cedar') },
  ])
  const fine = '@id("fine") permit(principal, action, resource);'
  expect(checkPolicy('fine', { cedar: fine, description: '' })).toEqual([])
})

test('brackets in texts and comments are none', () => {
  const brackets = '('.repeat(100)
  expect(
    whyNestedTooDeep(`permit(principal == User::"\\"${brackets}", action, resource);`),
  ).toBeNull()
  expect(whyNestedTooDeep(`// ${brackets}\npermit(principal, action, resource);`)).toBeNull()
  expect(whyNestedTooDeep(when(`${'('.repeat(40)}`))).toContain('32 brackets deep')
})
