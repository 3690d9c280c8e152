import { expect, test } from 'vitest'
import { planRun } from './plan-run.ts'
import { document } from './world.fixture.ts'

const agent = (cost: number, more: object = {}) => ({
  help: {
    call: 'tutti.agent',
    with: { route: 'large', prompt: 'x', limits: { cost }, ...more },
  },
})

test('a plan names what a document may reach, wherever it says so', () => {
  const http = (endpoint: unknown) => ({ get: { call: 'http', with: { method: 'get', endpoint } } })
  const tools = [
    { name: 'look', do: [http('https://Crm.Example:8443/{id}')] },
    { mcp: { transport: { http: { endpoint: 'https://mcp.example/' } } } },
  ]
  const tasks = [
    agent(0.5, { tools }),
    { t: { try: [http({ uri: '${ .where }' })], catch: { do: [http('http://{host}/x')] } } },
    { score: { call: 'tutti.infer', with: { route: '${ .route }', inputs: [] } } },
    { ask: { call: 'tutti.human', with: { assignee: { role: 'approver' } } } },
    { sub: { run: { workflow: { namespace: 'a', name: 'b', version: '1.0.0' } } } },
    { sh: { run: { shell: { command: 'ls' } } } },
    { own: { call: 'charge', with: {} } },
    { rpc: { call: 'grpc', with: { service: { host: 'rpc.example' } } } },
  ]
  const undo = { undo: [http('https://undo.example/')] }
  const source = document([...tasks, { s: { set: { a: 1 }, metadata: { tutti: undo } } }])
  expect(planRun(source)).toEqual({
    ...{ assetsNeeded: [], assetsMade: [] },
    routes: ['*', 'large'],
    hosts: ['*', 'crm.example', 'mcp.example', 'rpc.example', 'undo.example'],
    tools: ['charge', 'look', 'mcp'],
    workflows: ['a.b'],
    processes: ['shell'],
    roles: ['approver'],
    costMicrosMax: null,
  })
})

test('assets that tasks read and make, and what makes those that are not there', () => {
  const produce = { namespace: 'a', name: 'nightly' }
  const needs = [{ asset: 'days', partition: '.d', produce }, { asset: 'limits' }]
  const tutti = { needs, asset: { name: 'model' } }
  const task = { learn: { set: { a: 1 }, metadata: { tutti } } }
  expect(planRun(document([{ t: { try: [task], catch: {} } }]))).toMatchObject({
    ...{ assetsNeeded: ['days', 'limits'], assetsMade: ['model'], workflows: ['a.nightly'] },
  })
})

test('agents cost at most what they may, unless something may be done again', () => {
  const cost = (tasks: unknown, more: object = {}) => planRun(document(tasks, more)).costMicrosMax
  expect(cost([{ a: { set: { b: 1 } } }])).toBe(0)
  expect(cost([agent(0.5), agent(0.25)])).toBe(750_000)
  expect(
    cost([agent(0.5), { x: { call: 'tutti.embed', with: { route: 'e', input: '' } } }]),
  ).toBeNull()
  expect(cost([{ l: { for: { in: '[1]' }, do: [agent(1)] } }])).toBeNull()
  expect(cost([{ m: { call: 'tutti.map', with: { in: [], do: [agent(1)] } } }])).toBeNull()
  const retry = { limit: { attempt: { count: 2 } } }
  expect(cost([{ t: { try: [agent(1)], catch: { retry } } }])).toBeNull()
  expect(cost([{ ...agent(1) }, { s: { set: { a: 1 }, then: 'help' } }])).toBeNull()
  expect(cost([], { use: { functions: { f: agent(1).help } } })).toBeNull()
  const plain = { help: { call: 'tutti.agent', with: { route: 'r', prompt: 'x' } } }
  expect(cost([plain])).toBeNull()
})
