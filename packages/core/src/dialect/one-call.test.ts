// Who wants one call at a time gets one, of engines that have no word for it, too.

import { describe, expect, test } from 'vitest'
import { type ChatAnswer, type ChatEvent, engineDialects, noUsage } from './chat.ts'
import type { JsonObject } from './json.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'

const f = { name: 'f', parameters: { type: 'object' } }
const asked = {
  openai: {
    ...{ messages: [{ role: 'user', content: 'x' }], parallel_tool_calls: false },
    tools: [{ type: 'function', function: f }],
  },
  'openai-responses': {
    ...{ input: 'x', parallel_tool_calls: false, tools: [{ type: 'function', ...f }] },
  },
  anthropic: {
    ...{ messages: [{ role: 'user', content: 'x' }], max_tokens: 9 },
    tools: [{ name: 'f', input_schema: f.parameters }],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
  },
} satisfies Record<string, JsonObject>
const callers = ['openai', 'openai-responses', 'anthropic'] as const

const call = (id: string) => ({ kind: 'tool-call', id, name: 'f', arguments: '{}' }) as const
const answer: ChatAnswer = {
  ...{ id: 'a', model: 'm', stop: 'tool-calls', usage: noUsage },
  parts: [{ kind: 'text', text: 'I ask.' }, call('first'), call('second'), call('third')],
}
// In turns, as some engines write them.
const events: readonly ChatEvent[] = [
  { kind: 'start', id: 'a', model: 'm' },
  { kind: 'text', choice: 0, text: 'I ask.' },
  { kind: 'tool-start', index: 4, id: 'first', name: 'f' },
  { kind: 'tool-start', index: 7, id: 'second', name: 'f' },
  { kind: 'tool-arguments', index: 7, text: '{"a":2}' },
  { kind: 'tool-arguments', index: 4, text: '{"a":1}' },
  { kind: 'stop', choice: 0, stop: 'tool-calls' },
]

describe.each(callers)('in %s', (from) => {
  const body = asked[from]
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }

  test.each(engineDialects)('any engine is asked: %s', (to) => {
    const named = { model: 'm', stream: false }
    const parsed = parseChat(from, { ...body, model: 'm' }, named)
    if ('field' in parsed) throw new Error(parsed.message)
    expect(writeChat(to, parsed, from)).not.toMatchObject({ kind: 'unsayable' })
  })

  test('the first call is told, whole and streamed, and all of them to who does not mind', () => {
    const whole = JSON.stringify(writeAnswer(from, answer, { request: body, createdS: 1 }))
    expect(whole).toContain('I ask.')
    expect(whole.match(/first|second|third/g)).toEqual(['first'])
    const writer = newChatWriter(from, options, body)
    const streamed = events.map((event) => writer.write(event)).join('') + writer.end()
    expect(streamed).toContain('first')
    expect(streamed).not.toContain('second')
    expect(streamed).not.toContain('2}')
    expect(writer.wrong).toBe(null)
    const {
      parallel_tool_calls: _,
      tool_choice: __,
      ...more
    } = { ...asked.openai, ...body } as JsonObject
    const all = JSON.stringify(writeAnswer(from, answer, { request: more, createdS: 1 }))
    expect(all).toMatch(/first.*second.*third/)
  })
})
