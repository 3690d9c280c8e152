// Vectors of texts, asked for in either dialect that has them, of Providers in either and of the fleet's own models.

import { guardSpec } from '@tutti/core/governance'
import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import {
  key,
  recordOf,
  release,
  serve,
  signed,
  snapshotOf,
  toEngine,
  world,
} from './gateway-world.fixture.ts'

const givers = ['openai', 'openai-responses', 'gemini', 'node'] as const
type Giver = (typeof givers)[number]

/** Each text's length, and its half, which no float holds in fewer digits. */
const vectorOf = (text: string) => [text.length, text.length / 2]

/** An engine that gives such vectors, in the words that it is asked in. */
async function engine(
  heard: { path: string; body: unknown }[],
  spoil = (answer: object) => answer,
) {
  return await serve((request, response, text) => {
    const { url: path = '' } = request
    const body = JSON.parse(text)
    heard.push({ path, body })
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(spoil(answerTo(path, body))))
  })
}

function answerTo(path: string, body: Body): object {
  const usageMetadata = { promptTokenCount: 7 }
  if (path.endsWith(':embedContent')) {
    return { embedding: { values: vectorOf(textIn(body)) }, usageMetadata }
  }
  if (path.endsWith(':batchEmbedContents')) {
    const embeddings = body.requests.map((one) => ({ values: vectorOf(textIn(one)) }))
    return { embeddings, usageMetadata }
  }
  if (path.endsWith('/infer')) {
    const { data } = body.inputs[0] ?? { data: [] }
    const shape = [data.length, 2]
    const output = { name: 'embedding', datatype: 'FP32', shape, data: data.flatMap(vectorOf) }
    return { model_name: 'meaning', outputs: [output] }
  }
  const texts = [body.input].flat()
  const data = texts.map((one, index) => ({ object: 'embedding', index, embedding: vectorOf(one) }))
  const usage = { prompt_tokens: 7, total_tokens: 7 }
  return { object: 'list', data, model: 'm-1', usage }
}

interface Content {
  readonly content: { readonly parts: readonly { readonly text: string }[] }
}
interface Body extends Content {
  readonly input: string | readonly string[]
  readonly requests: readonly Content[]
  readonly inputs: readonly { readonly data: readonly string[] }[]
}
const textIn = ({ content }: Content) => content.parts.map(({ text }) => text).join('')

async function bed(giver: Giver, settings: object = {}, spoil?: (answer: object) => object) {
  const heard: { path: string; body: unknown }[] = []
  const { url } = await engine(heard, spoil)
  const { gateway } = await world(
    signed(giver === 'node' ? toNode(url) : toEngine(url, giver, settings)),
  )
  const ask = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${key}` }
    const method = 'POST'
    const answer = await fetch(`${gateway.url}${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    })
    const dropped = answer.headers.get('x-tutti-dropped-params')
    return { status: answer.status, body: JSON.parse(await answer.text()), dropped }
  }
  return { gateway, ask, heard }
}

function toNode(url: string) {
  const project = 'default'
  const spec = routeSpec.parse({ targets: [{ deployment: 'meaning' }] })
  const endpoints = [{ node: 'n0', url, region: '', release }]
  return snapshotOf({
    routes: [{ name: 'chat', project, ...spec }],
    deployments: [{ name: 'meaning', project, serves: 'meaning', endpoints }],
  })
}

const part = (text: string) => ({ parts: [{ text }] })
const single = '/v1beta/models/chat:embedContent'
const batch = '/v1beta/models/chat:batchEmbedContents'

describe.each(givers)('of %s', (giver) => {
  const tokens = giver === 'node' ? 0 : 7

  test('who speaks OpenAI’s dialect is given one for each text', async () => {
    const { ask } = await bed(giver)
    const { status, body } = await ask('/v1/embeddings', { model: 'chat', input: ['abc', 'd'] })
    const data = ['abc', 'd'].map((text, index) => {
      return { object: 'embedding', index, embedding: vectorOf(text) }
    })
    const model = giver.startsWith('openai') ? 'm-1' : 'chat'
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    expect([status, body]).toEqual([200, { object: 'list', data, model, usage }])
    const one = await ask('/v1/embeddings', { model: 'chat', input: 'abc' })
    expect(one.body.data).toEqual(data.slice(0, 1))
  })

  test('who speaks Gemini’s is given one, or several', async () => {
    const { ask } = await bed(giver)
    const counted = tokens === 0 ? {} : { usageMetadata: { promptTokenCount: tokens } }
    const one = await ask(single, { content: part('abc') })
    expect(one).toMatchObject({ status: 200 })
    expect(one.body).toEqual({ embedding: { values: [3, 1.5] }, ...counted })
    const requests = ['abc', 'd'].map((text) => ({ model: 'models/chat', content: part(text) }))
    const several = await ask(batch, { requests })
    const embeddings = [{ values: [3, 1.5] }, { values: [1, 0.5] }]
    expect(several.body).toEqual({ embeddings, ...counted })
  })

  test('only what went in is charged: numbers are no words', async () => {
    const { ask, gateway } = await bed(giver)
    await ask('/v1/embeddings', { model: 'chat', input: 'abc' })
    expect(await recordOf(gateway)).toMatchObject({ status: 200, outputTokens: 0 })
  })
})

test('tokens go to whoever takes OpenAI’s requests as they came', async () => {
  const { ask, heard } = await bed('openai-responses')
  const { status } = await ask('/v1/embeddings', { model: 'chat', input: [[1, 2, 3]], user: 'a' })
  const body = { model: 'm', input: [[1, 2, 3]], user: 'a' }
  expect([status, heard]).toEqual([200, [{ path: '/embeddings', body }]])
})

test.each(['gemini', 'node'] as const)(
  'floats of %s are packed where a client wants it',
  async (giver) => {
    const { ask } = await bed(giver)
    const asked = { model: 'chat', input: 'abc', encoding_format: 'base64' }
    const { body } = await ask('/v1/embeddings', asked)
    const bytes = Buffer.from(body.data[0].embedding, 'base64')
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4), bytes.length]).toEqual([3, 1.5, 8])
  },
)

test('each is asked in its own words, by its own name of the model', async () => {
  const asked = { model: 'chat', input: ['abc'], dimensions: 2 }
  const gemini = await bed('gemini')
  await gemini.ask('/v1/embeddings', asked)
  const request = { model: 'models/m', content: part('abc'), outputDimensionality: 2 }
  const path = '/models/m:batchEmbedContents'
  expect(gemini.heard).toEqual([{ path, body: { requests: [request] } }])
  const openai = await bed('openai')
  await openai.ask(batch, { requests: [{ content: part('abc'), output_dimensionality: 2 }] })
  const body = { model: 'm', input: 'abc', dimensions: 2, encoding_format: 'float' }
  expect(openai.heard).toEqual([{ path: '/embeddings', body }])
})

test('Gemini is told by Gemini’s callers all that they say, under its name of the model', async () => {
  const { ask, heard } = await bed('gemini')
  const more = { content: part('abc'), taskType: 'CLUSTERING' }
  await ask(single, more)
  await ask(single, { model: 'models/chat', ...more })
  await ask(batch, { requests: [{ model: 'models/chat', ...more }] })
  const named = { model: 'models/m', ...more }
  expect(heard.map(({ body }) => body)).toEqual([more, named, { requests: [named] }])
})

describe('what has no counterpart', () => {
  test.each([
    ['openai', single, { content: part('a'), taskType: 'CLUSTERING' }, 'taskType'],
    ['openai', single, { content: { parts: [{ text: 'a' }, { text: 'b' }] } }, 'content.parts'],
    ['openai', single, { content: { parts: [{ inlineData: {} }] } }, 'content.parts[0].inlineData'],
    ['openai', batch, { requests: [{ content: part('a'), title: 'b' }] }, 'requests[].title'],
    [
      'openai',
      batch,
      { requests: [{ content: part('a') }, { content: part('a'), outputDimensionality: 2 }] },
      'requests[].outputDimensionality',
    ],
    ['gemini', '/v1/embeddings', { model: 'chat', input: [1, 2] }, 'input'],
    ['gemini', '/v1/embeddings', { model: 'chat', input: 'a', user: 'u' }, 'user'],
    ['node', '/v1/embeddings', { model: 'chat', input: 'a', dimensions: 2 }, 'dimensions'],
    ['node', single, { content: part('a'), outputDimensionality: 2 }, 'outputDimensionality'],
  ] as const)('is refused by name, and %s not asked: %s %j', async (giver, path, asked, field) => {
    const { ask, heard } = await bed(giver)
    const { status, body } = await ask(path, asked)
    expect([status, body.error.message]).toEqual([400, expect.stringContaining(`${field}: `)])
    expect(heard).toEqual([])
  })

  test('may be left out of all of a batch', async () => {
    const targets = [{ provider: 'e', model: 'm', dropParams: ['requests[].taskType', 'taskType'] }]
    const { ask, heard } = await bed('openai', { targets })
    const requests = Array.from({ length: 40 }, () => ({
      content: part('a'),
      task_type: 'CLUSTERING',
    }))
    const several = await ask(batch, { requests })
    expect(several).toMatchObject({ status: 200, dropped: 'requests[].taskType' })
    expect(several.body.embeddings).toHaveLength(40)
    expect(await ask(single, requests[0] ?? {})).toMatchObject({ status: 200, dropped: 'taskType' })
    expect(JSON.stringify(heard)).not.toContain('CLUSTERING')
  })
})

test.each(['anthropic', 'bedrock'] as const)('%s gives none, and is not asked', async (dialect) => {
  const heard: { path: string; body: unknown }[] = []
  const { url } = await engine(heard)
  const { gateway } = await world(signed(toEngine(url, dialect)))
  const answer = await fetch(`${gateway.url}/v1/embeddings`, {
    ...{ method: 'POST', headers: { authorization: `Bearer ${key}` } },
    body: JSON.stringify({ model: 'chat', input: 'a' }),
  })
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(dialect)])
  expect(heard).toEqual([])
})

test.each([
  ['too few', { embeddings: [{ values: [1, 2] }] }],
  ['empty ones', { embeddings: [{ values: [] }, { values: [] }] }],
  ['ones of different lengths', { embeddings: [{ values: [1] }, { values: [1, 2] }] }],
  ['no numbers', { embeddings: [{ values: ['a'] }, { values: ['b'] }] }],
])('%s are no answer', async (_, answer) => {
  const { ask } = await bed('gemini', {}, () => answer)
  const { status, body } = await ask('/v1/embeddings', { model: 'chat', input: ['a', 'b'] })
  expect([status, body.error.message]).toEqual([502, expect.stringContaining('vectors')])
})

test('one that is kept is given again in the caller’s words', async () => {
  const { ask, heard } = await bed('gemini', { cache: { ttlS: 60 } })
  const asked = { model: 'chat', input: 'abc' }
  const first = await ask('/v1/embeddings', asked)
  expect(await ask('/v1/embeddings', asked)).toEqual(first)
  const one = await ask(single, { content: part('abc') })
  expect(one.body.embedding).toEqual({ values: [3, 1.5] })
  expect(heard).toHaveLength(2)
})

test.each(givers)('what texts say is looked through before %s is asked', async (giver) => {
  const guard = guardSpec.parse({ detect: ['email'], on: ['input'] })
  const heard: { path: string; body: unknown }[] = []
  const { url } = await engine(heard)
  const snapshot = giver === 'node' ? toNode(url) : toEngine(url, giver)
  const routes = snapshot.routes.map((one) => ({ ...one, guard }))
  const { gateway } = await world(signed({ ...snapshot, routes }))
  const answer = await fetch(`${gateway.url}${batch}`, {
    ...{ method: 'POST', headers: { authorization: `Bearer ${key}` } },
    body: JSON.stringify({ requests: [{ content: part('to ada@example.org') }] }),
  })
  expect(answer.status).toBe(200)
  expect(JSON.stringify(heard)).toContain('to ')
  expect(JSON.stringify(heard)).not.toContain('ada@')
})

test.each(['openai', 'gemini'] as const)(
  'a long answer of %s goes on as it came, and is charged',
  async (giver) => {
    const values = Array.from({ length: 40_000 }, (_, i) => i / 7)
    const embeddings = { embeddings: [{ values }], usageMetadata: { promptTokenCount: 11 } }
    const data = { data: [{ index: 0, embedding: values }], usage: { prompt_tokens: 11 } }
    const long = giver === 'openai' ? data : embeddings
    const { ask, gateway } = await bed(giver, {}, () => long)
    const isOpenais = giver === 'openai'
    const asked = isOpenais ? { model: 'chat', input: 'a' } : { requests: [{ content: part('a') }] }
    const { status, body } = await ask(isOpenais ? '/v1/embeddings' : batch, asked)
    expect([status, body]).toEqual([200, long])
    expect(await recordOf(gateway)).toMatchObject({ inputTokens: 11, isEstimated: false })
  },
)
