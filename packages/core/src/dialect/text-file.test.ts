// Files that are plain text, as each dialect has them, are said as texts in all others.

import { expect, test } from 'vitest'
import { type ChatDialect, engineDialects } from './chat.ts'
import type { JsonObject } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const text = 'a,b\n1,“é”'
const data = Buffer.from(text).toString('base64')
const question = { type: 'text', text: 'Sum?' }
const ofUser = (content: readonly object[]) => [{ role: 'user', content }]
const url = `data:text/csv;charset=utf-8;base64,${data}`
const ofAnthropics = (source: object) => ({
  max_tokens: 9,
  messages: ofUser([{ type: 'document', title: 'a.csv', source }, question]),
})

const asked: readonly (readonly [ChatDialect, JsonObject])[] = [
  [
    'openai',
    {
      messages: ofUser([{ type: 'file', file: { file_data: url, filename: 'a.csv' } }, question]),
    },
  ],
  [
    'openai-responses',
    {
      input: ofUser([
        { type: 'input_file', file_data: url, filename: 'a.csv' },
        { type: 'input_text', text: 'Sum?' },
      ]),
    },
  ],
  ['anthropic', ofAnthropics({ type: 'text', media_type: 'text/plain', data: text })],
  ['anthropic', ofAnthropics({ type: 'content', content: text })],
  ['anthropic', ofAnthropics({ type: 'content', content: [{ type: 'text', text }] })],
  [
    'gemini',
    {
      contents: [
        {
          parts: [
            { inlineData: { mimeType: 'text/csv', data, displayName: 'a.csv' } },
            { text: 'Sum?' },
          ],
        },
      ],
    },
  ],
]

const pairs = asked.flatMap(([from, body]) => engineDialects.map((to) => [from, to, body] as const))

test.each(pairs)('from %s to %s', (from, to, body) => {
  const written = JSON.stringify(sent(from, to, body))
  const said = ['a.csv:', text, 'Sum?'].map((one) => written.indexOf(JSON.stringify(one)))
  expect(said.every((place, i) => place > (said[i - 1] ?? -1))).toBe(true)
  expect(written).not.toMatch(/unsayable|file|document|inlineData/)
})

test('in a result of a tool, too', () => {
  const result = {
    type: 'document',
    source: { type: 'text', media_type: 'text/plain', data: text },
  }
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: [result] }] },
  ]
  expect(sent('anthropic', 'openai', { max_tokens: 9, messages })).toMatchObject({
    messages: [{}, {}, { role: 'tool', content: text }],
  })
})

test('what is not UTF-8, or no Base64, is refused', () => {
  for (const wrong of ['/////w==', 'a-b_', 'YQ=a', 'A']) {
    const parts = [{ inlineData: { mimeType: 'text/plain', data: wrong } }]
    const refused = sent('gemini', 'openai', { contents: [{ parts }] })
    expect(refused, wrong).toMatchObject({ kind: 'unsayable', field: 'contents' })
  }
})

function sent(from: ChatDialect, to: (typeof engineDialects)[number], body: JsonObject): unknown {
  const named = { model: 'm', stream: false }
  const request = parseChat(from, from === 'gemini' ? body : { ...named, ...body }, named)
  return isUnsayable(request) ? request : writeChat(to, request, from)
}
