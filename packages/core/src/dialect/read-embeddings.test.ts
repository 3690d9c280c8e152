// What the ends of a long answer tell, and what only all of it does.

import { expect, test } from 'vitest'
import { readEmbeddedEnds, readEmbeddingsEnds } from './read-embeddings.ts'

const numbers = '0.5,'.repeat(40_000)
const data = `[{"object":"embedding","index":0,"embedding":[${numbers}1]}]`
const usage = '{"prompt_tokens":3,"total_tokens":3}'

const ends = (text: string) => [text.slice(0, 2_048), text.slice(-2_048)] as const
const openais = (text: string) => readEmbeddingsEnds(...ends(text))

test.each([
  ['', ''],
  [',"x":1', ''],
  [' ', '\n'],
])('what was used is read where it stands last: %j %j', (more, after) => {
  const reading = openais(`{"object":"list","data":${data},"usage":${usage}${more}}${after}`)
  expect(reading).toMatchObject({ kind: 'complete', usage: { input: 3, output: 0 } })
})

test('also with details of it', () => {
  const details = '{"prompt_tokens":3,"prompt_tokens_details":{"cached_tokens":1}}'
  const reading = openais(`{"object":"list","data":${data},"usage":${details}}`)
  expect(reading).toMatchObject({ usage: { input: 3, cached: 1 } })
})

test.each([
  ['nothing was counted', `{"object":"list","data":${data}}`],
  ['it stands before the vectors', `{"object":"list","usage":${usage},"data":${data}}`],
  [
    'it is of one vector',
    `{"object":"list","data":[{"embedding":[${numbers}1],"usage":${usage}}]}`,
  ],
  ['it counts nothing', `{"object":"list","data":${data},"usage":{}}`],
  ['it is cut', `{"object":"list","data":${data},"usage":${usage}`],
  ['more follows', `{"object":"list","data":${data},"usage":${usage}}]`],
  ['it is no JSON', `{"object":"list","data":${data},"usage":{"prompt_tokens":3,}}`],
  ['it begins with an error', `{"error":"${'x'.repeat(5_000)}","usage":${usage}}`],
])('all is read where %s', (_, text) => {
  expect(openais(text)).toBeNull()
})

test('Gemini’s likewise', () => {
  const counted = '"usageMetadata":{"promptTokenCount":5}'
  const text = `{"embeddings":[{"values":[${numbers}1]}],${counted}}`
  expect(readEmbeddedEnds(...ends(text))).toMatchObject({ usage: { input: 5, output: 0 } })
  expect(readEmbeddedEnds(...ends(text.replace(`,${counted}`, '')))).toBeNull()
})
