// What an answer holds besides texts and calls of functions is content all the same: it begins a stream, and guards see it.

import { expect, test } from 'vitest'
import { anthropicUsage, readAnthropicEvent } from './anthropic-stream.ts'
import type { ChatEvent } from './chat.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { StreamProgress } from './stream-progress.ts'

const chunk = (call: object) => ({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })
const openai = [
  chunk({ index: 0, id: 'c', type: 'custom', custom: { name: 'sql', input: '' } }),
  chunk({ index: 0, custom: { input: 'SELECT' } }),
]
const responses = [
  {
    type: 'response.output_item.added',
    ...{ output_index: 1, item: { type: 'custom_tool_call', id: 'c', name: 'sql' } },
  },
  { type: 'response.custom_tool_call_input.delta' },
]

test.each<[string, readonly object[], typeof readOpenaiEvent]>([
  ['a custom tool of a chat', openai, readOpenaiEvent],
  ['a custom tool of a response', responses, readResponsesEvent],
])('the call of %s', (_, [begin, piece], read) => {
  const said = { output_index: 1, delta: 'SELECT', ...piece }
  const events = [begin, said].flatMap((data): ChatEvent[] => {
    const got = read({ event: '', data: JSON.stringify(data) })
    if (typeof got === 'string') throw new Error(got)
    return [...got]
  })
  const index = events[0]?.kind === 'tool-start' ? events[0].index : -1
  expect(events).toEqual([
    { kind: 'tool-start', index, id: 'c', name: 'sql' },
    { kind: 'tool-arguments', index, text: 'SELECT' },
  ])
  const progress = new StreamProgress()
  for (const event of events) progress.take(event)
  expect(progress.hasContent).toBe(true)
})

const delta = (said: object) => ({ choices: [{ index: 0, delta: said }] })
const added = (type: string) => ({ type: 'response.output_item.added', item: { type } })
const block = (content_block: object, index = 0) => ({
  ...{ type: 'content_block_start', index, content_block },
})

test.each<[string, object, typeof readOpenaiEvent]>([
  ['sound', delta({ audio: { data: 'x' } }), readOpenaiEvent],
  ['a call of former times', delta({ function_call: { name: 'f' } }), readOpenaiEvent],
  ['a search', added('web_search_call'), readResponsesEvent],
  ['a tool that the provider calls', added('mcp_call'), readResponsesEvent],
  ['an image that is being made', added('image_generation_call'), readResponsesEvent],
  ['a tool of the server', block({ type: 'server_tool_use' }), readAnthropicEvent],
  ['a compaction', block({ type: 'compaction' }), readAnthropicEvent],
  [
    'more of it',
    { type: 'content_block_delta', index: 0, delta: { type: 'compaction_delta' } },
    readAnthropicEvent,
  ],
])('%s begins a stream, and nobody else goes on with it', (_, data, read) => {
  const progress = new StreamProgress()
  const events = read({ event: '', data: JSON.stringify(data) })
  if (typeof events === 'string') throw new Error(events)
  for (const event of events) progress.take(event)
  expect(progress.hasContent).toBe(true)
  expect(progress.isPlainText).toBe(false)
})

test.each([
  ['a message', added('message'), readResponsesEvent],
  ['a thought', added('reasoning'), readResponsesEvent],
  ['what only keeps the line', { type: 'ping' }, readAnthropicEvent],
])('%s is none yet', (_, data, read) => {
  expect(read({ event: '', data: JSON.stringify(data) })).toEqual([])
})

test('arguments that come with the name of their call are told', () => {
  const begun = (input: object) => block({ type: 'tool_use', id: 'c', name: 'f', input })
  const read = (input: object) =>
    readAnthropicEvent({ event: '', data: JSON.stringify(begun(input)) })
  const start = { kind: 'tool-start', index: 0, id: 'c', name: 'f' }
  expect(read({})).toEqual([start])
  const given = { kind: 'tool-arguments', index: 0, text: '{"x":1}' }
  expect(read({ x: 1 })).toEqual([start, given])
})

test('nobody else goes on after a block that is over', () => {
  const progress = new StreamProgress()
  const text = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'a' } }
  const plain = [block({ type: 'text', text: '' }), text, { type: 'content_block_stop', index: 0 }]
  const states = plain.map((data) => {
    const events = readAnthropicEvent({ event: '', data: JSON.stringify(data) })
    if (typeof events !== 'string') for (const event of events) progress.take(event)
    return progress.isPlainText
  })
  expect(states).toEqual([true, true, false])
})

test('what a compaction takes is counted, which stands beside', () => {
  const one = { input_tokens: 180_000, output_tokens: 3_500, cache_read_input_tokens: 20 }
  const own = { input_tokens: 100, output_tokens: 10 }
  const iterations = [
    { type: 'compaction', ...one },
    { type: 'message', ...own },
  ]
  const usage = anthropicUsage({ ...own, iterations })
  expect(usage).toMatchObject({ input: 180_120, output: 3_510, cached: 20 })
})
