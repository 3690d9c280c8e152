// Ends that look like ends and are none: what its engine gave up, and answers of which one choice is missing (I6).

import { gzipSync } from 'node:zlib'
import type { EngineDialect } from '@tutti/core/dialect'
import { routeSpec } from '@tutti/core/routing'
import { describe, expect, test } from 'vitest'
import { key, serve, signed, snapshotOf, toEngine, world } from './gateway-world.fixture.ts'

type Dialect = Exclude<EngineDialect, 'bedrock'>

const events = (...all: readonly object[]) =>
  all.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')

interface Seen {
  readonly status: number
  readonly text: string
  /** True where the connection was cut. */
  readonly isCut: boolean
}

/** What a caller sees where the engine's answer is this one, or breaks off after it. */
async function seen(
  engine: { dialect: Dialect; says: string | Buffer | object; breaks?: boolean },
  asked: { path?: string; body: object },
): Promise<Seen> {
  const { says, dialect } = engine
  const { url } = await serve((_, response) => {
    if (says instanceof Buffer) return response.end(says)
    if (typeof says !== 'string') return response.end(JSON.stringify(says))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    if (engine.breaks === true) response.write(says, () => response.destroy())
    else response.end(says)
  })
  const snapshot = snapshotOf({
    routes: [
      {
        ...{ name: 'chat', project: 'default' },
        ...routeSpec.parse({ targets: [{ provider: 'engine', model: 'm' }], attemptsMax: 1 }),
      },
    ],
    providers: [
      {
        ...{ name: 'engine', project: 'default', dialect, baseUrl: url },
        allowPrivateNetwork: true,
      },
    ],
  })
  const { gateway } = await world(signed(snapshot))
  const { path = '/v1/chat/completions', body } = asked
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify(path.startsWith('/v1beta/') ? body : { model: 'chat', ...body }),
  })
  let text = ''
  try {
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) text += decoder.decode(chunk, { stream: true })
    return { status: answer.status, text, isCut: false }
  } catch {
    return { status: answer.status, text, isCut: true }
  }
}

const messages = [{ role: 'user', content: 'x' }]
const choice = (index: number, content: string, finish_reason: string | null = null) => ({
  choices: [{ index, delta: { content }, finish_reason }],
})

describe('an engine that nests, or lists, more than calls of ours can take', () => {
  const says = (more: string) => {
    const candidate = `{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP",${more}}`
    return `{"candidates":[${candidate}]}`
  }
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const all = {
    'a list': says(
      `"citationMetadata":{"citations":[${Array.from({ length: 200_000 }, () => '{}')}]}`,
    ),
    'a place': says(
      `"groundingMetadata":{"groundingSupports":[{"groundingChunkIndices":[${deep}]}]}`,
    ),
    'a call': `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":${deep}}}}]},"finishReason":"STOP"}]}`,
  }
  test.each(Object.entries(all))('%s: one answer fails, and nobody else’s', async (name, text) => {
    const whole = await seen({ dialect: 'gemini', says: Buffer.from(text) }, { body: { messages } })
    expect(whole.status).toBe(name === 'a call' ? 502 : 200)
    const body = { messages, stream: true }
    const stream = await seen({ dialect: 'gemini', says: `data: ${text}\n\n` }, { body })
    expect(stream.status).toBe(name === 'a call' ? 502 : 200)
  })
})

describe('a stream whose last event has no blank line after it', () => {
  const stop = `data: ${JSON.stringify(choice(0, ' two', 'stop'))}`
  const body = { messages, stream: true }

  test.each(['', '\n', '\r\n'])('is whole where that event is (%j)', async (end) => {
    const says = events(choice(0, 'one')) + stop + end
    const got = await seen({ dialect: 'openai', says }, { body })
    expect(got).toMatchObject({ status: 200, isCut: false })
    expect(got.text).toContain('" two"')
    expect(got.text.endsWith('data: [DONE]\n\n')).toBe(true)
    const asked = { path: '/v1/messages', body: { ...body, max_tokens: 9 } }
    const translated = await seen({ dialect: 'openai', says }, asked)
    expect(translated.isCut).toBe(false)
    expect(translated.text).toMatch(/" two".*message_stop/s)
  })

  test.each([stop.slice(0, -1), stop.slice(0, 9), 'data'])('is cut off in %j', async (last) => {
    const says = events(choice(0, 'one')) + last
    const got = await seen({ dialect: 'openai', says }, { body })
    expect(got).toMatchObject({ status: 200, isCut: true })
    expect(got.text).not.toContain('[DONE]')
  })

  test('is broken off where its connection is, whole though that event seems', async () => {
    const says = events(choice(0, 'one')) + stop
    const got = await seen({ dialect: 'openai', says, breaks: true }, { body })
    expect(got).toMatchObject({ status: 200, isCut: true })
  })

  test('is over where the event before it said so', async () => {
    const says = `${events(choice(0, 'one', 'stop'))}data: {"usa`
    const got = await seen({ dialect: 'openai', says }, { body })
    expect(got).toMatchObject({ status: 200, isCut: false })
    expect(got.text).not.toContain('"usa')
  })
})

describe('of several choices', () => {
  const first = events(choice(0, 'one'), choice(0, '', 'stop'))
  const both = first + events(choice(1, 'two'), choice(1, '', 'stop'))
  const end = 'data: [DONE]\n\n'

  test.each([
    ['the second has not begun when the stream breaks off', first, true],
    ['the second has not begun when the stream ends', first, false],
    ['the second has begun', first + events(choice(1, 'tw')), false],
  ])('%s: that is no end', async (_, says, breaks) => {
    const body = { messages, stream: true, n: 2 }
    const got = await seen({ dialect: 'openai', says, breaks }, { body })
    expect(got).toMatchObject({ status: 200, isCut: true })
    expect(got.text).toContain('one')
    expect(got.text).not.toContain('[DONE]')
  })

  test.each([
    ['all have stopped', both],
    ['the engine gives one, and marks its end', first + end],
  ])('%s: that is an end', async (_, says) => {
    const body = { messages, stream: true, n: 2 }
    const got = await seen({ dialect: 'openai', says }, { body })
    expect(got.isCut).toBe(false)
    expect(got.text).toBe(says.endsWith(end) ? says : says + end)
  })

  test('of two prompts, too', async () => {
    const says = events({ choices: [{ index: 0, text: 'one', finish_reason: 'stop' }] })
    const body = { prompt: ['a', 'b'], stream: true }
    const asked = { path: '/v1/completions', body }
    expect(await seen({ dialect: 'openai', says }, asked)).toMatchObject({ isCut: true })
  })

  test.each([false, true])('of Gemini’s, too; streamed: %s', async (isStream) => {
    const whole = { index: 0, content: { parts: [{ text: 'one' }] }, finishReason: 'STOP' }
    const candidates = [whole, { index: 1, content: { parts: [{ text: 'tw' }] } }]
    const method = isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'
    const got = await seen(
      { dialect: 'gemini', says: isStream ? events({ candidates }) : { candidates } },
      {
        path: `/v1beta/models/chat:${method}`,
        body: { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { candidateCount: 2 } },
      },
    )
    expect(isStream ? got.isCut : got.status === 502).toBe(true)
  })
})

describe('what its engine gave up is no answer', () => {
  const gaveUp = (reason: string) => ({
    candidates: [{ content: { parts: [{ text: 'half' }] }, finishReason: reason }],
  })

  test.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'OTHER'])(
    'Gemini: %s',
    async (reason) => {
      const body = { messages }
      const whole = await seen({ dialect: 'gemini', says: gaveUp(reason) }, { body })
      expect(whole.status).toBe(502)
      expect(whole.text).toContain(reason)
      const says = events(gaveUp(reason))
      const streamed = await seen({ dialect: 'gemini', says }, { body: { ...body, stream: true } })
      expect(streamed.status).toBe(502)
    },
  )

  test.each(['error', 'abort', 'insufficient_system_resource'])('OpenAI: %s', async (reason) => {
    const message = { role: 'assistant', content: 'half' }
    const whole = { choices: [{ index: 0, message, finish_reason: reason }] }
    expect((await seen({ dialect: 'openai', says: whole }, { body: { messages } })).status).toBe(
      502,
    )
    const says = `${events(choice(0, 'half'), choice(0, '', reason))}data: [DONE]\n\n`
    const got = await seen({ dialect: 'openai', says }, { body: { messages, stream: true } })
    expect(got).toMatchObject({ status: 200, isCut: true })
    expect(got.text).not.toContain('[DONE]')
  })

  test('a prompt that Gemini blocks is told as filtered, whatever its reason', async () => {
    const says = {
      promptFeedback: { blockReason: 'OTHER' },
      usageMetadata: { promptTokenCount: 3 },
    }
    const { text } = await seen({ dialect: 'gemini', says }, { body: { messages } })
    expect(JSON.parse(text).choices[0].finish_reason).toBe('content_filter')
  })
})

describe('arguments that are no object are not told as an empty one', () => {
  const half = '{"city":"Par'
  const call = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: half } }
  const whole = (finish_reason: string) => ({
    choices: [{ index: 0, message: { content: 'so', tool_calls: [call] }, finish_reason }],
  })
  const stream = (finish_reason: string) =>
    events({
      choices: [{ index: 0, delta: { content: 'so', tool_calls: [call] }, finish_reason }],
    })
  const asAnthropic = { path: '/v1/messages', body: { max_tokens: 9, messages } }
  const gemini = (method: string) => ({
    path: `/v1beta/models/chat:${method}`,
    body: { contents: [{ parts: [{ text: 'x' }] }] },
  })

  test.each([asAnthropic, gemini('generateContent')])('$path', async (asked) => {
    const wrong = await seen({ dialect: 'openai', says: whole('tool_calls') }, asked)
    expect(wrong.status).toBe(502)
    expect(wrong.text).toContain('the arguments of f are no JSON object')
    const cut = await seen({ dialect: 'openai', says: whole('length') }, asked)
    expect(cut.status).toBe(200)
    expect(cut.text).toMatch(/"max_tokens"|"MAX_TOKENS"/)
    expect(cut.text).not.toContain('"f"')
  })

  test('streamed to Gemini’s', async () => {
    const asked = gemini('streamGenerateContent?alt=sse')
    const wrong = await seen({ dialect: 'openai', says: stream('tool_calls') }, asked)
    expect(wrong).toMatchObject({ status: 200, isCut: true })
    expect(wrong.text).toContain('the arguments of f are no JSON object')
    expect(wrong.text).not.toContain('finishReason')
    const cut = await seen({ dialect: 'openai', says: stream('length') }, asked)
    expect(cut.isCut).toBe(false)
    expect(cut.text).toContain('MAX_TOKENS')
    expect(cut.text).not.toContain('functionCall')
  })
})

test('what an engine says only as it ends is told', async () => {
  const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{"x":1}' }
  const at = { output_index: 0, item_id: 'fc' }
  const output = { id: 'r', status: 'completed', output: [call] }
  const says = events(
    ...[{ type: 'response.created', response: { id: 'r', model: 'm' } }],
    ...[{ type: 'response.output_item.added', ...at, item: { ...call, arguments: '' } }],
    ...[{ type: 'response.function_call_arguments.done', ...at, arguments: call.arguments }],
    ...[{ type: 'response.completed', response: output }],
  )
  const got = await seen(
    { dialect: 'openai-responses', says },
    { body: { messages, stream: true } },
  )
  expect(got.text).toContain(String.raw`"arguments":"{\"x\":1}"`)
})

describe('a whole answer to who asked for a stream', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 }
  const calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }]
  const message = { role: 'assistant', content: 'hello', tool_calls: calls }
  const says = { id: 'a', model: 'm', choices: [{ message, finish_reason: 'tool_calls' }], usage }
  const asked = { messages, stream: true, stream_options: { include_usage: true } }

  test('is told as one, with its calls and what it used', async () => {
    const { text } = await seen({ dialect: 'openai', says }, { body: asked })
    const chunks = text.split('\n\n').filter((one) => one.startsWith('data: {'))
    const told = chunks.map((one) => JSON.parse(one.slice('data: '.length)))
    const deltas = told.flatMap(({ choices }) => choices.map((one: { delta: object }) => one.delta))
    expect(deltas).toContainEqual(expect.objectContaining({ content: 'hello' }))
    expect(JSON.stringify(deltas)).toContain(String.raw`"{\"x\":1}"`)
    expect(told.at(-1)).toMatchObject({ choices: [], usage })
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    const path = '/v1/messages'
    const other = await seen(
      { dialect: 'openai', says },
      { path, body: { messages, stream: true, max_tokens: 9 } },
    )
    expect(other.text).toContain('event: message_stop')
  })

  test('goes on as it came where a stream of ours would lose something', async () => {
    const images = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }]
    const drawn = { ...says, choices: [{ message: { ...message, images }, finish_reason: 'stop' }] }
    for (const [given, more] of [
      [says, { logprobs: true }],
      [says, { n: 2 }],
      [drawn, {}],
    ] as const) {
      const body = { ...asked, ...more }
      const { text } = await seen({ dialect: 'openai', says: given }, { body })
      expect(JSON.parse(text)).toEqual(given)
    }
  })
})

test('an answer in a coding that nobody asked for is told as such, whole and streamed', async () => {
  const asked: unknown[] = []
  const choices = [{ index: 0, message: { content: 'so' }, finish_reason: 'stop' }]
  for (const type of ['application/json', 'text/event-stream']) {
    const engine = await serve((request, response) => {
      asked.push(request.headers['accept-encoding'])
      response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' })
      response.end(gzipSync(JSON.stringify({ choices })))
    })
    const { gateway } = await world(signed(toEngine(`${engine.url}/v1`, 'openai')))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages, stream: type !== 'application/json' }),
    })
    expect(answer.status).toBe(502)
    expect(await answer.text()).toContain('nobody asked for gzip')
  }
  expect(new Set(asked)).toEqual(new Set(['identity']))
})

test('an error in a coding that nobody asked for is told in words, and so is one without any', async () => {
  const packed = gzipSync('{"error":{"message":"it is too much"}}')
  for (const body of [packed, '']) {
    const engine = await serve((_, response) => {
      const coding = body === '' ? {} : { 'content-encoding': 'gzip' }
      response.writeHead(400, { 'content-type': 'application/json', ...coding }).end(body)
    })
    const { gateway } = await world(signed(toEngine(`${engine.url}/v1`, 'openai')))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'chat', messages }),
    })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { message: '400 ', code: 'caller' } })
  }
})

test('a call whose arguments are nested too deep to be written anew ends in an error event', async () => {
  const deep = `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`
  const use = { type: 'tool_use', id: 't', name: 'f', input: {} }
  const says = events(
    { type: 'message_start', message: { id: 'm', model: 'm', usage: { input_tokens: 5 } } },
    { type: 'content_block_start', index: 0, content_block: use },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'input_json_delta', partial_json: deep },
    },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 5 } },
    { type: 'message_stop' },
  )
  const path = '/v1beta/models/chat:streamGenerateContent?alt=sse'
  const body = { contents: [{ role: 'user', parts: [{ text: 'x' }] }] }
  const { status, text, isCut } = await seen({ dialect: 'anthropic', says }, { path, body })
  expect([status, isCut]).toEqual([200, true])
  expect(text).toContain('broke off and nobody could go on: it is nested too deep')
})
