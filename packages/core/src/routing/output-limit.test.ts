import { expect, test } from 'vitest'
import type { ChatDialect, JsonObject } from '../dialect/index.ts'
import { ExactNumber } from '../resource/index.ts'
import { outputLimit, withLessOutput } from './output-limit.ts'

const gemini = (...configs: readonly object[]) => {
  const [generationConfig, generation_config] = configs
  return {
    ...(generationConfig && { generationConfig }),
    ...(generation_config && { generation_config }),
  }
}

test.each<[ChatDialect, object, number | null]>([
  ['openai', {}, null],
  ['openai', { max_tokens: 5 }, 5],
  ['openai', { max_tokens: null, max_completion_tokens: 6 }, 6],
  ['openai', { max_tokens: 7, max_completion_tokens: 6 }, 7],
  ['openai', { max_tokens: 5, max_completion_tokens: 6 }, 6],
  ['openai', { max_tokens: 'x', max_completion_tokens: 6 }, null],
  ['openai', { max_tokens: 6, max_completion_tokens: 'x' }, null],
  ['openai', { max_output_tokens: 5 }, null],
  ['openai', { max_tokens: 0 }, 0],
  ['openai', { max_tokens: -1 }, null],
  ['openai', { max_tokens: 1e300 }, 1e9],
  ['openai', { max_tokens: new ExactNumber('5.0') }, 5],
  ['openai-responses', { max_output_tokens: 5, max_tokens: 6 }, 5],
  ['anthropic', { max_tokens: 5, max_completion_tokens: 6 }, 5],
  ['anthropic', { max_completion_tokens: 6 }, null],
  ['gemini', { max_tokens: 5 }, null],
  ['gemini', gemini({ maxOutputTokens: 5 }), 5],
  ['gemini', gemini({ max_output_tokens: 5 }), 5],
  ['gemini', gemini({ maxOutputTokens: 5, max_output_tokens: 5 }), 5],
  ['gemini', gemini({ maxOutputTokens: 5, max_output_tokens: 6 }), null],
  ['gemini', gemini({ maxOutputTokens: 5 }, { maxOutputTokens: 5 }), 5],
  ['gemini', gemini({ maxOutputTokens: 5 }, {}), null],
])('%s: %j allows %j tokens of answer', (dialect, body, limit) => {
  expect(outputLimit(body as JsonObject, dialect)).toBe(limit)
})

test.each<[ChatDialect, object, object]>([
  ['openai', { max_tokens: 10, n: 10 }, { max_tokens: 6, n: 10 }],
  [
    'openai',
    { max_tokens: 10, max_completion_tokens: 3 },
    { max_tokens: 6, max_completion_tokens: 1 },
  ],
  ['openai', { max_tokens: 0, stop: 'x' }, { max_tokens: 0, stop: 'x' }],
  ['openai', { max_tokens: 'x' }, { max_tokens: 'x' }],
  [
    'openai-responses',
    { max_output_tokens: 10, max_tokens: 10 },
    { max_output_tokens: 6, max_tokens: 10 },
  ],
  ['anthropic', { max_tokens: 4 }, { max_tokens: 1 }],
  ['gemini', gemini({ maxOutputTokens: 10, topK: 9 }), gemini({ maxOutputTokens: 6, topK: 9 })],
  [
    'gemini',
    gemini({ max_output_tokens: 5 }, { maxOutputTokens: 9 }),
    gemini({ max_output_tokens: 1 }, { maxOutputTokens: 5 }),
  ],
  ['gemini', { max_tokens: 10 }, { max_tokens: 10 }],
])('%s: of %j, after four tokens, %j are left', (dialect, body, left) => {
  expect(withLessOutput(body as JsonObject, dialect, 4)).toEqual(left)
})
