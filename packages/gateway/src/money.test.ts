// What calls cost, on every endpoint and however they end: nothing goes unmetered, nothing beyond its budget (I6).

import type { ServerResponse } from 'node:http'
import type { ChatDialect } from '@tutti/core/dialect'
import { type KeyLimits, type LeaseAnswer, type LeaseRequest, routeSpec } from '@tutti/core/routing'
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
import type { Gateway } from './start.ts'

// One token of input costs 2,000 nano-dollars, one of output 10,000, a cached one 500.
const price = { inputPerMillion: 2, outputPerMillion: 10, cachedPerMillion: 0.5 }
const cost = (input: number, cached: number, output: number) =>
  (input - cached) * 2_000 + cached * 500 + output * 10_000

type Dialect = ChatDialect

function priced(
  url: string,
  of: { dialect: Dialect; limitDollars: number; limits?: KeyLimits; price?: object },
) {
  const snapshot = snapshotOf({
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({
          targets: [{ provider: 'engine', model: 'm', price: of.price ?? price }],
          timeoutMs: 4_000,
        }),
      },
    ],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: of.dialect, baseUrl: url },
        allowPrivateNetwork: true,
      },
    ],
    budgets: [{ name: 'all', project: 'default', limitDollars: of.limitDollars, window: 'total' }],
  })
  const [one] = snapshot.keys
  if (one === undefined) throw new Error('the snapshot has no key')
  return signed({
    ...snapshot,
    keys: [of.limits === undefined ? one : { ...one, limits: of.limits }],
  })
}

/** A target without a price of its own: what it costs is in the list, or nowhere. */
function listed(baseUrl: string, model: string) {
  const provider = { name: 'outside', project: 'default', dialect: 'openai' as const }
  const targets = [{ provider: 'outside', model }]
  return snapshotOf({
    routes: [{ name: 'chat', project: 'default', ...routeSpec.parse({ targets }) }],
    providers: [{ ...provider, baseUrl, allowPrivateNetwork: false }],
    budgets: [{ name: 'all', project: 'default', limitDollars: 10, window: 'total' }],
  })
}

const send = (gateway: Gateway, path: string, body: object, init: RequestInit = {}) =>
  fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
    ...init,
  })

const frame = (data: object) => `data: ${JSON.stringify(data)}\n\n`
const part = (content: string, finish_reason: string | null = null) =>
  frame({ id: 'c', model: 'm', choices: [{ index: 0, delta: { content }, finish_reason }] })
const usage = {
  ...{ prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
  prompt_tokens_details: { cached_tokens: 40 },
}
const anthropicUsage = { input_tokens: 60, cache_read_input_tokens: 40, output_tokens: 20 }
const geminiUsage = { promptTokenCount: 100, candidatesTokenCount: 20, cachedContentTokenCount: 40 }
const responsesUsage = {
  ...{ input_tokens: 100, output_tokens: 20, input_tokens_details: { cached_tokens: 40 } },
}
const finished = {
  ...{ id: 'r', model: 'm', status: 'completed', usage: responsesUsage },
  output: [{ type: 'message', content: [{ type: 'output_text', text: 'hi' }] }],
}

/** An engine of each dialect whose answers all have the same usage. */
const engines: { [D in Dialect]: { whole: object; frames: string[]; path: string } } = {
  openai: {
    path: '/v1/chat/completions',
    whole: {
      id: 'c',
      choices: [{ index: 0, message: { content: 'hi' }, finish_reason: 'stop' }],
      usage,
    },
    frames: [
      part('hi'),
      part('', 'stop'),
      frame({ id: 'c', choices: [], usage }),
      'data: [DONE]\n\n',
    ],
  },
  'openai-responses': {
    ...{ path: '/v1/responses', whole: finished },
    frames: [
      frame({ type: 'response.created', response: { id: 'r', model: 'm' } }),
      frame({ type: 'response.output_text.delta', delta: 'hi' }),
      frame({ type: 'response.completed', response: finished }),
    ],
  },
  anthropic: {
    path: '/v1/messages',
    whole: {
      content: [{ type: 'text', text: 'hi' }],
      stop_reason: 'end_turn',
      usage: anthropicUsage,
    },
    frames: [
      frame({
        type: 'message_start',
        message: { id: 'm', usage: { ...anthropicUsage, output_tokens: 1 } },
      }),
      frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } }),
      frame({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { output_tokens: 20 },
      }),
      frame({ type: 'message_stop' }),
    ],
  },
  gemini: {
    path: '/v1beta/models/chat:generateContent',
    whole: {
      candidates: [{ content: { parts: [{ text: 'hi' }] }, finishReason: 'STOP' }],
      usageMetadata: geminiUsage,
    },
    frames: [
      frame({ candidates: [{ content: { parts: [{ text: 'hi' }] } }] }),
      frame({
        candidates: [{ content: { parts: [] }, finishReason: 'STOP' }],
        usageMetadata: geminiUsage,
      }),
    ],
  },
}

function startEngine(dialect: Dialect) {
  return serve((request, response, body) => {
    const { whole, frames } = engines[dialect]
    const isStream = body.includes('"stream":true') || request.url?.includes('stream')
    if (!isStream) return response.end(JSON.stringify(whole))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    // usage comes only to who asks for it
    const asked = dialect !== 'openai' || /"include_usage": ?true/.test(body)
    response.end(frames.filter((one) => asked || !one.includes('"usage"')).join(''))
  })
}

describe('streamed price = whole price', () => {
  for (const from of ['openai', 'openai-responses', 'anthropic', 'gemini'] as const) {
    for (const to of ['openai', 'openai-responses', 'anthropic', 'gemini'] as const) {
      test(`${from} to ${to}`, async () => {
        const engine = await startEngine(to)
        const plane = new MemoryPlane(10)
        const snapshot = priced(engine.url, { dialect: to, limitDollars: 10 })
        const { gateway } = await world(snapshot, newFolder(), plane)
        const bodies = {
          openai: { messages: [{ role: 'user', content: 'x' }] },
          'openai-responses': { input: 'x' },
          anthropic: { max_tokens: 99, messages: [{ role: 'user', content: 'x' }] },
          gemini: { contents: [{ parts: [{ text: 'x' }] }] },
        }
        const body = from === 'gemini' ? bodies.gemini : { model: 'chat', ...bodies[from] }
        const { path } = engines[from]
        expect(await (await send(gateway, path, body)).text()).toContain('hi')
        const whole = await recordOf(gateway)
        const streamPath = '/v1beta/models/chat:streamGenerateContent?alt=sse'
        const isGemini = from === 'gemini'
        const streamed = isGemini ? body : { ...body, stream: true }
        const text = await (await send(gateway, isGemini ? streamPath : path, streamed)).text()
        expect(text).toContain('hi')
        if (from === 'openai') expect(text).not.toContain('prompt_tokens') // nobody asked for it
        await gateway.stop()
        expect(whole).toMatchObject({ costNanos: cost(100, 40, 20), isEstimated: false })
        expect(plane.settledNanos).toBe(2 * cost(100, 40, 20))
      })
    }
  }
})

test.each([null, {}, { include_usage: false, chunk_size: 1.5 }])(
  'a caller who wants no count of a stream, by stream_options %j, is charged by it',
  async (options) => {
    const engine = await startEngine('openai')
    const plane = new MemoryPlane(10)
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 10 })
    const { gateway } = await world(snapshot, newFolder(), plane)
    const messages = [{ role: 'user', content: 'x' }]
    const body = { model: 'chat', messages, stream: true, stream_options: options }
    const text = await (await send(gateway, '/v1/chat/completions', body)).text()
    expect(text).toContain('hi')
    expect(text).not.toContain('prompt_tokens')
    await gateway.stop()
    expect(plane.settledNanos).toBe(cost(100, 40, 20))
  },
)

describe('every end is charged', () => {
  const chat = (more: object = {}) => ({
    ...{ model: 'chat', max_tokens: 50, messages: [{ role: 'user', content: 'go' }], ...more },
  })
  const stream = (end: (response: ServerResponse) => void) =>
    serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(part('the quick brown fox'), () => end(response))
    })

  test('a stream that breaks off, by what came of it', async () => {
    const engine = await stream((response) => response.destroy())
    const plane = new MemoryPlane(10)
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 10 })
    const { gateway } = await world(snapshot, newFolder(), plane)
    await expect(
      send(gateway, '/v1/chat/completions', chat({ stream: true })).then((a) => a.text()),
    ).rejects.toThrow()
    const record = await recordOf(gateway)
    expect(record).toMatchObject({ status: 502, isEstimated: true })
    expect(record.costNanos).toBeGreaterThan(0)
    await gateway.stop()
    expect(plane.settledNanos).toBe(record.costNanos)
  })

  test('a caller who leaves', async () => {
    const engine = await stream(() => {})
    const plane = new MemoryPlane(10)
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 10 })
    const { gateway } = await world(snapshot, newFolder(), plane)
    const abort = new AbortController()
    const answer = await send(gateway, '/v1/chat/completions', chat({ stream: true }), {
      signal: abort.signal,
    })
    await answer.body?.getReader().read()
    abort.abort()
    const record = await recordOf(gateway)
    expect(record).toMatchObject({ status: 499, isEstimated: true })
    await gateway.stop()
    expect(plane.settledNanos).toBe(record.costNanos)
    expect(record.costNanos).toBeGreaterThan(0)
  })

  test('what was refused or never reached costs nothing', async () => {
    let asked = 0
    const engine = await serve((_, response) => {
      asked += 1
      if (asked === 1) return response.writeHead(500).end('{}')
      response.end(JSON.stringify(engines.openai.whole))
    })
    const plane = new MemoryPlane(10)
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 10 })
    const { gateway } = await world(snapshot, newFolder(), plane)
    expect((await send(gateway, '/v1/chat/completions', chat())).status).toBe(200)
    await gateway.stop()
    expect([asked, plane.settledNanos]).toEqual([2, cost(100, 40, 20)])
  })
})

describe('budgets and limits', () => {
  const chat = { model: 'chat', max_tokens: 50, messages: [{ role: 'user', content: 'go' }] }

  test('what is paid by the second is charged for its time, and its longest time set aside', async () => {
    // An engine that takes its time: until the clock says another millisecond.
    const engine = await serve((_, response) => {
      const sinceMs = Date.now()
      const turn = () => {
        if (Date.now() < sinceMs + 2) return setImmediate(turn)
        response.writeHead(200, { 'content-type': 'application/json' })
        return response.end(JSON.stringify(engines.openai.whole))
      }
      turn()
    })
    const spent = async (secondsMax: number) => {
      const plane = new MemoryPlane(30)
      const timed = { perSecond: 2, secondsMax }
      const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 30, price: timed })
      const { gateway } = await world(snapshot, newFolder(), plane)
      const answer = await send(gateway, '/v1/chat/completions', { ...chat, max_tokens: undefined })
      const text = await answer.text()
      await gateway.stop()
      return { status: answer.status, nanos: plane.settledNanos, text }
    }
    const refused = await spent(20) // it may cost 40 dollars
    expect(refused).toMatchObject({ status: 429, nanos: 0 })
    expect(refused.text).not.toContain('max_tokens') // that bounds no time
    const { status, nanos } = await spent(10)
    expect(status).toBe(200)
    expect(nanos).toBeGreaterThanOrEqual(2_000_000) // a millisecond, and no tokens
    expect(nanos).toBeLessThan(20_000_000_000)
  })

  test.each([
    ['/v1/chat/completions', { model: 'chat', messages: chat.messages }, 'max_tokens'],
    ['/v1/responses', { model: 'chat', input: 'hello' }, 'max_output_tokens'],
    [
      '/v1beta/models/chat:generateContent',
      { contents: [{ parts: [{ text: 'hello' }] }] },
      'generationConfig.maxOutputTokens',
    ],
  ])('who may bound an answer at %s is told how', async (path, asked, name) => {
    const snapshot = priced('http://127.0.0.1:1', { dialect: 'openai', limitDollars: 0.01 })
    const { gateway } = await world(snapshot, newFolder(), new MemoryPlane(0.01))
    const refused = await send(gateway, path, asked)
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain(`bound its answer (${name})`)
  })

  test('many at once never spend more than there is; then it is said', async () => {
    const engine = await startEngine('openai')
    const plane = new MemoryPlane(0.01)
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 0.01 })
    const { gateway } = await world(snapshot, newFolder(), plane)
    const statuses: number[] = []
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8].map(() => send(gateway, '/v1/chat/completions', chat)),
      )
      for (const answer of answers) {
        statuses.push(answer.status)
        const text = await answer.text()
        if (answer.status !== 200) expect(text).toContain('insufficient_quota')
      }
    }
    const unbounded = { ...chat, max_tokens: undefined }
    const refused = await (await send(gateway, '/v1/chat/completions', unbounded)).text()
    expect(refused).toContain('bound its answer (max_tokens)')
    await gateway.stop()
    expect(new Set(statuses)).toEqual(new Set([200, 429]))
    expect(plane.settledNanos).toBeLessThanOrEqual(plane.limitNanos)
    expect(plane.settledNanos).toBe(
      statuses.filter((one) => one === 200).length * cost(100, 40, 20),
    )
  })

  test('a budget that is used up pays for nothing, and what is free needs none', async () => {
    const engine = await startEngine('openai')
    const ask = async (price: object) => {
      const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 0, price })
      const { gateway } = await world(snapshot, newFolder(), new MemoryPlane(0))
      const answer = await send(gateway, '/v1/chat/completions', chat)
      await answer.text()
      return answer.status
    }
    expect([await ask({ outputPerMillion: 1 }), await ask({})]).toEqual([429, 200])
  })

  test('without a price nothing is spent from a budget (K1)', async () => {
    const snapshot = listed('https://unknown.example/v1', 'nobody-knows')
    const { gateway } = await world(signed(snapshot), newFolder(), new MemoryPlane(10))
    const answer = await send(gateway, '/v1/chat/completions', chat)
    expect([answer.status, (await answer.text()).includes('price')]).toEqual([429, true])
  })

  test('what list prices do not hold is not bought from a budget, but at one’s own price (K1)', async () => {
    const snapshot = listed('https://api.openai.com/v1', 'gpt-4o-mini')
    const searching = { ...chat, web_search_options: {} }
    const { gateway } = await world(signed(snapshot), newFolder(), new MemoryPlane(10))
    const refused = await send(gateway, '/v1/chat/completions', searching)
    expect(refused.status).toBe(429)
    expect(await refused.text()).toContain('nobody knows the price of web_search_options')

    const engine = await startEngine('openai')
    for (const [limitDollars, status] of [
      [1, 429], // nobody knows what the search brings: as much as any model takes is set aside
      [10, 200],
    ] as const) {
      const own = priced(engine.url, { dialect: 'openai', limitDollars })
      const other = await world(own, newFolder(), new MemoryPlane(limitDollars))
      const answer = await send(other.gateway, '/v1/chat/completions', searching)
      expect(answer.status).toBe(status)
      expect(await answer.text()).toContain(status === 429 ? '(contextTokens)' : 'hi')
    }
  })

  test('a key has its limits', async () => {
    const engine = await startEngine('openai')
    const limits = { requestsPerMinute: 2 }
    const snapshot = priced(engine.url, { dialect: 'openai', limitDollars: 10, limits })
    const { gateway } = await world(snapshot, newFolder(), new MemoryPlane(10))
    const statuses = []
    for (let i = 0; i < 3; i++) {
      const answer = await send(gateway, '/v1/chat/completions', chat)
      statuses.push(answer.status)
      if (answer.status === 429)
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(statuses).toEqual([200, 200, 429])
  })
})

test('answers carry a warning from the soft limit of a budget on, and only of their own budgets', async () => {
  class SoftPlane extends MemoryPlane {
    isSoft = false

    override ask(request: LeaseRequest): LeaseAnswer {
      const soft = [{ project: 'default', budget: 'all', untilMs: Number.MAX_SAFE_INTEGER }]
      return { ...super.ask(request), ...(this.isSoft ? { soft } : {}) }
    }
  }
  const engine = await startEngine('openai')
  const plane = new SoftPlane(1)
  const { gateway } = await world(
    priced(engine.url, { dialect: 'openai', limitDollars: 1 }),
    newFolder(),
    plane,
  )
  const body = { model: 'chat', messages: [{ role: 'user', content: 'x' }], max_tokens: 10 }
  const warned = async (more: object = {}) => {
    const answer = await send(gateway, '/v1/chat/completions', { ...body, ...more })
    await answer.text()
    return [answer.status, answer.headers.get('x-tutti-budget-warning')]
  }
  expect(await warned()).toEqual([200, null])
  plane.isSoft = true
  expect(await warned({ max_tokens: 50_000 })).toEqual([200, 'all']) // another lease is asked for
  expect(await warned()).toEqual([200, 'all'])
  expect(await warned({ stream: true })).toEqual([200, 'all'])
  expect(await warned({ max_tokens: 500_000 })).toEqual([429, 'all'])
})

test('what a guard asks counts under the Route that it asks, as a Budget of that is charged', async () => {
  const engine = await serve((request, response, body) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    if (request.url !== '/moderations') return response.end(JSON.stringify(engines.openai.whole))
    const results = JSON.parse(body).input.map(() => ({ category_scores: { violence: 0 } }))
    return response.end(JSON.stringify({ id: 'm', results }))
  })
  const route = (name: string, model: string, more: object) => {
    const targets = [{ provider: 'engine', model, price: { perCall: 0.001, ...more } }]
    const guard = { classifier: { route: 'judge', threshold: 0.6 }, on: ['input', 'output'] }
    const spec = routeSpec.parse({ targets, ...(name === 'chat' ? { guard } : {}) })
    return { name, project: 'default', ...spec }
  }
  const snapshot = snapshotOf({
    routes: [route('chat', 'm', price), route('judge', 'omni', {})],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect: 'openai', baseUrl: engine.url },
        allowPrivateNetwork: true,
      },
    ],
    budgets: [{ name: 'b', project: 'default', route: 'judge', limitDollars: 1, window: 'total' }],
  })
  const plane = new MemoryPlane(1)
  const { gateway, told } = await world(signed(snapshot), newFolder(), plane)
  const body = { model: 'chat', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }
  expect((await send(gateway, '/v1/chat/completions', body)).status).toBe(200)
  await gateway.stop()
  const of = (name: string) => told.filter((row) => row.route === name)
  const sum = (rows: typeof told) => rows.reduce((all, { costNanos }) => all + costNanos, 0)
  expect([sum(of('judge')), sum(of('chat'))]).toEqual([2_000_000, cost(100, 40, 20) + 1_000_000])
  expect(plane.settledNanos).toBe(2_000_000)
  const requests = told.filter((row) => row.requests > 0)
  expect(requests).toMatchObject([{ route: 'chat', model: 'engine/m', requests: 1 }])
})
