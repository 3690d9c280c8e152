// What engines say in their streams otherwise than those whose dialect they speak: it is read as what it means.

import { describe, expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import type { ChatEvent, StreamEvent } from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { ResponsesReader } from './responses-reader.ts'
import { newChatWriter } from './translate.ts'

type Reader = (event: StreamEvent) => readonly ChatEvent[] | string

function readAll(read: Reader, ...said: readonly (object | string)[]): readonly ChatEvent[] {
  return said.flatMap((one) => {
    const data = typeof one === 'string' ? one : JSON.stringify(one)
    const events = read({ event: '', data })
    if (typeof events === 'string') throw new Error(events)
    return events
  })
}

const responses: Reader = (event) => new ResponsesReader().read(event)
const chunk = (delta: object, finish_reason: string | null = null) => ({
  ...{ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] },
})
const calling = (args: unknown) => {
  const call = { index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: args } }
  return chunk({ tool_calls: [call] })
}
const options = { id: 'c', model: 'm', createdS: 1, streamUsage: false, sent: null }

describe('an error in a stream', () => {
  test.each<[string, Reader, StreamEvent]>([
    ['an object', readOpenaiEvent, { event: '', data: '{"object":"error","message":"no"}' }],
    ['the event', readOpenaiEvent, { event: 'error', data: '{"message":"no"}' }],
    ['no type', responses, { event: '', data: '{"error":{"message":"no"}}' }],
    ['no type', readAnthropicEvent, { event: '', data: '{"error":{"message":"no"}}' }],
  ])('is one by what %s says', (_, read, event) => {
    expect(read(event)).toMatchObject([{ kind: 'error', message: 'no' }])
  })

  test('is none in what another event says of a failure', () => {
    const data = '{"type":"response.mcp_call.failed","error":{"message":"no"}}'
    expect(responses({ event: '', data })).toEqual([])
    expect(readAnthropicEvent({ event: '', data: '{"type":"later","error":{}}' })).toEqual([])
  })
})

test('the mark of the end may have a space behind it, and stand in a stream of Gemini’s', () => {
  for (const read of [readOpenaiEvent, readGeminiEvent]) {
    expect(read({ event: '', data: '[DONE] ' })).toEqual([{ kind: 'end' }])
  }
})

test('arguments may be an object, whole and in a stream', () => {
  const events = readAll(readOpenaiEvent, calling({ x: 1 }), chunk({}, 'tool_calls'), '[DONE]')
  const message = calling({ x: 1 }).choices[0]?.delta
  const whole = readAnswer('openai', { choices: [{ message, finish_reason: 'tool_calls' }] })
  for (const answer of [answerOfEvents(events), whole]) {
    expect(answer?.parts).toMatchObject([{ name: 'f', arguments: '{"x":1}' }])
  }
})

test('a call that is said again when it is whole is told once, and another in its place by none', () => {
  const pieces = [calling('{"x":{"y":1}'), calling('}')]
  const tell = (last: object) => {
    const writer = newChatWriter('openai', options, {})
    const text = readAll(readOpenaiEvent, ...pieces, last)
      .map((one) => writer.write(one))
      .join('')
    return { text, wrong: writer.wrong }
  }
  const again = tell(calling('{"x":{"y":1}}'))
  expect([again.text.match(/\\"y\\"/g)?.length, again.wrong]).toEqual([1, null])
  expect(tell(calling('{"x":2}')).wrong).toBe('the arguments of a tool are no JSON object')
})

test('an end that is said with every piece is told once, behind them all', () => {
  const writer = newChatWriter('openai', options, {})
  const said = [chunk({ content: 'a' }, 'stop'), chunk({ content: 'b' }, 'stop')]
  const text = readAll(readOpenaiEvent, ...said)
    .map((one) => writer.write(one))
    .join('')
  expect(text).not.toContain('"finish_reason":"stop"')
  expect((text + writer.end()).match(/"finish_reason":"stop"/g)).toHaveLength(1)
})

test('a thought that comes whole comes signed', () => {
  const block = { type: 'thinking', thinking: 'hm', signature: 's' }
  const events = readAll(
    readAnthropicEvent,
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_stop', index: 0 },
  )
  expect(answerOfEvents(events)?.parts).toEqual([
    { kind: 'thinking', text: 'hm', signature: 'anthropic:s' },
  ])
})
