// What an engine says in pieces beside the text of one answer: several choices, calls, thoughts, lists of tokens.

import { expect, test } from 'vitest'
import { key, serve, signed, toEngine, world } from './gateway-world.fixture.ts'

const card = '4111 1111 1111 1111'
const halves = ['pay 4111 11', '11 1111 1111 now']

const chunk = (index: number, delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', choices: [{ index, delta, finish_reason: null, ...more }] })}\n\n`

/** All that comes of these chunks; each choice stops after them. */
async function passed(chunks: readonly string[], choices = 1): Promise<string> {
  const ends = Array.from({ length: choices }, (_, i) => chunk(i, {}, { finish_reason: 'stop' }))
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`${[...chunks, ...ends].join('')}data: [DONE]\n\n`)
  })
  const guard = { detect: ['card'] }
  const { gateway } = await world(signed(toEngine(`${engine.url}/v1`, 'openai', { guard })))
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      ...{ model: 'chat', stream: true, n: choices },
      messages: [{ role: 'user', content: 'hi' }],
    }),
  })
  return await answer.text()
}

const call = (text: string) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] })
const ways: Readonly<Record<string, (text: string) => object>> = {
  content: (text) => ({ content: text }),
  reasoning: (text) => ({ reasoning_content: text }),
  calls: call,
  'calls of before': (text) => ({ function_call: { arguments: text } }),
}

for (const [name, said] of Object.entries(ways)) {
  test(`a number in pieces of ${name} is found, whatever another choice says between them`, async () => {
    for (const between of [said, ...Object.values(ways)]) {
      const chunks = halves.flatMap((half) => [chunk(0, said(half)), chunk(1, between(half))])
      const text = await passed(chunks, 2)
      expect(text.match(/\[CARD\]/g)).toHaveLength(2)
      expect(text).not.toContain('4111')
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
    }
  })
}

test('a piece that stands in a chunk twice, under two names, is redacted twice', async () => {
  const text = await passed(
    halves.map((half) => chunk(0, { reasoning: half, reasoning_content: half })),
  )
  expect(text.match(/\[CARD\]/g)).toHaveLength(2)
  expect(text).not.toMatch(/1111|4111/)
})

test('what two choices say in one chunk is told apart, also where it is the same', async () => {
  const both = (one: string, other: string) => {
    const choices = [one, other].map((content, index) => ({ index, delta: { content } }))
    return `data: ${JSON.stringify({ id: 'c', choices })}\n\n`
  }
  const chunks = [both('so ', '4111 1111 1111 '), both('1111', '1111'), both(' so', ' so')]
  const text = await passed(chunks, 2)
  const said = ['', '']
  for (const data of text.matchAll(/^data: (\{.*)$/gm)) {
    for (const { index, delta } of JSON.parse(data[1] ?? '').choices) {
      said[index] += delta.content ?? ''
    }
  }
  expect(said).toEqual(['so 1111 so', '[CARD] so'])
})

test('thoughts of several candidates that come in turns are told apart', async () => {
  const said = (index: number, text: string, finishReason?: string) =>
    `data: ${JSON.stringify({ candidates: [{ index, content: { parts: [{ text, thought: true }] }, finishReason }] })}\n\n`
  const pieces = halves.flatMap((half, i) => [0, 1].map((of) => said(of, half, ends[i])))
  const engine = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(pieces.join(''))
  })
  const guard = { detect: ['card'] }
  const { gateway } = await world(signed(toEngine(`${engine.url}/v1beta`, 'gemini', { guard })))
  const path = '/v1beta/models/chat:streamGenerateContent?alt=sse'
  const answer = await fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      contents: [{ role: 'user', parts: [{ text: 'hi' }] }],
      generationConfig: { candidateCount: 2 },
    }),
  })
  const text = await answer.text()
  expect(text.match(/\[CARD\]/g)).toHaveLength(2)
  expect(text).not.toContain('4111')
})

const ends = [undefined, 'STOP']

test('a list of tokens does not say what the text may not', async () => {
  const logprobs = { content: [{ token: '4111', bytes: [52, 49, 49, 49], logprob: -0.1 }] }
  const text = await passed([
    chunk(0, { content: 'so ' }, { logprobs: { content: [{ token: 'so ' }] } }),
    ...halves.map((content) => chunk(0, { content }, { logprobs })),
  ])
  expect(text).toContain('"token":"so "')
  expect(text).not.toContain('4111')
  expect(text).not.toContain(card)
})
