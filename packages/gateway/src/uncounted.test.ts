// What upstreams say of tokens, where they say it badly or not at all: no answer is free because nobody counted it.

import type { EngineDialect } from '@tutti/core/dialect'
import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  key,
  newFolder,
  recordOf,
  serve,
  signed,
  snapshotOf,
  world,
} from './gateway-world.fixture.ts'
import { MemoryPlane } from './memory-plane.fixture.ts'

const price = { inputPerMillion: 2, outputPerMillion: 10, cachedPerMillion: 0.5 }
const events = (...all: readonly object[]) =>
  all.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
const said = 'the quick brown fox jumps over the lazy dog'

/** What an engine of this dialect answers, whole or as a stream. */
type Answers = { readonly whole: object | string; readonly stream: string }
type Dialect = Exclude<EngineDialect, 'bedrock'>

const uncounted: Readonly<Record<Dialect, Answers>> = {
  openai: {
    whole: {
      choices: [{ index: 0, message: { content: said }, finish_reason: 'stop' }],
      usage: {},
    },
    stream: `${events(
      { choices: [{ index: 0, delta: { content: said }, finish_reason: null }], usage: {} },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    )}data: [DONE]\n\n`,
  },
  'openai-responses': {
    whole: {
      status: 'completed',
      output: [{ type: 'message', content: [{ type: 'output_text', text: said }] }],
    },
    stream: events(
      { type: 'response.created', response: {} },
      { type: 'response.output_text.delta', delta: said },
      { type: 'response.completed', response: { status: 'completed', output: [] } },
    ),
  },
  anthropic: {
    whole: { content: [{ type: 'text', text: said }], stop_reason: 'end_turn' },
    stream: events(
      { type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1 } } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: said } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      { type: 'message_stop' },
    ),
  },
  gemini: {
    whole: { candidates: [{ content: { parts: [{ text: said }] }, finishReason: 'STOP' }] },
    stream: events(
      { candidates: [], usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 0 } },
      { candidates: [{ content: { parts: [{ text: said }] }, finishReason: 'STOP' }] },
    ),
  },
}

/** A gateway with a budget in front of an engine that answers so. */
async function bed(dialect: Dialect, { whole, stream }: Answers) {
  const seen: string[] = []
  const engine = await serve((request, response, body) => {
    seen.push(body)
    const isStream = body.includes('"stream":true') || request.url?.includes('stream') === true
    if (isStream) response.setHeader('content-type', 'text/event-stream')
    response.end(isStream ? stream : typeof whole === 'string' ? whole : JSON.stringify(whole))
  })
  const targets = [{ provider: 'engine', model: 'm', price }]
  const provider = { name: 'engine', project: 'default', dialect, baseUrl: engine.url }
  const snapshot = snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets }) }],
    providers: [{ ...provider, allowPrivateNetwork: true }],
    budgets: [{ name: 'all', project: 'default', limitDollars: 10, window: 'total' }],
  })
  const plane = new MemoryPlane(10)
  const { gateway, told } = await world(signed(snapshot), newFolder(), plane)
  const ask = (path: string, body: object) =>
    fetch(`${gateway.url}/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', ...body }),
    })
  return { gateway, told, plane, ask, seen }
}

const go = { max_tokens: 50, messages: [{ role: 'user', content: 'go' }] }

/** What one request costs there. */
async function charged(dialect: Dialect, answers: Answers, asked: object, path?: string) {
  const { gateway, told, plane, ask, seen } = await bed(dialect, answers)
  const answer = await ask(path ?? '/chat/completions', { ...go, ...asked })
  expect(answer.status).toBe(200)
  const text = await answer.text()
  const record = await recordOf(gateway)
  await gateway.stop()
  expect(plane.settledNanos).toBe(record.costNanos)
  return { ...record, told, text, seen }
}

describe('an answer that its engine does not count is reckoned by what came', () => {
  for (const [dialect, answers] of Object.entries(uncounted) as [Dialect, Answers][]) {
    test.each([false, true])(`${dialect}, streamed: %s`, async (stream) => {
      const record = await charged(dialect, answers, { stream })
      expect(record.isEstimated).toBe(true)
      expect(record.outputTokens).toBeGreaterThanOrEqual(said.length / 3)
      expect(record.costNanos).toBe(record.inputTokens * 2_000 + record.outputTokens * 10_000)
    })
  }

  test('and never more than it was allowed', async () => {
    const record = await charged('openai', uncounted.openai, { stream: true, max_tokens: 5 })
    expect(record).toMatchObject({ isEstimated: true, outputTokens: 5 })
  })
})

test('a later count that says less of the input takes nothing back', async () => {
  const usage = { input_tokens: 60, cache_read_input_tokens: 40, output_tokens: 1 }
  const stream = events(
    { type: 'message_start', message: { usage } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: said } },
    {
      ...{ type: 'message_delta', delta: { stop_reason: 'end_turn' } },
      usage: { input_tokens: 60, output_tokens: 20 },
    },
    { type: 'message_stop' },
  )
  const record = await charged('anthropic', { whole: {}, stream }, { stream: true })
  expect(record).toMatchObject({ isEstimated: false, inputTokens: 100, outputTokens: 20 })
  expect(record.costNanos).toBe(60 * 2_000 + 40 * 500 + 20 * 10_000)
})

test('counts that are no whole numbers are told as such, and no sum is endless', async () => {
  const choices = [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }]
  const whole = { choices, usage: { prompt_tokens: 10.5, completion_tokens: 0.5 } }
  const record = await charged('openai', { whole, stream: '' }, {})
  expect(record).toMatchObject({ inputTokens: 11, outputTokens: 1 })
  expect(record.told).toMatchObject([{ inputTokens: 11, outputTokens: 1 }])
  const text = JSON.stringify(whole).replace('0.5}', '1e999}')
  const vast = await charged('openai', { whole: text, stream: '' }, {})
  expect(vast.outputTokens).toBe(1_000_000_000)
})

test('a stream of legacy completions is counted, too, whether or not its caller wants to know', async () => {
  const stream = `${events(
    { choices: [{ index: 0, text: said, finish_reason: 'stop' }] },
    { choices: [], usage: { prompt_tokens: 10, completion_tokens: 20 } },
  )}data: [DONE]\n\n`
  const asked = { prompt: 'go', stream: true }
  const record = await charged('openai', { whole: {}, stream }, asked, '/completions')
  expect(record.seen[0]).toContain('"include_usage":true')
  expect(record).toMatchObject({ isEstimated: false, inputTokens: 10, outputTokens: 20 })
  expect(record.text).not.toContain('usage')
})

test('what goes on in the background, where nobody would count it, is refused', async () => {
  const { ask, seen } = await bed('openai-responses', uncounted['openai-responses'])
  const refused = await ask('/responses', { input: 'go', background: true })
  expect(refused.status).toBe(400)
  expect(await refused.text()).toContain('background: ')
  for (const background of [false, null]) {
    expect((await ask('/responses', { input: 'go', background })).status).toBe(200)
  }
  expect(seen).toHaveLength(2)
})
