import { type Declared, parseResource } from '@tutti/core/kinds'
import { expect, test } from 'vitest'
import { namedKinds, namingKinds, referencesOf } from './references-of.ts'

function declared(kind: string, spec: object): Declared {
  const value = { apiVersion: 'tutti/v1', kind, metadata: { name: 'one' }, spec }
  const parsed = parseResource(value, 'default')
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings))
  return parsed.resource
}

test('whatever a resource names is of a kind that is looked for when it is deleted', () => {
  const all = [
    declared('Deployment', { model: 'parts:v1' }),
    declared('Provider', { dialect: 'openai', baseUrl: 'https://a.example/v1', secret: 's' }),
    declared('Route', {
      targets: [{ provider: 'p', model: 'm' }, { deployment: 'd' }],
      shadow: { target: { provider: 'p', model: 'm' }, budget: 'b', share: 0.1 },
    }),
  ]
  const kinds = new Set(all.flatMap(referencesOf).flatMap((reference) => reference.kinds))
  expect(kinds).toEqual(new Set(['Model', 'Secret', 'Provider', 'Deployment', 'Budget']))
  for (const kind of [...kinds, 'Route']) expect(namedKinds.has(kind)).toBe(true)
})

test.each(namingKinds)('a %s of a form that is known no more keeps nothing', (kind) => {
  expect(referencesOf({ kind, spec: { ofAnEarlierVersion: true } })).toEqual([])
})
