import { expect, test } from 'vitest'
import type { Json } from '../../resource/index.ts'
import { planRun, prepareWorkflow } from './index.ts'
import { type Act, document, play } from './world.fixture.ts'

const ask = (more: object = {}) => ({
  call: 'tutti.infer',
  with: { route: 'm', messages: [], ...more },
})
const withBudget = (tasks: unknown, budget: object): Json => {
  const source = document(tasks) as { document: object }
  return { ...source, document: { ...source.document, metadata: { tutti: { budget } } } } as Json
}
const answering =
  (usage: Json): Act =>
  () => ({ output: { content: 'x', usage } })

test('B1, B2: asks of a run use one budget; the one that finds it used up is an error', () => {
  const tasks = [{ loop: { for: { in: '[range(9)]' }, do: [{ a: ask() }] } }]
  const story = play(
    withBudget(tasks, { tokens: 100 }),
    {},
    { act: answering({ total_tokens: 40 }) },
  )
  expect(story.outcome).toMatchObject({
    error: {
      ...{ type: 'urn:tutti:error:limit', status: 429, instance: '/do/0/loop/do/0/a' },
      detail: 'the run has used 120 of its 100 tokens',
    },
  })
  const asked = story.actions.map((action) => Object(action).arguments.max_completion_tokens)
  expect(asked).toEqual([100, 60, 20])
})

test('B1: agents, embeddings and dollars count, too; the error can be caught', () => {
  const tasks = [
    { vectors: { call: 'tutti.embed', with: { route: 'e', input: 'x' } } },
    { agent: { call: 'tutti.agent', with: { route: 'm', prompt: 'x' } } },
    {
      more: {
        try: [{ a: ask() }],
        catch: { do: [{ spent: { set: { spent: '${ $error.status }' } } }] },
      },
    },
  ]
  const usage = { total_tokens: 1, prompt_tokens: 1, completion_tokens: 0, cost: 0.02 }
  const story = play(withBudget(tasks, { cost: 0.04 }), {}, { act: answering(usage) })
  expect(story.outcome).toEqual({ status: 'completed', output: { spent: 429 } })
  expect(story.actions).toHaveLength(2)
})

test('B3: a budget holds only where the route says what was used; tensors use no tokens', () => {
  const tasks = [{ a: ask() }]
  const story = play(withBudget(tasks, { tokens: 9 }), {}, { act: answering(null) })
  expect(story.outcome).toMatchObject({ error: { status: 400 } })
  const tensors = [{ a: { call: 'tutti.infer', with: { route: 'm', inputs: [] } } }]
  const act: Act = () => ({ output: { outputs: [] } })
  expect(play(withBudget(tensors, { tokens: 9, cost: 1 }), {}, { act }).outcome).toMatchObject({
    status: 'completed',
  })
})

test('policy is told of the budget; what is no property is said when it is declared', () => {
  expect(planRun(withBudget([{ a: ask() }], { cost: 0.5 })).costMicrosMax).toBe(500_000)
  const findings = (source: Json) => {
    const prepared = prepareWorkflow(source)
    return prepared.ok ? [] : prepared.findings.map(({ path }) => path)
  }
  expect(findings(withBudget([{ a: ask() }], { tokens: 0 }))).toEqual([
    'document.metadata.tutti.budget.tokens',
  ])
  const kept = (metadata: object, task: object = ask()) =>
    findings(document([{ a: { ...task, metadata: { tutti: metadata } } }]))
  expect(kept({ cache: { ttl: 'PT1H', key: '.id' }, artifact: { name: 'x' } })).toEqual([])
  expect(kept({ cache: { ttl: '${ .x }' } })).toEqual(['do.0.a.metadata.tutti.cache.ttl'])
  expect(kept({ cache: { ttl: 'PT1H', key: 'nope(' } })).toEqual([
    'do.0.a.metadata.tutti.cache.key',
  ])
  expect(kept({ artifact: { name: 'x' } }, { set: { a: 1 } })).toEqual([
    'do.0.a.metadata.tutti.artifact',
  ])
})
