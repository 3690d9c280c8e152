// What an answer says beside its text: why it was refused, whatever dialect tells it, and where its thoughts are cut.

import { expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import type { ChatEvent, EngineDialect, StreamEvent } from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { writeAnswer } from './translate.ts'

type Reader = (event: StreamEvent) => readonly ChatEvent[] | string

function streamed(read: Reader, ...events: readonly object[]) {
  const all = events.flatMap((event) => {
    const got = read({ event: '', data: JSON.stringify(event) })
    if (typeof got === 'string') throw new Error(got)
    return got
  })
  return answerOfEvents(all)
}

const why = 'it could help to build a bomb'
const details = { type: 'refusal', category: 'bio', explanation: why }
const refusing = { stop_reason: 'refusal', stop_details: details }
const candidate = { content: { parts: [] }, finishReason: 'SAFETY', finishMessage: why }
const blocked = { promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: why } }

test.each<[string, EngineDialect, object, Reader, object]>([
  [
    ...(['Anthropic', 'anthropic', { content: [], ...refusing }, readAnthropicEvent] as const),
    { type: 'message_delta', delta: refusing, usage: {} },
  ],
  ['Gemini', 'gemini', { candidates: [candidate] }, readGeminiEvent, { candidates: [candidate] }],
  ['Gemini of the prompt', 'gemini', blocked, readGeminiEvent, blocked],
])('why %s refuses is told, whole and streamed', (_, dialect, body, read, event) => {
  const refusal = { kind: 'text', text: why, isRefusal: true }
  const whole = readAnswer(dialect, objectOf(body))
  expect(whole).toMatchObject({ parts: [refusal], stop: 'content-filter' })
  expect(streamed(read, event)).toMatchObject({ parts: [refusal], stop: 'content-filter' })
  const about = { request: {}, createdS: 1 }
  expect(writeAnswer('openai', whole, about)).toMatchObject({
    choices: [{ message: { refusal: why, content: null }, finish_reason: 'content_filter' }],
  })
})

test('who ends in another way refuses nothing', () => {
  const ended = { stop_reason: 'end_turn', stop_details: details }
  expect(readAnswer('anthropic', { content: [], ...ended }).parts).toEqual([])
  const named = { ...candidate, finishReason: 'STOP' }
  expect(readAnswer('gemini', { candidates: [named] }).parts).toEqual([])
})

test('parts of a summary stay apart', () => {
  const summary = ['One', 'Two'].map((text) => ({ type: 'summary_text', text }))
  const output = [{ type: 'reasoning', summary, content: [] }]
  const thought = { kind: 'thinking', text: 'One\n\nTwo' }
  const whole = readAnswer('openai-responses', { status: 'completed', output })
  expect(whole.parts).toEqual([thought])
  const pieces = summary.flatMap(({ text: delta }, summary_index) => [
    { type: 'response.reasoning_summary_part.added', summary_index },
    { type: 'response.reasoning_summary_text.delta', summary_index, delta },
  ])
  expect(streamed(readResponsesEvent, ...pieces)?.parts).toEqual([thought])
})

test('a custom tool is called by its name, whole as streamed', () => {
  const custom = { name: 'sql', input: 'SELECT 1' }
  const tool_calls = [{ index: 0, id: 'c', type: 'custom', custom }]
  const call = { kind: 'tool-call', id: 'c', name: 'sql', arguments: 'SELECT 1' }
  const choices = [{ message: { tool_calls }, finish_reason: 'tool_calls' }]
  expect(readAnswer('openai', { choices }).parts).toEqual([call])
  const delta = { choices: [{ index: 0, delta: { tool_calls } }] }
  expect(streamed(readOpenaiEvent, delta)?.parts).toEqual([call])
  const item = { type: 'custom_tool_call', call_id: 'c', ...custom }
  expect(readAnswer('openai-responses', { output: [item] }).parts).toEqual([call])
  const added = { type: 'response.output_item.added', item: { ...item, input: '' } }
  const piece = { type: 'response.custom_tool_call_input.delta', delta: custom.input }
  expect(streamed(readResponsesEvent, added, piece)?.parts).toEqual([call])
})
