// What a model signed comes back to it as it was, through callers of every dialect that has a place for it, whole and
// streamed; no other model gets it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import { readBedrockEvent } from './bedrock-stream.ts'
import {
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  chatDialects,
  type EngineDialect,
  engineDialects,
  noUsage,
  type Part,
  type StreamEvent,
} from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { type JsonObject, jsonOf, listOf, objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readResponsesEvent } from './responses-stream.ts'
import {
  carriedMark,
  carriedSignature,
  foreignSignature,
  givenSignature,
  signedBy,
} from './signature.ts'
import { StreamProgress } from './stream-progress.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const signature = 'Sig+/na_tu-re=='
const args = { city: 'Oslo' }

/** What each engine answers whole: a thought that it signs, and a call. */
const answers: Readonly<Record<EngineDialect, JsonObject>> = {
  openai: {
    choices: [
      {
        finish_reason: 'tool_calls',
        message: {
          tool_calls: [
            {
              ...{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } },
              extra_content: { google: { thought_signature: signature } },
            },
          ],
        },
      },
    ],
  },
  'openai-responses': {
    status: 'completed',
    output: [
      {
        ...{ type: 'reasoning', id: 'rs', encrypted_content: signature },
        summary: [{ type: 'summary_text', text: 'hm' }],
      },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
    ],
  },
  anthropic: {
    stop_reason: 'tool_use',
    content: [
      { type: 'thinking', thinking: 'hm', signature },
      { type: 'redacted_thinking', data: 'nobody+reads' },
      { type: 'tool_use', id: 'c', name: 'f', input: args },
    ],
  },
  gemini: {
    candidates: [
      {
        content: {
          parts: [
            { text: 'hm', thought: true },
            { functionCall: { id: 'c', name: 'f', args }, thoughtSignature: signature },
          ],
        },
        finishReason: 'STOP',
      },
    ],
  },
  bedrock: {
    output: {
      message: {
        content: [
          { reasoningContent: { reasoningText: { text: 'hm', signature } } },
          { reasoningContent: { redactedContent: 'nobody+reads' } },
          { toolUse: { toolUseId: 'c', name: 'f', input: args } },
        ],
      },
    },
    stopReason: 'tool_use',
  },
}

/** What of a next request shows that it came back. */
const signs: Readonly<Record<EngineDialect, readonly object[]>> = {
  openai: [{ google: { thought_signature: signature } }],
  'openai-responses': [
    {
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: 'hm' }],
      encrypted_content: signature,
    },
  ],
  anthropic: [
    { type: 'thinking', thinking: 'hm', signature },
    { type: 'redacted_thinking', data: 'nobody+reads' },
  ],
  gemini: [{ thoughtSignature: signature }],
  bedrock: [
    { reasoningContent: { reasoningText: { text: 'hm', signature } } },
    { reasoningContent: { redactedContent: 'nobody+reads' } },
  ],
}

const about = { request: {}, createdS: 1 }
const named = { model: 'gemini-3', stream: false }
const model = 'gemini-3'
const tool = { name: 'f', description: 'd' }

/** The next request of a caller, who says back the answer that he got. */
const nextBodies: Readonly<Record<ChatDialect, (answer: JsonObject) => JsonObject>> = {
  openai: (answer) => {
    const { message } = objectOf(listOf(answer['choices'])[0])
    const { refusal: _, ...said } = objectOf(message)
    const tools = [{ type: 'function', function: tool }]
    return { model, tools, messages: [said, { role: 'tool', tool_call_id: 'c', content: 'x' }] }
  },
  'openai-responses': ({ output }) => {
    const result = { type: 'function_call_output', call_id: 'c', output: 'x' }
    return { model, tools: [{ type: 'function', ...tool }], input: [...listOf(output), result] }
  },
  anthropic: ({ content }) => {
    const result = { type: 'tool_result', tool_use_id: 'c', content: 'x' }
    return {
      ...{ model, max_tokens: 9, tools: [{ ...tool, input_schema: {} }] },
      messages: [
        { role: 'assistant', content },
        { role: 'user', content: [result] },
      ],
    }
  },
  gemini: ({ candidates }) => {
    const { content } = objectOf(listOf(candidates)[0])
    const result = { functionResponse: { name: 'f', response: { result: 'x' } } }
    const contents = [content, { role: 'user', parts: [result] }]
    return { contents, tools: [{ functionDeclarations: [tool] }] }
  },
}

/** The same answer, as somebody gets it who reads the stream of it. */
function streamed(dialect: ChatDialect, answer: ChatAnswer): JsonObject {
  const options = { id: 'a', model, createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter(dialect, options, {})
  const text = eventsOfAnswer(answer).map((event) => writer.write(event))
  const frames = [...`${text.join('')}${writer.end()}`.matchAll(/^data: (\{.*)$/gm)]
  const datas = frames.map(([, json = '']) => objectOf(jsonOf(json)))
  if (dialect === 'openai-responses') return objectOf(datas.at(-1)?.['response'])
  if (dialect === 'gemini') {
    const parts = datas.flatMap(({ candidates }) =>
      listOf(objectOf(objectOf(listOf(candidates)[0])['content'])['parts']),
    )
    return { candidates: [{ content: { role: 'model', parts } }] }
  }
  if (dialect === 'anthropic') return { content: blocksOf(datas) }
  const deltas = datas.map(({ choices }) => objectOf(objectOf(listOf(choices)[0])['delta']))
  const [call] = deltas.flatMap(({ tool_calls }) => listOf(tool_calls)).map(objectOf)
  const { index: _, ...rest } = objectOf(call)
  const whole = { ...rest, function: { name: 'f', arguments: '{}' } }
  return { choices: [{ message: { role: 'assistant', content: null, tool_calls: [whole] } }] }
}

function blocksOf(datas: readonly JsonObject[]): JsonObject[] {
  const blocks: Record<string, unknown>[] = []
  for (const { type, index, content_block, delta } of datas) {
    if (type === 'content_block_start') blocks[Number(index)] = { ...objectOf(content_block) }
    if (type !== 'content_block_delta') continue
    const block = blocks[Number(index)] ?? {}
    for (const [name, text] of Object.entries(objectOf(delta))) {
      const member = name === 'partial_json' ? 'json' : name
      if (name !== 'type') block[member] = `${block[member] ?? ''}${text}`
    }
  }
  return blocks.map(({ json, ...block }) =>
    json === undefined ? block : { ...block, input: jsonOf(String(json)) },
  )
}

/** Without its braces: more members may stand beside. */
function inside(sign: object): string {
  return JSON.stringify(sign).slice(1, -1)
}

/** Who reads it: the same models stand behind several dialects. */
const signers: Readonly<Record<EngineDialect, string>> = {
  ...{ openai: 'Google', gemini: 'Google', 'openai-responses': 'OpenAI' },
  ...{ anthropic: 'Anthropic', bedrock: 'Anthropic' },
}

// A caller of chat completions has no place for what these sign.
const lost: readonly EngineDialect[] = ['openai-responses', 'anthropic', 'bedrock']

describe.each(engineDialects)('what %s signed', (engine) => {
  const answer = readAnswer(engine, answers[engine])

  test.each(chatDialects)('comes back through a caller of %s', (caller) => {
    const whole = objectOf(jsonOf(JSON.stringify(writeAnswer(caller, answer, about))))
    for (const got of [whole, streamed(caller, answer)]) {
      const parsed = parseChat(caller, nextBodies[caller](got), named)
      if (isUnsayable(parsed)) throw new Error(`${parsed.field}: ${parsed.message}`)
      const next = JSON.stringify(writeChat(engine, parsed, caller))
      const isLost = caller === 'openai' && lost.includes(engine)
      for (const sign of signs[engine]) {
        if (isLost) expect(next).not.toContain(inside(sign))
        else expect(next).toContain(inside(sign))
      }
      for (const other of engineDialects) {
        if (signers[other] === signers[engine]) continue
        expect(JSON.stringify(writeChat(other, parsed, caller))).not.toContain(signature)
      }
    }
  })
})

test('a caller’s model that is not Google’s is told of no signature among OpenAI’s', () => {
  const body = nextBodies.openai(
    objectOf(writeAnswer('openai', readAnswer('gemini', answers.gemini), about)),
  )
  const parsed = parseChat('openai', { ...body, model: 'gpt' }, named)
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  expect(JSON.stringify(writeChat('openai', parsed, 'openai'))).not.toContain(signature)
})

test('another’s signature is Base64, of whichever alphabet it comes back in', () => {
  for (const text of ['', 'a', 'ab', 'abc', signature]) {
    const carried = carriedSignature('gemini', signedBy('anthropic', text))
    expect(carried).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
    expect(carried.length % 4).toBe(0)
    const other = carried.replaceAll('+', '-').replaceAll('/', '_')
    for (const given of [carried, other]) {
      expect(givenSignature('gemini', given)).toBe(`anthropic:${text}`)
    }
  }
  expect(carriedSignature('gemini', 'openai:x').startsWith(carriedMark)).toBe(true)
  expect(carriedSignature('gemini', 'gemini:own')).toBe('own')
  expect(givenSignature('gemini', 'own')).toBe('gemini:own')
})

test('a packed signature is the Base64 of its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1')
      const wanted = Buffer.from(`tutti:anthropic:${text}`, 'latin1').toString('base64')
      const carried = carriedSignature('gemini', signedBy('anthropic', text))
      expect(carried).toBe(wanted)
      expect(givenSignature('gemini', carried)).toBe(`anthropic:${text}`)
    }),
  )
})

const said = (event: string, data: object): StreamEvent => ({ event, data: JSON.stringify(data) })
const chunk = (...parts: object[]) => said('', { candidates: [{ content: { parts } }] })
type Reader = (event: StreamEvent) => readonly ChatEvent[] | string

test.each<[string, Reader, readonly StreamEvent[], readonly Part[]]>([
  [
    'Anthropic',
    readAnthropicEvent,
    [
      said('', { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'hm' } }),
      said('', { type: 'content_block_delta', delta: { type: 'signature_delta', signature: 's' } }),
      said('', {
        ...{ type: 'content_block_start', index: 1 },
        content_block: { type: 'redacted_thinking', data: 'd' },
      }),
    ],
    [
      { kind: 'thinking', text: 'hm', signature: 'anthropic:s' },
      { kind: 'thinking', text: '', signature: 'redacted:d' },
    ],
  ],
  [
    'Bedrock',
    readBedrockEvent,
    [
      said('contentBlockDelta', { delta: { reasoningContent: { text: 'hm' } } }),
      said('contentBlockDelta', { delta: { reasoningContent: { signature: 's' } } }),
      said('contentBlockDelta', { delta: { reasoningContent: { redactedContent: 'd' } } }),
    ],
    [
      { kind: 'thinking', text: 'hm', signature: 'anthropic:s' },
      { kind: 'thinking', text: '', signature: 'redacted:d' },
    ],
  ],
  [
    'Gemini',
    readGeminiEvent,
    [chunk({ text: 'so' }), chunk({ text: '', thoughtSignature: 's' })],
    [
      { kind: 'text', text: 'so' },
      { kind: 'thinking', text: '', signature: 'gemini:s' },
    ],
  ],
  [
    'OpenAI',
    readOpenaiEvent,
    [
      said('', {
        choices: [
          {
            delta: {
              tool_calls: [
                {
                  ...{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } },
                  extra_content: { google: { thought_signature: 's' } },
                },
              ],
            },
          },
        ],
      }),
    ],
    [
      { kind: 'thinking', text: '', signature: 'gemini:s' },
      { kind: 'tool-call', id: 'c', name: 'f', arguments: '{}' },
    ],
  ],
  [
    'OpenAI Responses',
    readResponsesEvent,
    [
      said('', { type: 'response.reasoning_summary_text.delta', delta: 'hm' }),
      said('', {
        ...{ type: 'response.output_item.done' },
        item: { type: 'reasoning', encrypted_content: 's' },
      }),
    ],
    [{ kind: 'thinking', text: 'hm', signature: 'openai:s' }],
  ],
])('a stream of %s says what is signed', (_, read, events, parts) => {
  const all = events.flatMap((event) => {
    const got = read(event)
    return typeof got === 'string' ? [] : got
  })
  expect(answerOfEvents(all)?.parts).toEqual(parts)
})

test('an empty signature is none, whole and streamed', () => {
  const began = (content_block: object) => said('', { type: 'content_block_start', content_block })
  const goesOn = (delta: object) => said('', { type: 'content_block_delta', delta })
  const reasons = (reasoningContent: object) =>
    said('contentBlockDelta', { delta: { reasoningContent } })
  const redacted = { type: 'redacted_thinking', data: '' }
  expect(readAnthropicEvent(began(redacted))).toEqual([])
  expect(readAnthropicEvent(goesOn({ type: 'signature_delta', signature: '' }))).toEqual([])
  expect(readBedrockEvent(reasons({ signature: '' }))).toEqual([])
  expect(readBedrockEvent(reasons({ redactedContent: '' }))).toEqual([])
  const told = readGeminiEvent(chunk({ text: 'so', thoughtSignature: '' }))
  expect(told).not.toContainEqual(expect.objectContaining({ kind: 'signature' }))
  expect(readAnswer('anthropic', { content: [redacted] }).parts).toEqual([])
  const content = [{ reasoningContent: { redactedContent: '' } }]
  expect(readAnswer('bedrock', { output: { message: { content } } }).parts).toEqual([])
  const contents = [{ role: 'model', parts: [{ text: 'so', thoughtSignature: '' }] }]
  const given = parseChat('gemini', { contents }, named)
  expect(isUnsayable(given) ? given : given.messages[0]?.parts).toEqual([
    { kind: 'text', text: 'so' },
  ])
})

const thought = (text: string, signed: string): Part => ({
  ...{ kind: 'thinking', text, signature: signed },
})
const words: Part = { kind: 'text', text: 'so' }
const call = (id: string): Part => ({ kind: 'tool-call', id, name: 'f', arguments: '{}' })
const answered = (parts: readonly Part[]): ChatAnswer => ({
  ...{ id: 'a', model, parts, stop: 'stop', usage: noUsage },
})

/** The parts of an answer, as they are read again from what was written of it. */
function again(dialect: ChatDialect, read: Reader, parts: readonly Part[]) {
  const options = { id: 'a', model, createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter(dialect, options, {})
  const text = eventsOfAnswer(answered(parts)).map((event) => writer.write(event))
  const datas = [...`${text.join('')}${writer.end()}`.matchAll(/^data: (\{.*)$/gm)]
  const events = datas.flatMap(([, data = '']) => {
    const got = read({ event: '', data })
    return typeof got === 'string' ? [] : got
  })
  const whole = objectOf(jsonOf(JSON.stringify(writeAnswer(dialect, answered(parts), about))))
  return [answerOfEvents(events)?.parts, readAnswer(dialect, whole).parts]
}

test.each<[string, ChatDialect, Reader, readonly Part[]]>([
  [
    'thoughts that follow each other, one that nobody may read',
    ...(['anthropic', readAnthropicEvent] as const),
    [
      ...[thought('a', 'anthropic:1'), thought('b', 'anthropic:2'), thought('', 'redacted:3')],
      ...[words, { kind: 'thinking', text: 'u' } as const, thought('', 'redacted:4'), call('c')],
    ],
  ],
  [
    'a text, a call and not the next one',
    ...(['gemini', readGeminiEvent] as const),
    [thought('', 'gemini:1'), words, thought('', 'gemini:2'), call('c'), call('d')],
  ],
  ['the end', 'gemini', readGeminiEvent, [words, thought('', 'gemini:1')]],
  [
    'thoughts without a summary',
    ...(['openai-responses', readResponsesEvent] as const),
    [thought('', 'openai:1'), thought('a', 'openai:2'), words],
  ],
  [
    'a call and not the next one, among chat completions',
    ...(['openai', readOpenaiEvent] as const),
    [thought('', 'gemini:1'), call('c'), call('d')],
  ],
])('signed is: %s', (_, dialect, read, parts) => {
  for (const got of again(dialect, read, parts)) expect(got).toEqual(parts)
})

test('a call does not get the signature of the text before it', () => {
  const parts = [thought('', 'gemini:1'), words, call('c')]
  for (const got of again('openai', readOpenaiEvent, parts)) expect(got).toEqual([words, call('c')])
})

test('what only signs the next part is no thought of Gemini’s', () => {
  const written = writeAnswer('gemini', answered([thought('', 'gemini:1'), words]), about)
  expect(JSON.stringify(written)).not.toContain('"thought":true')
})

test('each signed thought is a block of Anthropic’s', () => {
  const options = { id: 'a', model, createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter('anthropic', options, {})
  const events = eventsOfAnswer(answered([thought('a', 'anthropic:1'), thought('b', 'gemini:2')]))
  const frames = events.map((event) => writer.write(event)).join('') + writer.end()
  expect(frames.match(/"content_block":\{"type":"thinking"/g)).toHaveLength(2)
})

test('thoughts that are only signed have no summary', () => {
  const writer = newChatWriter(
    'openai-responses',
    { id: 'a', model, createdS: 1, streamUsage: true, sent: null },
    {},
  )
  const frames = writer.write({ kind: 'signature', text: 'openai:1' })
  expect(frames).toContain('"encrypted_content":"1"')
  expect(frames).not.toContain('summary_part')
})

test('a thought of Gemini’s callers that came in pieces is one, one that nobody may read is another', () => {
  const hidden = carriedSignature('gemini', 'redacted:d')
  const parts = [
    ...[
      { text: 'a', thought: true },
      { text: 'b', thought: true },
    ],
    { text: '', thought: true, thoughtSignature: carriedSignature('gemini', 'anthropic:s') },
    ...[
      { text: 'c', thought: true },
      { text: '', thought: true, thoughtSignature: hidden },
    ],
    { functionCall: { name: 'f' }, thoughtSignature: foreignSignature },
  ]
  const parsed = parseChat('gemini', { contents: [{ role: 'model', parts }] }, named)
  expect(isUnsayable(parsed) ? parsed : parsed.messages[0]?.parts).toEqual([
    thought('ab', 'anthropic:s'),
    { kind: 'thinking', text: 'c' },
    thought('', 'redacted:d'),
    { kind: 'tool-call', id: 'call_0', name: 'f', arguments: '{}' },
  ])
})

test('an answer whose caller holds something signed is not continued by somebody else', () => {
  const progress = new StreamProgress()
  progress.take({ kind: 'signature', text: 'openai:1' })
  expect(progress.isPlainText).toBe(false)
})

test('thoughts that are told in full are read as those that are summed up', () => {
  const content = [{ type: 'reasoning_text', text: 'hm' }]
  const output = [{ type: 'reasoning', summary: [], content }]
  expect(readAnswer('openai-responses', { output }).parts).toEqual([
    { kind: 'thinking', text: 'hm' },
  ])
})
