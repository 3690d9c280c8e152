import { expect, test } from 'vitest'
import { mayDrop, withoutParam } from './drop-param.ts'

const body = {
  thinking: { type: 'enabled', budget_tokens: 9 },
  tools: [{ type: 'function' }, { type: 'web_search' }],
  generation_config: { top_k: 3, temperature: 1 },
}

test.each<[string, string, object]>([
  ['thinking', 'thinking.budget_tokens', { ...body, thinking: undefined }],
  ['thinking.type', 'thinking.type', { ...body, thinking: { budget_tokens: 9 } }],
  ['tools[]', 'tools[1].type', { ...body, tools: [{ type: 'function' }] }],
  ['tools[].type', 'tools[1].type', { ...body, tools: [{ type: 'function' }, {}] }],
  [
    ...(['generationConfig.topK', 'generationConfig.topK'] as const),
    { ...body, generation_config: { temperature: 1 } },
  ],
])('%s covers %s', (name, field, less) => {
  const before = JSON.stringify(body)
  expect(withoutParam(body, field, ['other', name])).toEqual({ name, body: less })
  expect(JSON.stringify(body)).toBe(before)
})

test.each([
  ['thinking.type', 'thinking'], // more than it
  ['thinking.type', 'thinking.budget_tokens'],
  ['tools[]', 'tools'],
  ['tools[]', 'tools[7].type'],
  ['tool', 'tools[1].type'],
  ['top_k', 'top_k'],
  ['constructor', 'constructor.name'],
])('%s does not cover %s, or nothing is there', (name, field) => {
  expect(withoutParam(body, field, [name])).toBeNull()
})

test('what is said, who is asked and what bounds the cost is never left out', () => {
  const kept = ['messages', 'messages[]', 'messages[].content', 'contents[].parts[]', 'input[]']
  const bounds = ['max_tokens', 'generationConfig', 'generationConfig.maxOutputTokens', 'stream']
  expect([...kept, ...bounds, 'model', 'system', '', 'a b', 'a\r\nb'].filter(mayDrop)).toEqual([])
  const members = ['top_k', 'thinking', 'tools[]', 'generationConfig.topK', 'output_config.effort']
  expect(members.filter(mayDrop)).toEqual(members)
})
