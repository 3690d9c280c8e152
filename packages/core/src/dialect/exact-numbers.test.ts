// Numbers that callers, models and tools write themselves have the same value in every dialect, however many digits they
// have: a double holds no 64-bit id.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exactJson, exactJsonOf } from '../resource/index.ts'
import { decimalOf, numberText } from '../resource/number-text.fixture.ts'
import { answerOfEvents } from './answer-events.ts'
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
  type StreamEvent,
} from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readBedrockWhole, readOpenaiWhole } from './read-whole.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

/** Of each member `n`, also where it stands in a text. */
function valuesIn(json: string): string[] {
  const found = [...json.replaceAll('\\', '').matchAll(/"(?:n|maximum)": ?(-?[\d.eE+-]+)/g)]
  return found.map(([, text = '']) => decimalOf(text))
}

const args = (text: string) => `{"n":${text}}`
const schema = (text: string) => `{"type":"object","properties":{"a":{"maximum":${text}}}}`

/** A tool, a call and its result, with a number in each of them where it is an object. */
const requests: Readonly<Record<ChatDialect, (text: string) => string>> = {
  openai: (text) => `{"model":"m","messages":[{"role":"user","content":"x"},
    {"role":"assistant","tool_calls":[{"id":"c","type":"function","function":
      {"name":"f","arguments":${JSON.stringify(args(text))}}}]},
    {"role":"tool","tool_call_id":"c","content":"ok"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":${schema(text)}}}]}`,
  'openai-responses': (text) => `{"model":"m","input":[{"role":"user","content":"x"},
    {"type":"function_call","call_id":"c","name":"f","arguments":${JSON.stringify(args(text))}},
    {"type":"function_call_output","call_id":"c","output":"ok"}],
    "tools":[{"type":"function","name":"f","parameters":${schema(text)}}]}`,
  anthropic: (text) => `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":${args(text)}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}],
    "tools":[{"name":"f","input_schema":${schema(text)}}]}`,
  gemini: (text) => `{"contents":[{"parts":[{"text":"x"}]},
    {"role":"model","parts":[{"functionCall":{"name":"f","args":${args(text)}}}]},
    {"parts":[{"functionResponse":{"name":"f","response":${args(text)}}}]}],
    "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${schema(text)}}]}]}`,
}

const readers: Readonly<
  Record<EngineDialect, (event: StreamEvent) => readonly ChatEvent[] | string>
> = {
  openai: readOpenaiEvent,
  'openai-responses': readResponsesEvent,
  anthropic: readAnthropicEvent,
  gemini: readGeminiEvent,
  bedrock: readBedrockEvent,
}

function eventsOf(dialect: ChatDialect, frames: string): ChatEvent[] {
  return frames.split('\n\n').flatMap((frame) => {
    const [, event = ''] = /^event: (.*)$/m.exec(frame) ?? []
    const [, data = ''] = /^data: (.*)$/m.exec(frame) ?? []
    const read = data === '' ? [] : readers[dialect]({ event, data })
    if (typeof read === 'string') throw new Error(read)
    return [...read]
  })
}

function answerOf(text: string): ChatAnswer {
  const call = { kind: 'tool-call', id: 'c', name: 'f', arguments: args(text) } as const
  return { id: 'a', model: 'm', parts: [call], stop: 'tool-calls', usage: noUsage }
}

function streamed(dialect: ChatDialect, events: readonly ChatEvent[]): string {
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: false, sent: null }
  const writer = newChatWriter(dialect, options, {})
  return events.map(writer.write).join('') + writer.end()
}

const about = { request: {}, createdS: 1 }
const examples: [string][] = [
  ['9007199254740993'],
  ['-1e400'],
  ['1e-400'],
  ['0.1234567890123456789'],
]

describe.each(chatDialects)('from %s', (from) => {
  test.each(engineDialects)('a request to %s has its numbers', (to) => {
    fc.assert(
      fc.property(numberText, (text) => {
        const body = objectOf(exactJsonOf(requests[from](text)))
        const request = parseChat(from, body, { model: 'm', stream: false })
        if (isUnsayable(request)) throw new Error(request.message)
        const written = exactJson(writeChat(to, { ...request, model: 'm' }, from))
        const count = from === 'gemini' ? 3 : 2
        expect(valuesIn(written)).toEqual(Array.from({ length: count }, () => decimalOf(text)))
      }),
      { examples },
    )
  })

  test.each(chatDialects)('an answer to %s has its numbers, whole and streamed', (to) => {
    fc.assert(
      fc.property(numberText, (text) => {
        const said = exactJson(writeAnswer(from, answerOf(text), about))
        const answer = readAnswer(from, objectOf(exactJsonOf(said)))
        expect(valuesIn(exactJson(writeAnswer(to, answer, about)))).toEqual([decimalOf(text)])
        const events: ChatEvent[] = [
          { kind: 'tool-start', index: 0, id: 'c', name: 'f' },
          { kind: 'tool-arguments', index: 0, text: args(text).slice(0, 7) },
          { kind: 'tool-arguments', index: 0, text: args(text).slice(7) },
          { kind: 'stop', choice: 0, stop: 'tool-calls' },
        ]
        const there = eventsOf(from, streamed(from, events))
        const back = answerOfEvents(eventsOf(to, streamed(to, there)))
        expect(valuesIn(exactJson(back?.parts))).toEqual([decimalOf(text)])
      }),
      { examples },
    )
  })
})

test('Bedrock’s answers have their numbers, and blocks of Anthropic’s that come whole', () => {
  const input = args('9007199254740993')
  const use = `{"toolUse":{"toolUseId":"c","name":"f","input":${input}}}`
  const json = `{"output":{"message":{"content":[${use}]}},"stopReason":"tool_use"}`
  const read = readBedrockWhole(json)
  const parsed = read.kind === 'complete' ? read.parsed : null
  const call = { kind: 'tool-call', id: 'c', name: 'f', arguments: input }
  expect(readAnswer('bedrock', objectOf(parsed)).parts).toEqual([call])
  const block = `{"type":"tool_use","id":"c","name":"f","input":${input}}`
  const data = `{"type":"content_block_start","index":0,"content_block":${block}}`
  expect(readAnthropicEvent({ event: '', data })).toContainEqual({
    ...{ kind: 'tool-arguments', index: 0, text: input },
  })
})

test('a call has its numbers where an engine of OpenAI’s dialect gives its arguments as an object', () => {
  const input = args('9007199254740993')
  const call = `{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":${input}}}`
  const choice = (of: string, why: string) =>
    `{"choices":[{"index":0,"${of}":{"tool_calls":[${call}]},"finish_reason":${why}}]}`
  const read = readOpenaiWhole(choice('message', '"tool_calls"'))
  const parsed = read.kind === 'complete' ? read.parsed : null
  const made = { kind: 'tool-call', id: 'c', name: 'f', arguments: input }
  expect(readAnswer('openai', objectOf(parsed)).parts).toEqual([made])
  expect(readOpenaiEvent({ event: '', data: choice('delta', 'null') })).toContainEqual({
    ...{ kind: 'tool-arguments', index: 0, text: input },
  })
})

test('numbers that Google’s clients write as texts, and bounds that become words', () => {
  const body = `{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{
    "responseMimeType":"application/json","responseSchema":{"type":"OBJECT","properties":
    {"a":{"type":"STRING","maxLength":"9223372036854775807"},
     "b":{"type":"INTEGER","maximum":9223372036854775807}}}}}`
  const parsed = parseChat('gemini', objectOf(exactJsonOf(body)), { model: 'm', stream: false })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  expect(exactJson(writeChat('openai', parsed, 'gemini'))).toContain(
    '"maxLength":9223372036854775807',
  )
  const bedrock = exactJson(writeChat('bedrock', parsed, 'gemini'))
  expect(bedrock).toContain('{maximum: 9223372036854775807}')
})

test('Bedrock’s schema of an answer, which is a text, and what a response says back', () => {
  const id = '{"enum":[9007199254740993]}'
  const format = `{"type":"json_schema","name":"a","schema":{"type":"object","properties":{"id":${id}}}}`
  const body = objectOf(exactJsonOf(`{"model":"m","input":"x","text":{"format":${format}}}`))
  const parsed = parseChat('openai-responses', body, { model: 'm', stream: true })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  const written = exactJson(writeChat('bedrock', parsed, 'openai-responses'))
  expect(written.replaceAll('\\', '')).toContain(id)
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: false, sent: null }
  const writer = newChatWriter('openai-responses', options, body)
  expect(writer.write({ kind: 'text', choice: 0, text: 'so' })).toContain(id)
  expect(writer.end()).toContain(id)
})

test('a setting is a double, or is refused where it has to be a whole number', () => {
  const messages = '"model":"m","messages":[{"role":"user","content":"x"}]'
  const parsed = (more: string) => {
    const body = objectOf(exactJsonOf(`{${messages},${more}}`))
    return parseChat('openai', body, { model: 'm', stream: false })
  }
  expect(parsed('"temperature":0.69999999999999995559')).toMatchObject({ temperature: 0.7 })
  expect(parsed('"seed":9007199254740993')).toMatchObject({ field: 'seed' })
  expect(parsed('"temperature":1e400')).toMatchObject({ field: 'temperature' })
  const config = '"generationConfig":{"topK":9007199254740993}'
  const gemini = objectOf(exactJsonOf(`{"contents":[{"parts":[{"text":"x"}]}],${config}}`))
  expect(parseChat('gemini', gemini, { model: 'm', stream: false })).toMatchObject({
    field: 'generationConfig.topK',
  })
})
