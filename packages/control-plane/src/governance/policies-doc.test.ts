// What docs/policies.md teaches holds: every example is taken as it stands, and every word is explained.

import { readFileSync } from 'node:fs'
import { changeAction } from '@tutti/core/governance'
import { expect, test } from 'vitest'
import { builtInPolicies } from './built-in-policies.ts'
import { accessActions } from './cedar-schema.ts'
import { checkPolicy } from './policy-engine.ts'

const text = readFileSync(new URL('../../../../docs/policies.md', import.meta.url), 'utf8')
const examples = [...text.matchAll(/```cedar\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')

test('every example in docs/policies.md is a valid policy', () => {
  expect(examples.length).toBeGreaterThan(3)
  for (const [i, cedar] of examples.entries()) {
    expect([cedar, checkPolicy(`example-${i}`, { cedar, description: '' })]).toEqual([cedar, []])
  }
})

test('every action is explained there, and every built-in policy is valid', () => {
  for (const action of [...changeAction.options, ...accessActions]) {
    expect(text).toContain(`\`${action}\``)
  }
  for (const [name, spec] of Object.entries(builtInPolicies)) {
    expect([name, checkPolicy(name, spec)]).toEqual([name, []])
  }
})
