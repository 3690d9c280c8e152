// What engines that speak OpenAI's dialect, and others, say besides a plain text.

import { describe, expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import { readBedrockEvent } from './bedrock-stream.ts'
import type { Part } from './chat.ts'
import type { JsonObject } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { whyUnsaid } from './translate.ts'

const png = { kind: 'data', mediaType: 'image/png', data: 'AAAA' } as const
const image_url = { url: 'data:image/png;base64,AAAA' }

describe('of a message', () => {
  test.each<[string, JsonObject, readonly Part[]]>([
    [
      'thoughts in a list beside the text, as Mistral writes them',
      {
        content: [
          {
            type: 'thinking',
            thinking: [
              { type: 'text', text: 'h' },
              { type: 'text', text: 'm' },
            ],
          },
          { type: 'text', text: 'so' },
          { type: 'reference', reference_ids: [1] },
        ],
      },
      [
        { kind: 'thinking', text: 'hm' },
        { kind: 'text', text: 'so' },
      ],
    ],
    [
      'images beside the text, as OpenRouter writes them',
      { content: 'so', images: [{ type: 'image_url', image_url }] },
      [
        { kind: 'text', text: 'so' },
        { kind: 'image', source: png },
      ],
    ],
  ])('%s, whole and streamed', (_, message, parts) => {
    const whole = readAnswer('openai', { choices: [{ message, finish_reason: 'stop' }] })
    expect(whole.parts).toEqual(parts)
    const piece = { choices: [{ index: 0, delta: message }] }
    const events = readOpenaiEvent({ event: '', data: JSON.stringify(piece) })
    expect(typeof events === 'string' ? events : answerOfEvents(events)?.parts).toEqual(parts)
  })

  test('a citation stands once, with the text of the list that it is about', () => {
    const cites = { url: 'https://a', title: 'A', start_index: 6, end_index: 11 }
    const message = {
      content: [
        { type: 'text', text: 'Hello ' },
        { type: 'text', text: 'world' },
      ],
      annotations: [{ type: 'url_citation', url_citation: cites }],
    }
    expect(readAnswer('openai', { choices: [{ message }] }).parts).toEqual([
      { kind: 'text', text: 'Hello ' },
      {
        ...{ kind: 'text', text: 'world' },
        citations: [{ url: 'https://a', title: 'A', start: 0, end: 5 }],
      },
    ])
  })

  test('a reason that is empty ends no stream, and no whole answer otherwise', () => {
    const choice = { index: 0, delta: { content: 'a' }, message: {}, finish_reason: '' }
    expect(readOpenaiEvent({ event: '', data: JSON.stringify({ choices: [choice] }) })).toEqual([
      { kind: 'text', choice: 0, text: 'a' },
    ])
    expect(readAnswer('openai', { choices: [choice] }).stop).toBe('stop')
  })
})

describe('an image or a file is left out by nobody', () => {
  const image = { format: 'png', source: { bytes: 'AAAA' } }

  test('of Bedrock’s', () => {
    const answer = readAnswer('bedrock', { output: { message: { content: [{ image }] } } })
    expect(answer.parts).toEqual([{ kind: 'image', source: png }])
    expect(whyUnsaid('openai', answer)).toContain('an image')
    const delta = { image: { source: { bytes: 'AAAA' } } }
    const event = { event: 'contentBlockDelta', data: JSON.stringify({ delta }) }
    expect(readBedrockEvent(event)).toEqual([
      { kind: 'image', source: { ...png, mediaType: 'application/octet-stream' } },
    ])
  })

  test('of Gemini’s, by its address', () => {
    const parts = [{ fileData: { fileUri: 'https://a.example/x' } }]
    const answer = readAnswer('gemini', { candidates: [{ content: { parts } }] })
    expect(answer.parts).toEqual([
      { kind: 'image', source: { kind: 'url', url: 'https://a.example/x' } },
    ])
    expect(whyUnsaid('anthropic', answer)).toContain('an image')
  })
})
