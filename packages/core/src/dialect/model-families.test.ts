import { expect, test } from 'vitest'
import { objectOf } from './json.ts'
import { outputTokensMax } from './model-families.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

test.each([
  ['claude-3-opus-20240229', 4_096],
  ['claude-3-5-sonnet-20241022', 8_192],
  ['anthropic/claude-3.5-haiku', 8_192],
  ['claude-3-7-sonnet-20250219', 64_000],
  ['claude-opus-4-20250514', 32_000],
  ['claude-opus-4-1-20250805', 32_000],
  ['claude-opus-4-5', 64_000],
  ['claude-opus-4-10', 64_000],
  ['claude-sonnet-4-20250514', 64_000],
  ['claude-haiku-4-5-20251001', 64_000],
  ['claude-fable-5-1', 64_000],
  ['claude-opus-5-5', 64_000],
  ['kimi-k2', 4_096],
])('an answer of %s without a bound may have %d tokens', (model, tokens) => {
  expect(outputTokensMax(model)).toBe(tokens)
  expect(boundOf(model, {})).toBe(tokens)
  expect(boundOf(model, { max_tokens: 9 })).toBe(9)
})

test('who bounds the thoughts alone has an answer beside them', () => {
  const thinking = (thinkingBudget: number) => {
    const body = { contents: [{ parts: [{ text: 'x' }] }] }
    const parsed = parseChat(
      'gemini',
      { ...body, generationConfig: { thinkingConfig: { thinkingBudget } } },
      { model: 'claude-3-7-sonnet', stream: false },
    )
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    return objectOf(writeChat('anthropic', parsed, 'gemini'))['max_tokens']
  }
  expect(thinking(2_000)).toBe(64_000)
  expect(thinking(63_000)).toBe(67_096)
})

function boundOf(model: string, more: object) {
  const body = { model, messages: [{ role: 'user', content: 'x' }], ...more }
  const parsed = parseChat('openai', body, { model, stream: false })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  return objectOf(writeChat('anthropic', parsed, 'openai'))['max_tokens']
}
