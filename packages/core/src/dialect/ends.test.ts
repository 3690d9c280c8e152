// Why an answer ended, in every dialect: what is no good end passes for none elsewhere.

import { describe, expect, test } from 'vitest'
import { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import { type ChatAnswer, chatDialects, noUsage, type Stop } from './chat.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { newChatWriter, whyUnsaid, writeAnswer } from './translate.ts'

const about = { request: {}, createdS: 1 }
const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }

function stopOf(dialect: 'openai' | 'anthropic' | 'gemini' | 'bedrock', reason: string): Stop {
  switch (dialect) {
    case 'openai':
      return readAnswer(dialect, { choices: [{ finish_reason: reason }] }).stop
    case 'anthropic':
      return readAnswer(dialect, { stop_reason: reason }).stop
    case 'gemini':
      return readAnswer(dialect, { candidates: [{ finishReason: reason }] }).stop
    case 'bedrock':
      return readAnswer(dialect, { stopReason: reason }).stop
  }
}

test.each([
  ['anthropic', 'end_turn', 'stop'],
  ['anthropic', 'pause_turn', 'other'],
  ['anthropic', 'refusal', 'content-filter'],
  ['anthropic', 'model_context_window_exceeded', 'length'],
  ['anthropic', 'added_later', 'other'],
  ['openai', 'stop', 'stop'],
  ['openai', 'eos_token', 'stop'],
  ['openai', 'STOP', 'stop'],
  ['openai', 'stop_sequence', 'stop-sequence'],
  ['openai', 'max_tokens', 'length'],
  ['openai', 'model_length', 'length'],
  ['openai', 'max_output_tokens', 'length'],
  ['openai', 'tool_use', 'tool-calls'],
  ['openai', 'sensitive', 'content-filter'],
  ['openai', 'SAFETY', 'content-filter'],
  ['openai', 'repetition', 'other'],
  ['gemini', 'BLOCKLIST', 'content-filter'],
  ['gemini', 'PROHIBITED_CONTENT', 'content-filter'],
  ['gemini', 'LANGUAGE', 'content-filter'],
  ['gemini', 'RECITATION', 'content-filter'],
  ['gemini', 'IMAGE_SAFETY', 'content-filter'],
  ['gemini', 'MODEL_ARMOR', 'content-filter'],
  ['gemini', 'CONTINUATION', 'other'],
  ['bedrock', 'guardrail_intervened', 'content-filter'],
  ['bedrock', 'content_filtered', 'content-filter'],
] as const)('%s: %s is %s', (dialect, reason, stop) => {
  expect(stopOf(dialect, reason)).toBe(stop)
})

function answered(stop: Stop, isRefusal?: true): ChatAnswer {
  const text = { kind: 'text', text: 'well' } as const
  const parts = isRefusal === true ? [{ ...text, isRefusal }] : [text]
  return { id: 'a', model: 'm', parts, stop, usage: noUsage }
}

describe.each(chatDialects)('in %s', (dialect) => {
  const written = (answer: ChatAnswer) => {
    const writer = newChatWriter(dialect, options, {})
    const frames = eventsOfAnswer(answer).map((event) => writer.write(event))
    return { text: frames.join('') + writer.end(), wrong: writer.wrong ?? null }
  }

  test('an end that only its own dialect knows is not told', () => {
    const answer = answered('other')
    expect(whyUnsaid(dialect, answer)).toContain('it stopped for a reason')
    expect(written(answer).wrong).toContain('it stopped for a reason')
    expect(whyUnsaid(dialect, answered('stop'))).toBe(null)
    expect(written(answered('stop')).wrong).toBe(null)
  })

  test('a refusal that is a text is told by its stop', () => {
    const refused = answered('stop', true)
    const isText = !dialect.startsWith('openai')
    const sign = dialect === 'gemini' ? '"finishReason":"SAFETY"' : '"stop_reason":"refusal"'
    expect(JSON.stringify(writeAnswer(dialect, refused, about)).includes(sign)).toBe(isText)
    expect(written(refused).text.includes(sign)).toBe(isText)
    expect(written(answered('stop')).text).not.toContain(sign)
  })
})

describe('the sequence at which an answer stopped', () => {
  const whole = { stop_reason: 'stop_sequence', stop_sequence: 'END', content: [] }
  const delta = { type: 'message_delta', delta: { ...whole, content: undefined } }
  const choice = { index: 0, finish_reason: 'stop', stop_reason: 'END', delta: {} }
  const stopped = { stop: 'stop-sequence', sequence: 'END' }

  test('is read, of Anthropic’s and of vLLM’s', () => {
    expect(readAnswer('anthropic', whole)).toMatchObject(stopped)
    expect(readAnswer('openai', { choices: [choice] })).toMatchObject(stopped)
    for (const read of [
      readAnthropicEvent({ event: '', data: JSON.stringify(delta) }),
      readOpenaiEvent({ event: '', data: JSON.stringify({ choices: [choice] }) }),
    ]) {
      expect(read).toContainEqual({ kind: 'stop', choice: 0, ...stopped })
    }
    // A token that ends answers has a number.
    const token = { ...choice, stop_reason: 128_009 }
    expect(readAnswer('openai', { choices: [token] }).stop).toBe('stop')
    const said = { ...choice, stop_reason: 'end_turn' }
    expect(readAnswer('openai', { choices: [said] }).stop).toBe('stop')
    const sglang = { ...choice, stop_reason: null, matched_stop: 'END' }
    expect(readAnswer('openai', { choices: [sglang] })).toMatchObject(stopped)
  })

  test('is told where there is a place for it', () => {
    const answer = { ...answered('stop-sequence'), sequence: 'END' }
    expect(answerOfEvents(eventsOfAnswer(answer))).toEqual(answer)
    expect(writeAnswer('anthropic', answer, about)).toMatchObject({ stop_sequence: 'END' })
    const writer = newChatWriter('anthropic', options, {})
    const frames = eventsOfAnswer(answer).map((event) => writer.write(event))
    expect(frames.join('') + writer.end()).toContain('"stop_sequence":"END"')
  })
})

test('what is kept for long in a cache is told apart', () => {
  const usage = { ...noUsage, input: 9, cacheWritten: 5, cacheWrittenLong: 3 }
  expect(writeAnswer('anthropic', { ...answered('stop'), usage }, about)).toMatchObject({
    usage: {
      cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 3 },
    },
  })
})

test('a response says back how it was to reason, where that was asked', () => {
  const request = { reasoning: { effort: 'low', summary: 'auto' }, truncation: null }
  const response = writeAnswer('openai-responses', answered('stop'), { ...about, request })
  expect(response).toMatchObject({ reasoning: request.reasoning })
  expect(response).not.toHaveProperty('truncation')
})
