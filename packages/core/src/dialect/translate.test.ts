// What is said in one dialect is understood in it again: with one neutral form, every pair follows from that.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import {
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  type ChatRequest,
  chatDialects,
  type EngineDialect,
  type Message,
  type Part,
  type StreamEvent,
} from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { isObject, jsonOf, objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { StreamProgress } from './stream-progress.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'
import { writeError } from './write-error.ts'

/** None of them blank: Anthropic refuses those. */
const word = fc.stringMatching(/^[a-zé😀"\\{}][a-zé😀 "\\{}]{0,11}$/u)
const text = word.map((text): Part => ({ kind: 'text', text }))
const image = fc.constant<Part>({
  ...{ kind: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'iVBORw0KGgo=' } },
})
const pdf = fc.constant<Part>({
  ...{ kind: 'document', name: 'a.pdf' },
  source: { kind: 'data', mediaType: 'application/pdf', data: 'JVBERi0xLjc=' },
})
const args = fc.dictionary(fc.constantFrom('city', 'n'), fc.oneof(word, fc.integer()))

/** A turn of the user, an answer with or without calls, their results, and so on. */
const messages = fc
  .array(
    fc.tuple(
      fc.array(fc.oneof(text, image, pdf), { minLength: 1, maxLength: 3 }),
      fc.array(args, { maxLength: 2 }),
      word,
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((turns) => {
    let calls = 0
    const all: Message[] = []
    for (const [asked, called, said] of turns) {
      all.push({ role: 'user', parts: asked })
      const [parts, results]: [Part[], Part[]] = [[], []]
      for (const one of called) {
        const id = `call_${calls}`
        const name = calls % 2 === 0 ? 'weather' : 'time'
        calls += 1
        parts.push({ kind: 'tool-call', id, name, arguments: JSON.stringify(one) })
        const seen: Part[] = [{ kind: 'text', text: said }]
        results.push({ kind: 'tool-result', id, parts: seen, isError: false })
      }
      all.push({ role: 'assistant', parts: [{ kind: 'text', text: said }, ...parts] })
      if (results.length === 0) continue
      const next: Part[] = [{ kind: 'text', text: 'so' }]
      all.push({ role: 'user', parts: results }, { role: 'assistant', parts: next })
    }
    all.push({ role: 'user', parts: [{ kind: 'text', text: 'and?' }] })
    return all
  })

const schema = {
  ...{ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  additionalProperties: false,
}
const requests: fc.Arbitrary<ChatRequest> = fc.record(
  {
    model: fc.constant('m'),
    system: fc.oneof(fc.constant(''), word),
    messages,
    tools: fc.constant([
      { name: 'weather', description: 'of a city', parameters: schema },
      { name: 'time', parameters: schema },
    ]),
    stream: fc.boolean(),
    streamUsage: fc.constant(true),
    toolChoice: fc.oneof(
      fc.constantFrom(
        { kind: 'auto' } as const,
        { kind: 'none' } as const,
        { kind: 'required' } as const,
      ),
      fc.constant({ kind: 'tool', name: 'time' } as const),
    ),
    maxTokens: fc.integer({ min: 1, max: 9_999 }),
    temperature: fc.constantFrom(0, 0.5, 1),
    topP: fc.constantFrom(0.1, 1),
    effort: fc.constantFrom('low' as const, 'medium' as const, 'high' as const),
    format: fc.constant({ kind: 'json-schema', name: 'answer', schema, strict: true } as const),
  },
  { requiredKeys: ['model', 'system', 'messages', 'tools', 'stream', 'streamUsage', 'maxTokens'] },
)

const readers: Record<ChatDialect, (event: StreamEvent) => readonly ChatEvent[] | string> = {
  openai: readOpenaiEvent,
  'openai-responses': readResponsesEvent,
  anthropic: readAnthropicEvent,
  gemini: readGeminiEvent,
}

/** Folds neighbouring texts, which dialects may cut or join. */
function folded(parts: readonly Part[]): Part[] {
  const all: Part[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (part.kind === 'text' && last?.kind === 'text') {
      all[all.length - 1] = { kind: 'text', text: last.text + part.text }
    } else
      all.push(
        part.kind === 'tool-call'
          ? { ...part, arguments: JSON.stringify(jsonOf(part.arguments)) }
          : part,
      )
  }
  return all
}

/** Gemini has no place for a document's name, which is said before it. */
function named(dialect: ChatDialect, parts: readonly Part[]): readonly Part[] {
  if (dialect !== 'gemini') return parts
  return parts.flatMap((part): Part[] => {
    if (part.kind !== 'document') return [part]
    const { name = '', ...nameless } = part
    return [{ kind: 'text', text: `${name}:` }, nameless]
  })
}

const answers: fc.Arbitrary<ChatAnswer> = fc
  .record({
    said: fc.array(word, { maxLength: 4 }),
    called: fc.array(args, { maxLength: 3 }),
    input: fc.nat(99),
    output: fc.integer({ min: 9, max: 99 }),
    reasoning: fc.nat(9),
  })
  .filter(({ said, called }) => said.length + called.length > 0)
  .map(({ said, called, input, output, reasoning }) => ({
    ...{ id: 'a1', model: 'm' },
    parts: [
      ...said.map((text): Part => ({ kind: 'text', text })),
      ...called.map(
        (one, i): Part => ({
          ...{ kind: 'tool-call', id: `call_${i}`, name: i === 0 ? 'weather' : 'time' },
          arguments: JSON.stringify(one),
        }),
      ),
    ],
    stop: called.length > 0 ? 'tool-calls' : 'stop',
    usage: { input, output, cached: 0, cacheWritten: 0, reasoning },
  }))

/** What a tool may answer that JSON.parse does not keep, or that looks like Gemini's wrapping. */
const results = [
  ...['{} ', '{}', '{"n":12345678901234567890}', '{"n":1,"n":2}', '{"2":0,"1":0}', '[1]'],
  ...['{"result":"x"}', '{"output":"x"}', '{"error":"x"}', '{"result":{"a":1}}', 'null'],
]

function withResult(text: string): ChatRequest {
  const call = { kind: 'tool-call', id: 'call_0', name: 'time', arguments: '{}' } as const
  const parts = [{ kind: 'text', text } as const]
  return {
    ...{ model: 'm', system: '', stream: false, streamUsage: true, maxTokens: 9 },
    tools: [{ name: 'time', parameters: schema }],
    messages: [
      { role: 'user', parts: [{ kind: 'text', text: 'when?' }] },
      { role: 'assistant', parts: [{ kind: 'text', text: 'let me see' }, call] },
      { role: 'user', parts: [{ kind: 'tool-result', id: 'call_0', parts, isError: false }] },
    ],
  }
}

for (const dialect of chatDialects) {
  describe(dialect, () => {
    test('a request is what it was', () => {
      fc.assert(
        fc.property(requests, (request) => {
          const written = writeChat(dialect, request, 'openai')
          if (isUnsayable(written)) throw new Error(`${written.field}: ${written.message}`)
          const body = objectOf(jsonOf(JSON.stringify(written)))
          const parsed = parseChat(dialect, body, { model: 'm', stream: request.stream })
          if (isUnsayable(parsed)) throw new Error(`${parsed.field}: ${parsed.message}`)
          const { streamUsage: _, ...got } = parsed
          const { streamUsage: __, messages, ...wanted } = request
          const said = messages.map(({ role, parts }) => ({ role, parts: named(dialect, parts) }))
          expect(got).toEqual({ ...wanted, messages: said })
        }),
        { examples: results.map((text): [ChatRequest] => [withResult(text)]) },
      )
    })

    test('a whole answer is what it was', () => {
      fc.assert(
        fc.property(answers, (answer) => {
          const written = writeAnswer(dialect, answer, { request: {}, createdS: 1 })
          const read = readAnswer(dialect, objectOf(jsonOf(JSON.stringify(written))))
          expect({ ...read, parts: folded(read.parts) }).toEqual({
            ...{ ...answer, parts: folded(answer.parts) },
          })
        }),
      )
    })

    test('a streamed answer is what it was, and complete', () => {
      fc.assert(
        fc.property(answers, (answer) => {
          const frames = writeStream(dialect, answer)
          const progress = new StreamProgress()
          const got: Part[] = []
          const calls = new Map<number, number>()
          for (const event of frames.flatMap((frame) => readFrame(dialect, frame))) {
            progress.take(event)
            if (event.kind === 'text' && event.text !== '')
              got.push({ kind: 'text', text: event.text })
            if (event.kind === 'tool-start') {
              calls.set(event.index, got.length)
              got.push({ kind: 'tool-call', id: event.id, name: event.name, arguments: '' })
            }
            const place = event.kind === 'tool-arguments' ? calls.get(event.index) : undefined
            const call = place === undefined ? undefined : got[place]
            if (
              event.kind === 'tool-arguments' &&
              place !== undefined &&
              call?.kind === 'tool-call'
            ) {
              got[place] = { ...call, arguments: call.arguments + event.text }
            }
          }
          expect(folded(got)).toEqual(folded(answer.parts))
          expect(progress.isComplete).toBe(true)
          expect(progress.usage).toEqual(answer.usage)
        }),
      )
    })

    test('calls that come in turns are what they were, each with an id of its own', () => {
      const read = (...said: readonly [number, string][]) => {
        const named = ['f', 'g', 'f'].map((name, index): ChatEvent => {
          return { kind: 'tool-start', index, id: '', name }
        })
        const pieces = said.map(([index, text]): ChatEvent => {
          return { kind: 'tool-arguments', index, text }
        })
        const stop = { kind: 'stop', choice: 0, stop: 'tool-calls' } as const
        const frames = streamOf(dialect, [...named, ...pieces, stop])
        const answer = answerOfEvents(frames.flatMap((frame) => readFrame(dialect, frame)))
        return (answer?.parts ?? []).flatMap((part) => (part.kind === 'tool-call' ? [part] : []))
      }
      const calls = read([1, '{"y"'], [0, '{"x":'], [2, '{}'], [0, '1}'], [1, ':2}'], [0, ' '])
      const argumentsRead = calls.map((call) => JSON.stringify(jsonOf(call.arguments)))
      expect(argumentsRead).toEqual(['{"x":1}', '{"y":2}', '{}'])
      expect(calls.map(({ name }) => name)).toEqual(['f', 'g', 'f'])
      expect(calls.map(({ id }) => id)).toEqual(['call_a1_0', 'call_a1_1', 'call_a1_2'])
    })

    test('a stream that lacks its end is not complete', () => {
      fc.assert(
        fc.property(answers, fc.nat(), (answer, at) => {
          const events = writeEvents(answer)
          const stop = events.findIndex(({ kind }) => kind === 'stop')
          const options = { id: 'a1', model: 'm', createdS: 1, streamUsage: true, sent: null }
          const writer = newChatWriter(dialect, options, {})
          const sent = events.slice(0, at % (stop + 1)).map((event) => writer.write(event))
          const progress = new StreamProgress()
          for (const frame of framesOf(sent.join(''))) {
            for (const event of readFrame(dialect, frame)) progress.take(event)
          }
          expect(progress.isComplete).toBe(false)
        }),
      )
    })
  })
}

function writeEvents({ parts, stop, usage }: ChatAnswer): ChatEvent[] {
  return [
    { kind: 'start', id: 'a1', model: 'm' },
    ...parts.flatMap((part, index): ChatEvent[] => {
      if (part.kind === 'text') return [{ kind: 'text', choice: 0, text: part.text }]
      if (part.kind !== 'tool-call') return []
      const half = Math.floor(part.arguments.length / 2)
      return [
        { kind: 'tool-start', index, id: part.id, name: part.name },
        { kind: 'tool-arguments', index, text: part.arguments.slice(0, half) },
        { kind: 'tool-arguments', index, text: part.arguments.slice(half) },
      ]
    }),
    { kind: 'stop', choice: 0, stop },
    { kind: 'usage', usage },
  ]
}

function writeStream(dialect: ChatDialect, answer: ChatAnswer): string[] {
  return streamOf(dialect, writeEvents(answer))
}

function streamOf(dialect: ChatDialect, events: readonly ChatEvent[]): string[] {
  const options = { id: 'a1', model: 'm', createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter(dialect, options, {})
  const text = events.map((event) => writer.write(event)).join('') + writer.end()
  return framesOf(text)
}

function framesOf(text: string): string[] {
  return text.split('\n\n').filter((frame) => frame !== '')
}

function readFrame(dialect: ChatDialect, frame: string): readonly ChatEvent[] {
  const data = frame.split('\n').find((line) => line.startsWith('data: ')) ?? ''
  const read = readers[dialect]({ event: '', data: data.slice(6) })
  if (typeof read === 'string') throw new Error(read)
  return read
}

test('what an answer is for is said in its schema, where a dialect has no other place', () => {
  const json_schema = { name: 'a', description: 'of a city', schema: { description: 'its name' } }
  const response_format = { type: 'json_schema', json_schema }
  const messages = [{ role: 'user', content: 'hi' }]
  const text = { format: { type: 'json_schema', ...json_schema } }
  for (const [from, body] of [
    ['openai', { model: 'm', messages, response_format }],
    ['openai-responses', { model: 'm', input: 'hi', text }],
  ] as const) {
    const parsed = parseChat(from, body, { model: 'm', stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    expect(JSON.stringify(writeChat('anthropic', parsed, from))).toContain('of a city\\nits name')
  }
})

describe('what cannot be said is refused by its field', () => {
  const base = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
  const named = { model: 'm', stream: false }
  const fieldOf = (from: ChatDialect, to: EngineDialect, body: Record<string, unknown>) => {
    const parsed = parseChat(from, body, named)
    if (isUnsayable(parsed)) return parsed.field
    const written = writeChat(to, parsed, from)
    return isUnsayable(written) ? written.field : null
  }

  test('whatever is not known here', () => {
    expect(fieldOf('openai', 'anthropic', { ...base, logit_bias: { 1: 2 } })).toBe('logit_bias')
    expect(fieldOf('openai', 'anthropic', { ...base, n: 2 })).toBe('n')
    const video = { role: 'user', content: [{ type: 'video_url', video_url: {} }] }
    expect(fieldOf('openai', 'gemini', { ...base, messages: [video] })).toBe(
      'messages[0].content[0].type',
    )
    expect(fieldOf('anthropic', 'openai', { ...base, max_tokens: 9, mcp_servers: [] })).toBe(
      'mcp_servers',
    )
    const search = [{ type: 'web_search_preview' }]
    expect(
      fieldOf('openai-responses', 'openai', { model: 'm', input: 'x', tools: search }),
    ).toMatch(/^tools\[0\]/)
    const safety = { contents: [{ parts: [{ text: 'x' }] }], safetySettings: [{}] }
    expect(fieldOf('gemini', 'openai', safety)).toBe('safetySettings[0]')
    expect(fieldOf('gemini', 'openai', { ...safety, safetySettings: [] })).toBe(null)
    expect(
      fieldOf('openai-responses', 'openai', { model: 'm', input: 'x', previous_response_id: 'r' }),
    ).toBe('previous_response_id')
  })

  test('whatever the target has no words for, as the caller names it', () => {
    expect(fieldOf('openai', 'anthropic', { ...base, seed: 1 })).toBe('seed')
    expect(fieldOf('openai', 'anthropic', { ...base, presence_penalty: 1 })).toBe(
      'presence_penalty',
    )
    expect(fieldOf('openai', 'anthropic', { ...base, temperature: 1.5 })).toBe('temperature')
    const json = { response_format: { type: 'json_object' } }
    expect(fieldOf('openai', 'anthropic', { ...base, ...json })).toBe('response_format')
    expect(fieldOf('anthropic', 'openai', { ...base, max_tokens: 9, top_k: 5 })).toBe('top_k')
    expect(fieldOf('openai', 'openai-responses', { ...base, stop: 'x' })).toBe('stop')
    const config = { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { topK: 3 } }
    expect(fieldOf('gemini', 'openai', config)).toBe('generationConfig.topK')
    const url = { type: 'image_url', image_url: { url: 'https://x.example/a.png' } }
    const seen = { ...base, messages: [{ role: 'user', content: [url] }] }
    expect(fieldOf('openai', 'bedrock', seen)).toBe('messages')
    expect(fieldOf('openai', 'anthropic', seen)).toBe(null)
  })

  const call = (args: string) => ({
    ...{ role: 'assistant', content: null },
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }],
  })
  const called = (args: string) => {
    const result = { role: 'tool', tool_call_id: 'c', content: 'done' }
    return { ...base, messages: [...base.messages, call(args), result], tools: [tool] }
  }
  const tool = { type: 'function', function: { name: 'f' } }

  test.each(['{"city":"Par', '[1]', '"x"', '1'])('arguments that are no object: %s', (args) => {
    for (const to of ['anthropic', 'gemini', 'bedrock'] as const) {
      expect(fieldOf('openai', to, called(args))).toBe('messages')
      expect(fieldOf('openai', to, called(''))).toBe(null)
    }
    expect(fieldOf('openai', 'openai-responses', called(args))).toBe(null)
  })

  test.each([
    ['a call', 'user', { functionCall: { name: 'f' } }],
    ['a thought', 'user', { text: 'x', thought: true }],
    ['an image', 'model', { inlineData: { mimeType: 'image/png', data: 'x' } }],
  ])('%s of the %s', (_, role, part) => {
    for (const to of ['openai', 'openai-responses', 'anthropic', 'bedrock'] as const) {
      expect(fieldOf('gemini', to, { contents: [{ role, parts: [part] }] })).toBe('contents')
    }
  })

  test('data of another type than an image', () => {
    const inlineData = { mimeType: 'video/mp4', data: 'x' }
    const film = { contents: [{ parts: [{ inlineData }] }] }
    expect(fieldOf('gemini', 'openai', film)).toMatch(/^contents\[0\]\.parts\[0\]/)
    const url = { type: 'image_url', image_url: { url: 'data:application/pdf;base64,eA==' } }
    const file = { ...base, messages: [{ role: 'user', content: [url] }] }
    expect(fieldOf('openai', 'anthropic', file)).toBe('messages')
  })

  test('what Gemini would refuse, or what says nothing there', () => {
    const contents = [{ parts: [{ text: 'x' }] }]
    const config = (generationConfig: object) => ({ contents, generationConfig })
    const schema = { responseSchema: { type: 'OBJECT' } }
    const json = { ...schema, responseMimeType: 'application/json' }
    expect(fieldOf('gemini', 'openai', config(schema))).toBe('generationConfig.responseMimeType')
    expect(fieldOf('gemini', 'openai', config(json))).toBe(null)
    const both = { ...json, responseJsonSchema: {} }
    expect(fieldOf('gemini', 'openai', config(both))).toBe('generationConfig.responseSchema')
    const calling = (mode: string) => ({
      ...{ contents, tools: [{ functionDeclarations: [{ name: 'f' }, { name: 'g' }] }] },
      toolConfig: { functionCallingConfig: { mode, allowedFunctionNames: ['f'] } },
    })
    expect(fieldOf('gemini', 'openai', calling('VALIDATED'))).toMatch(/allowedFunctionNames$/)
    expect(fieldOf('gemini', 'openai', calling('ANY'))).toBe(null)
  })

  test('a budget of thoughts that Anthropic has no number for; none is none', () => {
    const thinking = (thinkingBudget: number) => ({
      contents: [{ parts: [{ text: 'x' }] }],
      generationConfig: { thinkingConfig: { thinkingBudget } },
    })
    expect(fieldOf('gemini', 'anthropic', thinking(-1))).toMatch(/thinkingBudget$/)
    const parsed = parseChat('gemini', thinking(0), named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    expect(writeChat('anthropic', parsed, 'gemini')).toMatchObject({
      thinking: { type: 'disabled' },
    })
  })

  test('hints that change no answer are taken in', () => {
    expect(fieldOf('openai', 'gemini', { ...base, store: false, service_tier: 'auto' })).toBe(null)
    const cached = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }
    const top = { cache_control: { type: 'ephemeral' }, speed: 'standard' }
    const body = { ...base, ...top, max_tokens: 9, system: [cached] }
    expect(fieldOf('anthropic', 'openai', body)).toBe(null)
    expect(isObject(body)).toBe(true)
  })
})

const asWhole = { model: 'm', stream: false }

test('what clients add to what was answered is taken in, as it only says it again', () => {
  const called = { name: 'f', arguments: '{}', parsed_arguments: null }
  const call = { id: 'c', type: 'function', function: called }
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: '{}', parsed: { a: 1 }, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c', content: 'y', name: 'f' },
  ]
  const said = parseChat('openai', { model: 'm', messages }, asWhole)
  const output = { type: 'output_text', text: '{}', annotations: [], parsed: { a: 1 } }
  const input = [
    { role: 'user', content: 'x' },
    { type: 'message', role: 'assistant', content: [output] },
    { type: 'function_call', call_id: 'c', ...called },
    { type: 'function_call_output', call_id: 'c', output: 'y' },
  ]
  const other = parseChat('openai-responses', { model: 'm', input }, asWhole)
  if (isUnsayable(said) || isUnsayable(other)) throw new Error(JSON.stringify([said, other]))
  expect(other.messages).toEqual(said.messages)
  const reference = { type: 'item_reference', id: 'msg_1' }
  expect(parseChat('openai-responses', { model: 'm', input: [reference] }, asWhole)).toMatchObject({
    ...{ field: 'input[0].type', message: expect.stringContaining('store: false') },
  })
})

test('a thread is refused in words that Anthropic’s clients go on from', () => {
  const error = { status: 400, code: 'unsupported', message: 'thread: no', param: 'thread' }
  expect(writeError('anthropic', error)).toMatchObject({
    error: { details: { error_code: 'thread_unsupported_request', unsupported: ['thread'] } },
  })
})
