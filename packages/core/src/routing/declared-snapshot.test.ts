// A gateway alone is told of the same resources, and refuses what it could not serve.

import { expect, test } from 'vitest'
import { type DeclaredResource, declaredSnapshot } from './declared-snapshot.ts'
import { snapshot } from './snapshot.ts'

const one = (kind: string, name: string, spec: unknown): DeclaredResource => {
  return { kind, metadata: { name, project: 'default' }, spec }
}
const provider = { dialect: 'openai', baseUrl: 'https://api.example.com/v1', secret: 'api' }
const route = { targets: [{ provider: 'p', model: 'm' }] }
const key = { owner: 'app', hash: `sha256:${'0'.repeat(64)}`, limits: { requestsPerMinute: 5 } }
const context = {
  secretOf: (project: string, name: string) => (name === 'api' ? `${project}-key` : undefined),
  secretPlace: (name: string) => `$${name}`,
  whyNoCondition: (text: string) => (text === 'wrong' ? 'it is wrong' : null),
  ...{ sequence: 7, nowMs: 9 },
}

test('resources become a valid snapshot', () => {
  const declared = [
    one('Provider', 'p', provider),
    one('Route', 'r', route),
    one('Key', 'k', key),
    one('Budget', 'b', { limitDollars: 1 }),
  ]
  const made = declaredSnapshot(declared, context)
  if (!made.ok) throw new Error(made.problems.join())
  expect(snapshot.parse(made.snapshot)).toEqual(made.snapshot)
  expect(made.snapshot).toMatchObject({
    ...{ sequence: 7, issuedAtMs: 9 },
    providers: [{ name: 'p', apiKey: 'default-key' }],
    routes: [{ name: 'r', timeoutMs: 30_000 }],
    keys: [{ id: 'k', limits: { requestsPerMinute: 5 } }],
    budgets: [{ name: 'b', window: 'month' }],
  })
  expect(made.snapshot.keys[0]).not.toHaveProperty('routes')
})

test('a route whose parts do not go together is named', () => {
  const target = { provider: 'p', model: 'm' }
  const spec = {
    targets: [
      { ...target, when: 'wrong' },
      { ...target, arm: 'z' },
    ],
    experiment: { name: 'e', arms: { a: 1 } },
  }
  const made = declaredSnapshot([one('Provider', 'p', provider), one('Route', 'r', spec)], context)
  expect(made).toEqual({
    ok: false,
    problems: [
      'Route r: spec.targets.0.when: it is wrong',
      'Route r: spec.targets.1.arm: no arm z: there are a',
    ],
  })
})

test('what could not be served is named, all of it at once', () => {
  const declared = [
    one('Provider', 'p', { ...provider, secret: 'gone' }),
    one('Route', 's', { targets: [{ deployment: 'd' }] }),
    one('Deployment', 'd', {}),
    one('Secret', 'gone', {}),
    one('Provider', 'k', provider),
    one('Provider', 'k', provider),
    one('Route', 't', { targets: [{ provider: 'k', model: 'm' }], bodies: {} }),
  ]
  const made = declaredSnapshot(declared, context)
  expect(made).toEqual({
    ok: false,
    problems: [
      'Provider k is declared twice: leave one of them out',
      'Provider p: there is no value for its secret gone: give it as $gone',
      expect.stringContaining('Deployment d'),
      'Secret gone: a gateway without a control plane has no Secret: give its value as $gone',
      expect.stringContaining('no Deployments'),
      'Route t: bodies: only a control plane keeps them, and knows who may read them',
    ],
  })
})
