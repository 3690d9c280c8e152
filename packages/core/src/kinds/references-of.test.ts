import { expect, test } from 'vitest'
import { checkNamed } from './check-named.ts'
import { orderDeclared } from './order-declared.ts'
import { type Declared, parseResource } from './parse-resource.ts'
import { referencesOf } from './references-of.ts'

function declared(kind: string, name: string, spec: object): Declared {
  const value = { apiVersion: 'tutti/v1', kind, metadata: { name }, spec }
  const parsed = parseResource(value, 'default')
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.findings))
  return parsed.resource
}

const hash = `sha256:${'0'.repeat(64)}`
const target = { provider: 'p', model: 'm' }
const tools = declared('Provider', 'tools', { dialect: 'mcp', baseUrl: 'https://a.example/mcp' })
const engine = { dialect: 'openai', baseUrl: 'https://a.example/v1', secret: 's' }

test('a resource names others by their kinds', () => {
  const shadow = { target, budget: 'b', share: 0.1 }
  const all = [
    declared('Deployment', 'd', { model: 'parts:v1' }),
    declared('Provider', 'p', engine),
    declared('Route', 'r', { targets: [target, { deployment: 'd' }], shadow }),
    declared('Budget', 'b', { key: 'k', route: 'r', limitDollars: 1 }),
    declared('Budget', 'c', { route: 'mcp/tools', limitDollars: 1 }),
    declared('Key', 'k', { owner: 'o', hash, routes: ['r'], tools: ['tools__read*', 'to*', '*'] }),
  ]
  const said = all.map((one) =>
    referencesOf(one).map(({ path, kinds, name }) => `${path} ${kinds.join('|')} ${name}`),
  )
  const callable = 'Route|Deployment'
  expect(said).toEqual([
    ['spec.model Model parts:v1'],
    ['spec.secret Secret s'],
    [
      'spec.targets.0.provider Provider p',
      'spec.targets.1.deployment Deployment d',
      'spec.shadow.target.provider Provider p',
      'spec.shadow.budget Budget b',
    ],
    ['spec.key Key k', `spec.route ${callable} r`],
    ['spec.route Provider tools'],
    [`spec.routes.0 ${callable} r`, 'spec.tools.0 Provider tools'],
  ])
})

test.each(['Deployment', 'Provider', 'Route', 'Budget', 'Key'])(
  'a %s of a form that is known no more names nothing',
  (kind) => {
    expect(referencesOf({ kind, spec: { ofAnEarlierVersion: true } })).toEqual([])
  },
)

test('what is not there is said with what is nearly called so, and what is of another sort', () => {
  const all = [
    tools,
    declared('Provider', 'p', engine),
    declared('Deployment', 'chat', { model: 'm:v1' }),
  ]
  const spec = { owner: 'o', hash, routes: ['chat', 'chta'], tools: ['tools__x', 'p__x', 'q__x'] }
  const view = {
    find: (kind: string, name: string) =>
      all.find((one) => one.kind === kind && one.metadata.name === name),
    namesOf: (kind: string) =>
      all.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name),
    where: ' here',
  }
  const said = (one: Declared) =>
    checkNamed(referencesOf(one), view).map(({ path, message }) => `${path}: ${message}`)
  expect(said(declared('Key', 'k', spec))).toEqual([
    'spec.routes.1: there is no Route or Deployment chta here: did you mean chat?',
    'spec.tools.1: p is no server of tools',
    'spec.tools.2: there is no Provider q here: did you mean p?',
  ])
  const toTools = { targets: [target, { provider: 'tools', model: 'm' }] }
  expect(said(declared('Route', 'r', toTools))).toEqual([
    'spec.targets.1.provider: tools is a server of tools, which has no models',
  ])
})

test('what is named is declared first, whatever order it came in; all else as it came', () => {
  const route = (name: string, judge: string) => {
    const guard = { classifier: { route: judge } }
    return declared('Route', name, { targets: [target], guard })
  }
  const all = [
    declared('Budget', 'b', { key: 'k', limitDollars: 1 }),
    declared('Budget', 'a', { limitDollars: 1 }),
    declared('Key', 'k', { owner: 'o', hash, routes: ['r'] }),
    route('r', 's'),
    route('s', 'r'), // each names the other
    declared('Provider', 'p', engine),
    declared('Secret', 's', { value: 'v' }),
    declared('Project', 'default', {}),
  ]
  expect(orderDeclared(all).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    ...['Project default', 'Secret s', 'Provider p', 'Route s', 'Route r', 'Key k', 'Budget b'],
    'Budget a',
  ])
})
