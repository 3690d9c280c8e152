import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { prepareWorkflow } from './program.ts'
import { standardError } from './workflow-error.ts'
import { type Act, document, play } from './world.fixture.ts'

const usage = { prompt_tokens: 80, completion_tokens: 20, total_tokens: 100 }
const calls = (...asked: [string, unknown][]) => ({
  content: null,
  usage,
  toolCalls: asked.map(([name, args], i) => ({
    ...{ id: `c${i}`, name },
    arguments: typeof args === 'string' ? args : JSON.stringify(args),
  })),
})
const says = (content: string) => ({ content, usage })
const weather = {
  name: 'weather',
  description: 'of a town',
  parameters: {
    type: 'object',
    required: ['town'],
    properties: { town: { type: 'string' } },
  },
  do: [{ look: { call: 'http', with: { method: 'get', endpoint: 'http://w/{town}' } } }],
}
const agent = (more: object = {}) =>
  document([{ help: { call: 'tutti.agent', with: { route: 'm', prompt: '${ .ask }', ...more } } }])

/** A model that says these in turn, and a world of tools; gives what it was asked, too. */
const converse = (
  source: Json,
  turns: readonly object[],
  tools: Act = () => ({ output: 'sunny' }),
) => {
  const act: Act = (action, key) => {
    if (action.type !== 'function') return tools(action, key)
    return { output: turns[Number(/#(\d+)\/model$/.exec(key)?.[1])] as Json }
  }
  const story = play(source, { ask: 'sun?' }, { act })
  const asked = story.actions.flatMap((action) =>
    action.type === 'function'
      ? [action.arguments as { messages: Json[]; [key: string]: Json }]
      : [],
  )
  return { ...story, asked }
}

test('a model uses tools until it has an answer; each turn and each tool is a step', () => {
  const turns = [calls(['weather', { town: 'Ulm' }], ['weather', { town: 'Bonn' }]), says('sun')]
  const given = { tools: [weather], instructions: 'be brief', temperature: 0 }
  const { asked, ...story } = converse(agent(given), turns, (action) => ({
    output: action.type === 'call' ? Object(action.arguments)['endpoint'] : null,
  }))
  expect(story.outcome).toEqual({
    status: 'completed',
    output: {
      ...{ content: 'sun', turns: 2, toolCalls: 2 },
      usage: { prompt_tokens: 160, completion_tokens: 40, total_tokens: 200, cost: 0 },
    },
  })
  expect(story.keys).toEqual([
    '/do/0/help#0/model',
    '/do/0/help#0/tools/0/weather/do/0/look',
    '/do/0/help#0/tools/1/weather/do/0/look',
    '/do/0/help#1/model',
  ])
  expect(asked[0]).toMatchObject({ route: 'm', temperature: 0, tools: [{ type: 'function' }] })
  expect(asked[1]?.messages).toMatchObject([
    { role: 'system', content: 'be brief' },
    { role: 'user', content: 'sun?' },
    { role: 'assistant', tool_calls: [{ id: 'c0' }, { id: 'c1' }] },
    { role: 'tool', tool_call_id: 'c0', content: 'http://w/Ulm' },
    { role: 'tool', tool_call_id: 'c1', content: 'http://w/Bonn' },
  ])
})

test('A2: what the model or a tool gets wrong is said to the model', () => {
  const turns = [
    calls(['nothing', {}], ['weather', { town: 7 }], ['weather', '{']),
    calls(['weather', { town: 'Ulm' }]),
    says('who knows'),
  ]
  const { asked, outcome } = converse(agent({ tools: [weather] }), turns, () => ({
    error: standardError('communication', 'the weather is out'),
  }))
  expect(outcome).toMatchObject({ output: { content: 'who knows', turns: 3 } })
  const contents = asked[2]?.messages.map((message) => Object(message)['content'])
  expect(contents).toEqual([
    'sun?',
    null,
    '{"error":"there is no tool nothing"}',
    '{"error":"the arguments do not fit: town: expected string, got 7"}',
    '{"error":"the arguments are no JSON"}',
    null,
    '{"error":"the weather is out"}',
  ])
})

test('an answer by schema; one that does not fit is asked for again', () => {
  const output = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } }
  const turns = [says('{"n":"x"}'), says('no JSON'), says('{"n":1}')]
  const { asked, outcome } = converse(agent({ output }), turns)
  expect(outcome).toMatchObject({ output: { content: { n: 1 }, turns: 3 } })
  expect(asked[0]).toMatchObject({ response_format: { type: 'json_schema' } })
})

test('A1, A3: limits end an agent, and say which', () => {
  const endless = Array.from({ length: 30 }, () => calls(['weather', { town: 'Ulm' }]))
  const limited = (limits: object, more: object = {}, turns: readonly object[] = endless) =>
    converse(agent({ tools: [weather], limits, ...more }), turns)
  const of = (used: string) => ({
    status: 'faulted',
    error: {
      ...{ type: 'urn:tutti:error:limit', status: 429, instance: '/do/0/help' },
      detail: `the agent has used ${used} and has no answer`,
    },
  })
  expect(limited({ turns: 3 }).outcome).toMatchObject(of('3 of 3 turns'))
  expect(limited({}).outcome).toMatchObject(of('10 of 10 turns'))
  expect(limited({ toolCalls: 2 }).outcome).toMatchObject(of('3 of 2 tool calls'))
  const tokens = limited({ tokens: 250 })
  expect(tokens.outcome).toMatchObject(of('300 of 250 tokens'))
  expect(tokens.asked.map(({ max_completion_tokens: max }) => max)).toEqual([250, 150, 50])
  const prices = { input: 1_000, output: 1_000 }
  expect(limited({ cost: 0.15 }, { prices }).outcome).toMatchObject(of('0.2 of 0.15 dollars'))
  expect(limited({ cost: 1 }).outcome).toMatchObject({ error: { status: 400 } })
  const silent = [{ content: 'hi', usage: null }]
  expect(limited({ tokens: 9 }, {}, silent).outcome).toMatchObject({ error: { status: 400 } })
})

test("a server's tools are asked for once, and only those allowed are shown and called", () => {
  const transport = { http: { endpoint: 'http://mcp/' } }
  const served = { tools: [{ name: 'add', inputSchema: { type: 'object' } }, { name: 'drop' }] }
  const turns = [calls(['add', { a: 1 }], ['drop', {}]), says('2')]
  const tools = [{ mcp: { transport, allow: ['add'] } }]
  const { asked, ...story } = converse(agent({ tools }), turns, (action) => {
    if (action.type !== 'call') return { output: null }
    const isList = Object(action.arguments)['method'] === 'tools/list'
    return { output: isList ? served : { content: 'two' } }
  })
  expect(story.outcome).toMatchObject({ output: { content: '2' } })
  expect(asked[0]?.['tools']).toMatchObject([{ function: { name: 'add' } }])
  expect(asked[1]?.messages.slice(-1)).toMatchObject([
    { content: '{"error":"there is no tool drop"}' },
  ])
  expect(story.actions.flatMap((one) => (one.type === 'call' ? [one.arguments] : []))).toEqual([
    { method: 'tools/list', transport },
    { method: 'tools/call', transport, parameters: { name: 'add', arguments: { a: 1 } } },
  ])
})

test('what is wrong with an agent is said when it is declared, or by its task', () => {
  const bad = { ...weather, do: [{ a: { set: { x: '${ nope }' } } }] }
  expect(prepareWorkflow(agent({ tools: [bad] }))).toMatchObject({
    findings: [{ path: 'do.0.help.with.tools.0.do.0.a.set.x' }],
  })
  const without = document([{ help: { call: 'tutti.agent', with: { route: 'm' } } }])
  expect(play(without, {}).outcome).toMatchObject({ error: { status: 400 } })
})
