// No text of a policy takes the engine that judges along.

import type { Kind } from '@tutti/core/resource'
import { describe, expect, test } from 'vitest'
import { apply, call, makeKey, usePlane } from '../test-plane.fixture.ts'
import { whyNestedTooDeep } from './check-nesting.ts'
import { automation, checkPolicy, emptyContext, openPolicyEngine } from './policy-engine.ts'

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

describe('a policy that was stored before there were bounds, and cannot be judged', () => {
  const admins = '@id("admins") permit(principal in Role::"admin", action, resource);'
  const policy = (name: string, cedar: string) => ({ name, spec: { cedar, description: '' } })
  const deep = forms['conditions']?.(20_000) ?? ''
  const asked = (role: string, action: string, kind: Kind) => ({
    principal: { ...automation('ann'), type: 'User' as const, roles: [role] },
    ...{ action, resource: { kind, project: '', name: 'x', labels: {} }, context: emptyContext },
  })

  test('denies what it might forbid, in words, but to the admin who mends it', () => {
    const forbids = deep.replace('permit', 'forbid')
    const engine = openPolicyEngine([policy('roles', admins), policy('deep', forbids)])
    for (let again = 0; again < 2; again++) {
      const denied = engine.answer(asked('admin', 'update', 'Node'))
      expect([denied.allowed, denied.errors]).toEqual([false, []])
      expect(denied.determining).toMatchObject([
        {
          reason: expect.stringMatching(/^policy deep cannot be judged: more than 150/),
          fix: expect.stringContaining('deep'),
        },
      ])
      expect(engine.permits(asked('admin', 'delete', 'Policy'))).toBe(true)
      expect(engine.permits(asked('viewer', 'delete', 'Policy'))).toBe(false)
    }
    const mended = openPolicyEngine([policy('roles', admins)])
    expect(mended.permits(asked('admin', 'update', 'Node'))).toBe(true)
  })

  test('permits nothing, and all others are judged as before', () => {
    const tooLarge = forms['members']?.(50_000) ?? ''
    for (const cedar of [deep, tooLarge]) {
      const engine = openPolicyEngine([policy('roles', admins), policy('deep', cedar)])
      expect(engine.permits(asked('admin', 'update', 'Node'))).toBe(true)
      expect(engine.permits(asked('viewer', 'update', 'Node'))).toBe(false)
      expect(engine.forbids(asked('viewer', 'update', 'Node'))).toBe(false)
    }
  })
})

test('brackets in texts and comments are none', () => {
  const brackets = '('.repeat(100)
  expect(
    whyNestedTooDeep(`permit(principal == User::"\\"${brackets}", action, resource);`),
  ).toBeNull()
  expect(whyNestedTooDeep(`// ${brackets}\npermit(principal, action, resource);`)).toBeNull()
  expect(whyNestedTooDeep(when(`${'('.repeat(40)}`))).toContain('32 brackets deep')
})
