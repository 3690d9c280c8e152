// How many tokens a request has, asked of who speaks its dialect: nothing is said, and nothing charged.

import { describe, expect, test } from 'vitest'
import { key, serve, signed, toEngine, world } from './gateway-world.fixture.ts'
import { create, bed as responseBed, send } from './response-world.fixture.ts'

async function bed(dialect: 'anthropic' | 'gemini' | 'openai', settings: object = {}) {
  const heard: { readonly path: string; readonly body: unknown }[] = []
  const { url } = await serve((request, response, body) => {
    heard.push({ path: request.url ?? '', body: JSON.parse(body) })
    const isLong = JSON.stringify(heard.at(-1)).includes('too long')
    const isAnswer = request.url?.endsWith(':generateContent') === true
    const count = isAnswer ? said : { totalTokens: 7 }
    const answer = isLong ? { error: { code: 400, message: 'no' } } : count
    response.writeHead(isLong ? 400 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  })
  const { gateway } = await world(signed(toEngine(url, dialect, settings)))
  const ask = async (path: string, body: object) => {
    const headers = { 'x-goog-api-key': key }
    const answer = await fetch(`${gateway.url}${path}`, {
      ...{ method: 'POST', headers, body: JSON.stringify(body) },
    })
    return { status: answer.status, body: await answer.json() }
  }
  const last = async () => {
    const answer = await fetch(`${gateway.url}/v1/requests`, { headers: { 'x-api-key': key } })
    return JSON.parse((await answer.text()).trim().split('\n').at(-1) ?? '')
  }
  return { ask, heard, last }
}

const contents = [{ parts: [{ text: 'Hi' }] }]
const said = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'so' }] }, finishReason: 'STOP' }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
}
const path = '/v1beta/models/chat:countTokens'

test('Gemini counts, by the name that it has for the model', async () => {
  const { ask, heard, last } = await bed('gemini')
  expect(await ask(path, { contents })).toEqual({ status: 200, body: { totalTokens: 7 } })
  for (const name of ['generateContentRequest', 'generate_content_request']) {
    const inner = { model: 'models/chat', contents, temperature: 0.5 }
    expect((await ask(path, { [name]: inner })).status).toBe(200)
    expect(heard.at(-1)?.body).toEqual({ [name]: { ...inner, model: 'models/m' } })
  }
  expect(heard.map((one) => one.path)).toEqual(Array.from(heard, () => '/models/m:countTokens'))
  expect(heard[0]?.body).toEqual({ contents })
  await expect.poll(last).toMatchObject({ status: 200, inputTokens: 0, outputTokens: 0 })
})

test('what Gemini says against it is told', async () => {
  const { ask } = await bed('gemini')
  const answer = await ask(path, { contents: [{ parts: [{ text: 'too long' }] }] })
  expect(answer).toMatchObject({ status: 400, body: { error: { message: 'no' } } })
})

test.each(['openai', 'anthropic'] as const)('%s cannot, and is not asked', async (dialect) => {
  const { ask, heard } = await bed(dialect)
  const answer = await ask(path, { contents })
  const error = { status: 'INVALID_ARGUMENT', message: expect.stringContaining('countTokens') }
  expect(answer).toMatchObject({ status: 400, body: { error } })
  expect(heard).toEqual([])
})

test('what was answered to the same request is no count of it', async () => {
  const { ask } = await bed('gemini', { cache: { ttlS: 60 } })
  const answered = await ask('/v1beta/models/chat:generateContent', { contents })
  expect(answered).toMatchObject({ status: 200, body: said })
  expect(await ask(path, { contents })).toEqual({ status: 200, body: { totalTokens: 7 } })
})

test('a count is no stream', async () => {
  const { ask, heard } = await bed('gemini')
  expect((await ask(`${path}?alt=sse`, { contents })).status).toBe(200)
  expect(heard[0]?.path).toBe('/models/m:countTokens')
})

describe('OpenAI’s Responses', () => {
  test('are counted whatever they go on from, and none is kept', async () => {
    const world = await responseBed()
    const count = (body: object) =>
      send(world, 'POST', '/input_tokens', { body: { model: 'chat', input: 'hi', ...body } })
    const { body: kept } = await create(world, { store: true })
    for (const more of [{}, { tools: [{ type: 'function', name: 'f' }] }]) {
      expect((await count(more)).status).toBe(200)
      expect(world.asked.at(-1)).toEqual({ model: 'm', input: 'hi', ...more })
    }
    expect((await count({ previous_response_id: kept.id })).status).toBe(200)
    const { input, ...rest } = world.asked.at(-1)
    expect(input).toHaveLength(3) // both turns, and what was said between
    expect(rest).toEqual({ model: 'm' })
    const none = await count({ previous_response_id: `resp_tutti_${'0'.repeat(32)}` })
    expect(none).toMatchObject({ status: 400, body: { error: { param: 'previous_response_id' } } })
    const asked = world.asked.length
    expect((await send(world, 'GET', '/input_tokens')).status).toBe(405)
    expect(world.asked).toHaveLength(asked)
  })

  test('cannot be counted in chat completions, which are not asked', async () => {
    const { ask, heard } = await bed('openai')
    const answer = await ask('/v1/responses/input_tokens', { model: 'chat', input: 'hi' })
    const message = expect.stringContaining('/responses/input_tokens')
    expect(answer).toMatchObject({ status: 400, body: { error: { param: 'model', message } } })
    expect(heard).toEqual([])
  })
})
