import { expect, test } from 'vitest'
import {
  attempt,
  choose,
  compensate,
  container,
  defineWorkflow,
  forEach,
  http,
  human,
  infer,
  jq,
  map,
  parallel,
  race,
  raise,
  script,
  set,
  shell,
  subflow,
  wait,
} from './index.ts'

const head = { namespace: 'bank', name: 'loan', version: '1.0.0' }

test('a workflow in TypeScript is the document that it would be in YAML', () => {
  const score = infer({ route: 'credit', inputs: [] }, { output: { as: jq`.outputs[0].data[0]` } })
  const document = defineWorkflow(head, { timeout: { after: { hours: 1 } } })
    .step('scores', parallel({ credit: score, nap: wait({ seconds: 1 }) }))
    .step(
      'choose',
      choose({ large: { when: jq`.[0] > ${3}`, then: 'ask' }, small: { then: 'end' } }),
    )
    .step('ask', human({ title: 'Grant?', assignee: { role: 'approver' } }, { if: 'true' }))
    .build()
  expect(document).toEqual({
    document: { dsl: '1.0.3', ...head },
    timeout: { after: { hours: 1 } },
    do: [
      {
        scores: {
          fork: {
            branches: [
              {
                credit: {
                  output: { as: '${ .outputs[0].data[0] }' },
                  call: 'tutti.infer',
                  with: { route: 'credit', inputs: [] },
                },
              },
              { nap: { wait: { seconds: 1 } } },
            ],
          },
        },
      },
      {
        choose: {
          switch: [{ large: { when: '${ .[0] > 3 }', then: 'ask' } }, { small: { then: 'end' } }],
        },
      },
      {
        ask: {
          if: 'true',
          call: 'tutti.human',
          with: { title: 'Grant?', assignee: { role: 'approver' } },
        },
      },
    ],
  })
})

test('every way to put steps together makes a valid document', () => {
  const get = http(
    { method: 'get', endpoint: 'https://shop.example/' },
    { undo: { un: set({ a: 1 }) } },
  )
  const one = { get }
  const flow = defineWorkflow(head)
    .step('saga', compensate(one))
    .step('each', forEach({ in: '.items', each: 'item' }, { a: set({ b: jq`$item` }) }))
    .step('all', map({ in: jq`.items`, each: 'thing' }, { a: set({ b: jq`$thing` }) }))
    .step('first', race({ a: get, b: get }))
    .step('tried', attempt(one, { as: 'problem', do: { note: set({ why: jq`$problem.detail` }) } }))
    .step('other', subflow({ ...head, name: 'other' }))
    .step('end', raise({ type: 'https://e.example', status: 400 }))
  expect(Object.keys(flow.build())).toEqual(['document', 'do'])
})

test('properties stand under metadata.tutti; processes say what they are given', () => {
  const schedule = { tutti: { schedule: { catchUp: 3 } }, team: 'risk' }
  const limits = {
    ...{ budget: { cost: 1 }, concurrency: 2, rate: { runs: 5, per: { minutes: 1 } } },
    partition: { by: 'day' },
  } as const
  const produce = { namespace: 'shop', name: 'nightly' }
  const needs = [{ asset: 'sales', partition: '.days', freshness: 'P1D', produce }]
  const { document, do: tasks } = defineWorkflow({ ...head, ...limits, metadata: schedule })
    .step(
      'get',
      http(
        { method: 'get', endpoint: 'https://shop.example/' },
        { cache: { ttl: 'PT1H', key: '.id' }, artifact: { name: 'prices' } },
      ),
    )
    .step('js', script({ language: 'js', code: '1', return: 'code' }))
    .step('sh', shell({ command: 'ls', arguments: ['-l'] }))
    .step('box', container({ image: 'alpine:3', command: 'ls', pullPolicy: 'never' }))
    .step('sum', set({ all: jq`$assets.sales` }, { needs, asset: { name: 'sum' } }))
    .build()
  expect(document).toEqual({
    ...{ dsl: '1.0.3', ...head },
    metadata: { team: 'risk', tutti: { schedule: { catchUp: 3 }, ...limits } },
  })
  expect(tasks).toMatchObject([
    {
      get: {
        metadata: { tutti: { cache: { ttl: 'PT1H', key: '.id' }, artifact: { name: 'prices' } } },
      },
    },
    { js: { run: { script: { language: 'js', code: '1' }, return: 'code' } } },
    { sh: { run: { shell: { command: 'ls', arguments: ['-l'] } } } },
    { box: { run: { container: { image: 'alpine:3', command: 'ls', pullPolicy: 'never' } } } },
    { sum: { metadata: { tutti: { needs, asset: { name: 'sum' } } } } },
  ])
  const wrong = defineWorkflow({ ...head, concurrency: 0 }).step('a', set({ b: 1 }))
  expect(() => wrong.build()).toThrow('document.metadata.tutti.concurrency')
})

test('an expression is what is written, with the backslashes that jq wants', () => {
  expect(jq`"\(.a) of ${7}"`).toBe('${ "\\(.a) of 7" }')
})

test('what is wrong is said before it is sent; a name cannot be taken twice', () => {
  const draft = defineWorkflow(head).step('a', set({ x: jq`nope` }))
  expect(() => draft.build()).toThrow(/nope\/0 is not defined/)
  // @ts-expect-error: the name is taken
  draft.step('a', set({ x: 1 }))
})
