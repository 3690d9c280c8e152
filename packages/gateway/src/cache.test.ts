// Answers that are given again: in every form, to nobody else, never one that was not whole.

import { guardSpec } from '@tutti/core/governance'
import { routeSpec, type Snapshot } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  ask,
  caching,
  ends,
  engine,
  faces,
  foreign,
  other,
  semantic,
  start,
} from './cache-world.fixture.ts'
import {
  digest,
  key,
  newFolder,
  recordOf,
  serve,
  signed,
  toEngine,
  world,
} from './gateway-world.fixture.ts'

test('what the provider looks up is asked for anew', async () => {
  const { url, asked } = await start({})
  const news = { more: { web_search_options: {} } }
  for (let i = 1; i <= 2; i++) expect((await ask(url, 'the news?', news)).cache).toBeNull()
  expect(asked).toHaveLength(2)
})

test.each([
  ['the same question', {}, 'what is the capital of France?'],
  ['one that means the same', semantic, 'which city is the capital of France?'],
])(
  'a key that the policies keep from its giver gets nothing of it: %s',
  async (_, cache, question) => {
    const upstream = await engine()
    const snapshot = caching(upstream.url, cache)
    const keys = snapshot.keys.map((one) =>
      one.id === 'other' ? { ...one, refused: ['Provider/engine'] } : one,
    )
    const { gateway } = await world(signed({ ...snapshot, keys }))
    await ask(gateway.url, 'what is the capital of France?')
    expect((await ask(gateway.url, question)).cache).not.toBeNull()
    const refused = await ask(gateway.url, question, { by: other })
    expect([refused.status, refused.cache]).toEqual([400, null])
    expect(refused.raw).not.toContain('answer 1')
  },
)

test('the text of a key is shown to no model that the policies keep that key from', async () => {
  const upstream = await engine()
  let shown = 0
  const meaning = await serve((_, response) => {
    shown += 1
    response.end(JSON.stringify({ data: [{ embedding: [1, 0, 0] }], usage: { prompt_tokens: 3 } }))
  })
  const snapshot = caching(upstream.url, semantic)
  const [provider] = snapshot.providers
  if (provider === undefined) throw new Error('a world')
  const { targets } = routeSpec.parse({ targets: [{ provider: 'meaning', model: 'embedder' }] })
  const changed: Snapshot = {
    ...snapshot,
    providers: [
      ...snapshot.providers,
      { ...provider, name: 'meaning', baseUrl: `${meaning.url}/v1` },
    ],
    routes: snapshot.routes.map((one) => (one.name === 'embed' ? { ...one, targets } : one)),
    keys: snapshot.keys.map((one) =>
      one.id === 'other' ? { ...one, refused: ['Provider/meaning'] } : one,
    ),
  }
  const { gateway } = await world(signed(changed))
  expect((await ask(gateway.url, 'q', { by: other })).status).toBe(200)
  expect(shown).toBe(0)
  expect((await ask(gateway.url, 'another q')).status).toBe(200)
  expect(shown).toBe(1)
})

describe('an answer is given again', () => {
  for (const first of [false, true]) {
    test(`that was asked for ${first ? 'as a stream' : 'whole'}: in every form and dialect`, async () => {
      const { url, asked } = await start({})
      const { said, raw, cache } = await ask(url, 'q', { stream: first })
      expect([said, cache]).toEqual(['answer 1 to q', null])
      const again = await ask(url, 'q', { stream: first })
      expect([again.raw, again.cache]).toEqual([raw, 'exact']) // byte for byte
      for (const face of faces) {
        for (const stream of [false, true]) {
          const replay = await ask(url, 'q', { face, stream })
          expect([face, stream, replay.said]).toEqual([face, stream, said])
          expect(replay.raw).toMatch(stream ? ends[face] : /^\{/)
        }
      }
      expect(asked).toEqual(['q'])
      const log = await fetch(`${url}/v1/requests`, { headers: { authorization: `Bearer ${key}` } })
      const records = (await log.text())
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(records.at(-1)).toMatchObject({
        ...{
          cached: 'exact',
          costNanos: 0,
          inputTokens: 0,
          outputTokens: 0,
          targets: [],
          attempts: 0,
        },
      })
    })
  }

  test('to the keys of its project, or to the one key, and to no other project (C1)', async () => {
    const shared = await start({})
    for (const by of [key, other, foreign]) await ask(shared.url, 'q', { by })
    expect(shared.asked).toEqual(['q', 'q']) // once in each project
    const single = await start({ scope: 'key' })
    for (const by of [key, other, key, other]) await ask(single.url, 'q', { by })
    expect(single.asked).toEqual(['q', 'q'])
  })

  test('not where the caller asks for a fresh one, nor kept where he forbids it', async () => {
    const { url } = await start({})
    const control = (value: string) => ({ headers: { 'cache-control': value } })
    await ask(url, 'q', control('no-store'))
    expect((await ask(url, 'q')).said).toBe('answer 2 to q')
    expect((await ask(url, 'q', control('max-age=0, no-cache'))).said).toBe('answer 3 to q')
    expect((await ask(url, 'q')).said).toBe('answer 3 to q')
    expect((await ask(url, 'q', control('no-store'))).said).toBe('answer 4 to q')
    expect((await ask(url, 'q')).said).toBe('answer 3 to q')
  })

  test('not once another model answers (C2)', async () => {
    const { url, upstream, push, untilEvent, asked } = await start({})
    await ask(url, 'q')
    const next = caching(upstream.url, {})
    const routes = next.routes.map((route) =>
      route.name === 'chat'
        ? {
            ...route,
            ...routeSpec.parse({ targets: [{ provider: 'engine', model: 'v2' }], cache: {} }),
          }
        : route,
    )
    push(signed({ ...next, sequence: 2, routes }))
    await untilEvent('snapshot', 2)
    expect((await ask(url, 'q')).said).toBe('answer 2 to q')
    expect(asked).toEqual(['q', 'q'])
  })

  test('not once it is older than its Route lets it be by now (C3)', async () => {
    const upstream = await engine()
    let steadyMs = 0
    const clock = { nowMs: () => Date.now(), steadyMs: () => steadyMs }
    const before = caching(upstream.url, { ttlS: 86_400, ...semantic })
    const bed = await world(signed(before), newFolder(), undefined, { clock })
    const { url } = bed.gateway
    for (const question of ['q', 'what is the capital of France?']) await ask(url, question)
    steadyMs = 3_600_000
    expect((await ask(url, 'q')).cache).toBe('exact')
    bed.push(signed({ ...caching(upstream.url, { ttlS: 60, ...semantic }), sequence: 2 }))
    await bed.untilEvent('snapshot', 2)
    const near = await ask(url, 'which city is the capital of France?')
    expect([near.cache, (await ask(url, 'q')).cache]).toEqual([null, null])
  })

  test('of a key to nobody whose key is called the same later (C1)', async () => {
    const { url, push, untilEvent, upstream, asked } = await start({ scope: 'key' })
    await ask(url, 'q')
    const next = caching(upstream.url, { scope: 'key' })
    const keys = next.keys.map((one) =>
      one.id === 'app' ? { ...one, owner: 'bob', hash: digest('tutti_app_bobs') } : one,
    )
    push(signed({ ...next, sequence: 2, keys }))
    await untilEvent('snapshot', 2)
    expect((await ask(url, 'q', { by: 'tutti_app_bobs' })).cache).toBeNull()
    expect(asked).toEqual(['q', 'q'])
  })

  for (const [what, upstream] of [
    ['cut at its length', () => engine('length')],
    ['stopped for a reason that nobody knows', () => engine('paused')],
    ['an error', () => engine('stop', 400)],
  ] as const) {
    test(`never one that is ${what} (C6)`, async () => {
      const { url, asked } = await start({}, await upstream())
      for (const stream of [false, true, false]) await ask(url, 'q', { stream })
      expect(asked).toHaveLength(3)
    })
  }

  test('never one that is very long, or of whose choices one was cut (C6)', async () => {
    let asked = 0
    const { url: upstream } = await serve((_, response, text) => {
      asked += 1
      const { messages } = JSON.parse(text)
      const content = messages.at(-1).content === 'long' ? 'x'.repeat(2 ** 20) : 'short'
      const finishes = content === 'short' ? ['stop', 'length'] : ['stop']
      const choices = finishes.map((finish_reason, index) => ({
        ...{ index, message: { role: 'assistant', content }, finish_reason },
      }))
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ id: 'c', choices, usage: {} }))
    })
    const { url } = await start({}, { url: upstream, asked: [] })
    for (const content of ['long', 'long', 'cut', 'cut']) await ask(url, content)
    expect(asked).toBe(4)
  })

  test('never a stream that broke off, and none that the caller left (C6)', async () => {
    let asked = 0
    const { url: broken } = await serve((_, response) => {
      asked += 1
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"id":"c","choices":[{"index":0,"delta":{"content":"hal"}}]}\n\n')
      setImmediate(() => response.destroy())
    })
    const { url } = await start({}, { url: broken, asked: [] }, { attemptsMax: 1 })
    await ask(url, 'q', { stream: true }).catch(() => null)
    await ask(url, 'q', { stream: true }).catch(() => null)
    expect(asked).toBe(2)
  })

  test('with what the guard took out of this very request', async () => {
    const upstream = await engine()
    const guard = guardSpec.parse({ detect: ['email'] })
    const { url, asked } = await start({}, upstream, { guard })
    expect((await ask(url, 'write to a@b.example')).said).toBe('answer 1 to write to a@b.example')
    const second = await ask(url, 'write to c@d.example', { stream: true })
    expect([second.said, second.cache]).toEqual(['answer 1 to write to c@d.example', 'exact'])
    expect(asked).toEqual(['write to [EMAIL_1]'])
  })
})

describe('a question that means the same', () => {
  test('gets the same answer, one that does not another, and other projects none', async () => {
    const { url, asked } = await start(semantic)
    expect((await ask(url, 'what is the capital of France?')).cache).toBeNull()
    const near = await ask(url, 'which city is the capital of France?', { by: other })
    expect([near.cache, near.said]).toEqual([
      'semantic',
      'answer 1 to what is the capital of France?',
    ])
    const told = await ask(url, 'which city is the capital of France?', { face: 'gemini' })
    expect([told.cache, told.said]).toEqual([near.cache, near.said])
    expect((await ask(url, 'what is the capital of Spain?')).cache).toBeNull()
    const abroad = await ask(url, 'which city is the capital of France?', { by: foreign })
    expect(abroad.cache).toBeNull()
    expect(asked).toHaveLength(3)
  })

  test.each([
    ['another model', 'target'],
    ['a Provider at another address', 'address'],
  ] as const)('is not compared with what another model has said: %s', async (_, change) => {
    const upstream = await engine()
    const elsewhere = await engine()
    const snapshot = caching(upstream.url, semantic)
    const [provider] = snapshot.providers
    if (provider === undefined) throw new Error('a world')
    const embeddedBy = (sequence: number, model: string, url: string): Snapshot => {
      const { targets } = routeSpec.parse({ targets: [{ provider: 'meaning', model }] })
      const meaning = { ...provider, name: 'meaning', baseUrl: `${url}/v1` }
      const routes = snapshot.routes.map((one) =>
        one.name === 'embed' ? { ...one, targets } : one,
      )
      return { ...snapshot, sequence, routes, providers: [...snapshot.providers, meaning] }
    }
    const { gateway, push, untilEvent } = await world(signed(embeddedBy(1, 'one', upstream.url)))
    expect((await ask(gateway.url, 'what is the capital of France?')).cache).toBeNull()
    const changed =
      change === 'target'
        ? embeddedBy(2, 'another', upstream.url)
        : embeddedBy(2, 'one', elsewhere.url)
    push(signed(changed))
    await untilEvent('snapshot', 2)
    const near = 'which city is the capital of France?'
    expect((await ask(gateway.url, near)).cache).toBeNull()
    expect((await ask(gateway.url, near)).cache).toBe('exact')
  })

  test('is not compared where a guard took something out of it: placeholders have no order', async () => {
    const guard = guardSpec.parse({ detect: ['email'] })
    const { url, asked } = await start(semantic, undefined, { guard })
    await ask(url, 'from a@b.example to c@d.example')
    const other = await ask(url, 'to c@d.example from a@b.example')
    expect([other.cache, asked.length]).toEqual([null, 2])
    const same = await ask(url, 'from c@d.example to a@b.example')
    expect(same.cache).toBe('exact')
    await ask(url, 'what is the capital of France?')
    expect((await ask(url, 'which city is the capital of France?')).cache).toBe('semantic')
  })

  test('is not looked for where the caller wants a fresh one, nor shown to an embedder where nothing is to be kept', async () => {
    const shown: string[] = []
    const { url: upstream } = await serve((request, response, text) => {
      const { input, messages } = JSON.parse(text)
      if (input !== undefined) shown.push(input)
      response.writeHead(200, { 'content-type': 'application/json' })
      if (request.url === '/v1/embeddings') {
        return response.end(JSON.stringify({ data: [{ embedding: [1, 0, 0] }], usage: {} }))
      }
      const message = { role: 'assistant', content: `to ${messages.at(-1).content}` }
      const choices = [{ index: 0, message, finish_reason: 'stop' }]
      return response.end(JSON.stringify({ id: 'c', choices, usage: {} }))
    })
    const { url } = await start(semantic, { url: upstream, asked: [] })
    const control = (value: string) => ({ headers: { 'cache-control': value } })
    await ask(url, 'one')
    expect((await ask(url, 'two')).said).toBe('to one')
    expect((await ask(url, 'three', control('no-cache'))).said).toBe('to three')
    expect(shown).toEqual(['one', 'two', 'three'])
    expect((await ask(url, 'four', control('no-store'))).said).toBe('to four')
    expect(shown).toHaveLength(3)
  })

  test('where nobody embeds, the question is simply asked', async () => {
    const { url, asked } = await start({ semantic: { route: 'gone' } })
    expect((await ask(url, 'q')).status).toBe(200)
    expect((await ask(url, 'q')).cache).toBe('exact')
    expect(asked).toEqual(['q'])
  })
})

test.each([
  ['STOP', 1],
  ['MAX_TOKENS', 2],
])(
  'of two candidates the second ended with %s: its engine is asked %i times',
  async (last, times) => {
    let calls = 0
    const { url } = await serve((_, response) => {
      calls += 1
      const content = { parts: [{ text: 'hi' }] }
      const candidates = ['STOP', last].map((finishReason, index) => ({
        index,
        content,
        finishReason,
      }))
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ candidates }))
    })
    const snapshot = caching(url, {})
    const providers = snapshot.providers.map((one) => ({ ...one, dialect: 'gemini' as const }))
    const { gateway } = await world(signed({ ...snapshot, providers }))
    const contents = [{ parts: [{ text: 'x' }] }]
    for (let i = 0; i < 2; i++) {
      const answer = await fetch(`${gateway.url}/v1beta/models/chat:generateContent`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ contents, generationConfig: { candidateCount: 2 } }),
      })
      expect(answer.status).toBe(200)
    }
    expect(calls).toBe(times)
  },
)

describe('what is nested deeper than calls of ours go (C7)', () => {
  const deep = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`

  test('is not kept, and told and recorded as on a Route without a cache', async () => {
    const use = `{"type":"tool_use","id":"t","name":"f","input":${deep}}`
    const usage = '"usage":{"input_tokens":5,"output_tokens":7}'
    const { url } = await serve((_, response) =>
      response.end(`{"id":"m","content":[${use}],"stop_reason":"tool_use",${usage}}`),
    )
    const { gateway } = await world(signed(toEngine(url, 'anthropic', { cache: {} })))
    const foreign = await ask(gateway.url, 'hi')
    expect(foreign.raw).toContain('the answer is nested too deep')
    expect(await recordOf(gateway)).toMatchObject({ status: 502, inputTokens: 5, outputTokens: 7 })
    const own = await ask(gateway.url, 'hi', { face: 'anthropic' })
    expect([own.status, own.cache]).toEqual([200, null])
  })

  test('is not given in a form in which it has to be written anew', async () => {
    const call = { index: 0, id: 't', function: { name: 'f', arguments: deep } }
    const choice = { index: 0, delta: { tool_calls: [call] }, finish_reason: 'tool_calls' }
    const message = { role: 'assistant', content: 'well' }
    const { url } = await serve((_, response, body) => {
      if (JSON.parse(body).stream !== true) {
        const choices = [{ index: 0, message, finish_reason: 'stop' }]
        return response.end(JSON.stringify({ id: 'c', choices }))
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return response.end(`data: ${JSON.stringify({ choices: [choice] })}\n\ndata: [DONE]\n\n`)
    })
    const { gateway } = await world(signed(toEngine(url, 'openai', { cache: {} })))
    const streamed = { face: 'anthropic', stream: true } as const
    await ask(gateway.url, 'hi', streamed)
    expect((await ask(gateway.url, 'hi', streamed)).cache).toBe('exact')
    const whole = await ask(gateway.url, 'hi', { face: 'anthropic' })
    expect([whole.status, whole.cache]).toEqual([200, null])
    expect(whole.raw).toContain('well')
  })
})
