// What an answer holds besides texts and calls of functions is content all the same: it begins a stream, and guards see it.

import { expect, test } from 'vitest'
import type { ChatEvent } from './chat.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { StreamProgress } from './stream-progress.ts'

const chunk = (call: object) => ({ choices: [{ index: 0, delta: { tool_calls: [call] } }] })
const openai = [
  chunk({ index: 0, id: 'c', type: 'custom', custom: { name: 'sql', input: '' } }),
  chunk({ index: 0, custom: { input: 'SELECT' } }),
]
const responses = (type: string, name: string) => [
  { type: 'response.output_item.added', output_index: 1, item: { type, id: 'c', name } },
  {
    type: `response.${type === 'mcp_call' ? 'mcp_call_arguments' : 'custom_tool_call_input'}.delta`,
  },
]

test.each<[string, readonly object[], typeof readOpenaiEvent]>([
  ['a custom tool of a chat', openai, readOpenaiEvent],
  ['a custom tool of a response', responses('custom_tool_call', 'sql'), readResponsesEvent],
  ['a tool that the provider calls', responses('mcp_call', 'sql'), readResponsesEvent],
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
