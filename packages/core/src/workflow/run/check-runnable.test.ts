import { expect, test } from 'vitest'
import { checkRunnable } from './check-runnable.ts'
import { prepareWorkflow } from './program.ts'
import { document } from './world.fixture.ts'

const said = (task: unknown, more: object = {}) => {
  const prepared = prepareWorkflow(document([{ a: task }], more))
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return checkRunnable(prepared.program).map(({ path, message }) => `${path}: ${message}`)
}
const container = (more: object) => ({ run: { container: { image: 'alpine', ...more } } })
const call = (name: string, given: object) => ({ call: name, with: given })

test('what no node gives is refused where it is declared, with the reason', () => {
  expect(said(container({ lifetime: { cleanup: 'always' } }))).toEqual([])
  expect(said(container({ ports: { 80: 80 } }))).toEqual([
    'do.0.a.run.container: ports: a container has no network, and nobody could reach it',
  ])
  expect(said(container({ volumes: { '/etc': '/etc' } }))[0]).toContain('no folders of the node')
  expect(said(container({ lifetime: { cleanup: 'never' } }))[0]).toContain('not never')
  const script = (language: string) => ({ run: { script: { language, code: '1' } } })
  expect(said(script('ruby'))).toEqual([
    'do.0.a.run.script.language: nodes run no scripts in ruby: expected one of javascript, python, js',
  ])
  for (const known of ['JavaScript', 'js', '${ .language }']) {
    expect(said(script(known))).toEqual([])
  }
  const transport = { stdio: { command: 'ls' } }
  expect(said(call('mcp', { method: 'tools/list', transport }))[0]).toContain('use http')
})

test('it is refused in branches, handlers, undos, functions, tools and extensions, too', () => {
  const bad = container({ ports: {} })
  const list = [{ bad }]
  const places = [
    { fork: { branches: list } },
    { try: [{ b: { set: { c: 1 } } }], catch: { do: list } },
    { set: { b: 1 }, metadata: { tutti: { undo: list } } },
    call('tutti.map', { in: [1], do: list }),
    call('tutti.agent', { route: 'r', prompt: 'p', tools: [{ name: 't', do: list }] }),
  ]
  for (const place of places) expect(said(place)).toHaveLength(1)
  const nothing = { set: { b: 1 } }
  expect(said(nothing, { use: { functions: { bad } } })).toHaveLength(1)
  const extensions = [{ log: { extend: 'all', before: list } }]
  expect(said(nothing, { use: { extensions } })).toHaveLength(1)
})

test('a slip in what is ours is told from what is given on', () => {
  const messages = [{ role: 'user', content: 'hi' }]
  expect(said(call('tutti.infer', { rout: 'r', messages }))).toEqual([
    'do.0.a.with.rout: did you mean route?',
  ])
  expect(said(call('tutti.infer', { route: 'r', messages, temperature: 0, top_p: 1 }))).toEqual([])
  const outputs = [{ name: 'label' }]
  expect(said(call('tutti.infer', { route: 'r', inputs: [], outputs }))).toEqual([])
  expect(said(call('tutti.infer', { route: 'r' }))).toEqual([
    'do.0.a.with: has no messages, nor inputs',
  ])
  expect(said(call('tutti.human', { titel: 'Go?' }))).toEqual([
    'do.0.a.with.titel: did you mean title?',
  ])
  expect(said(call('tutti.human', { title: 'Go?', from: 'Ada', amount: 7 }))).toEqual([])
})

test('a property of no meaning is refused: it was meant otherwise', () => {
  const task = (tutti: object) => ({ set: { b: 1 }, metadata: { tutti } })
  expect(said(task({ cach: { ttl: 'PT1H' } }))).toEqual([
    'do.0.a.metadata.tutti.cach: there is no property cach: did you mean cache?',
  ])
  expect(said(task({ queue: 'slow' }))).toEqual([
    'do.0.a.metadata.tutti.queue: queue is a property of the document, not of a task',
  ])
  expect(said({ set: { b: 1 }, metadata: { other: { cach: 1 } } })).toEqual([])
})

test('what is only found out by its first run elsewhere is refused where it is declared', () => {
  const nothing = { set: { b: 1 } }
  const elsewhere = { resource: { endpoint: 'https://h/schema.json' } }
  expect(said({ ...nothing, output: { schema: elsewhere } })).toEqual([
    'do.0.a.output.schema: schemas are given in the document itself',
  ])
  expect(said(nothing, { input: { schema: { format: 'avro', document: {} } } })).toEqual([
    'input.schema.format: schemas in avro are not read: json is',
  ])
  expect(said(nothing, { input: { from: '${ nope }' } })[0]).toContain('nope/0 is not defined')
  expect(said(nothing, { output: { as: '${ .b }' }, timeout: 'long' })).toEqual([
    'timeout: use.timeouts has no long',
  ])
  expect(said(nothing, { evaluate: { language: 'javascript' } })[0]).toContain('jq is')
  expect(said(nothing, { evaluate: { mode: 'loose' } })[0]).toContain('strict')
  const two = { document: { dsl: '2.0.0', namespace: 't', name: 't', version: '1.0.0' } }
  expect(said(nothing, two)[0]).toContain('version 2.0.0')
  expect(said(call('f:1.0.0@shelf', {}))).toEqual(['do.0.a.call: use.catalogs has no shelf'])
  const endpoint = 'https://h/'
  const kafka = {
    document: { endpoint },
    channel: 'c',
    protocol: 'kafka',
    message: { payload: {} },
  }
  expect(said(call('asyncapi', kafka))[0]).toContain('AsyncAPI over kafka is not spoken here')
})

test('credentials are those that the document names, in a way that is done', () => {
  const http = (authentication: object, more: object = {}) =>
    said(call('http', { method: 'get', endpoint: { uri: 'https://h/', authentication } }), more)
  const at = 'do.0.a.with.endpoint.authentication'
  expect(http({ use: 'none' })).toEqual([`${at}: use.authentications has no none`])
  expect(http({ basic: { use: 'none' } })).toEqual([`${at}.basic: use.secrets does not name none`])
  const basic = { basic: { use: 'mine' } }
  expect(http({ use: 'login' }, { use: { authentications: { login: basic } } })).toEqual([
    'use.authentications.login.basic: use.secrets does not name mine',
  ])
  const use = { secrets: ['mine'], authentications: { login: basic } }
  expect(http({ use: 'login' }, { use })).toEqual([])
  const oauth2 = { authority: 'https://h', grant: 'authorization_code' }
  expect(http({ oauth2 })[0]).toContain('authorization_code is not asked with')
  const client = { id: 'a', authentication: 'private_key_jwt' }
  expect(http({ oauth2: { ...oauth2, grant: 'password', client } })[0]).toContain('not done')
  expect(said({ set: { b: '${ $secrets.mine + $secrets["other"] }' } }, { use })).toEqual([
    'do.0.a.set.b: use.secrets does not name other',
  ])
  expect(said({ set: { b: 'a text: $secrets.none' } })).toEqual([])
  expect(said({ set: { b: '${ $authorization.scheme }' } })[0]).toContain('authenticated with')
})
