// Where Gemini's own signatures stand when clients have moved them: no step's first call stays unsigned. And what results
// of tools show.

import { expect, test } from 'vitest'
import type { Part } from './chat.ts'
import { listOf, objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const signed = (by: string): Part => ({ kind: 'thinking', text: '', signature: `gemini:${by}` })
const words = (text: string): Part => ({ kind: 'text', text })
const call = (id: string): Part => ({ kind: 'tool-call', id, name: 'f', arguments: '{}' })

/** What is written of each part, and what it is signed with. */
function written(model: string, parts: readonly Part[]): unknown[] {
  const request = { model, system: '', tools: [], stream: false, streamUsage: true }
  const messages = [{ role: 'assistant', parts } as const]
  const { contents } = objectOf(writeChat('gemini', { ...request, messages }, 'openai'))
  return listOf(objectOf(listOf(contents)[0])['parts']).map((part) => {
    const { text = 'call', thoughtSignature } = objectOf(part)
    return thoughtSignature === undefined ? text : [text, thoughtSignature]
  })
}

const mark = 'skip_thought_signature_validator'

test.each<[string, readonly Part[], readonly unknown[]]>([
  [
    'as Gemini said it',
    [signed('1'), words('a'), signed('2'), call('c'), call('d')],
    [['a', '1'], ['call', '2'], 'call'],
  ],
  ['put before the text', [signed('1'), words('a'), call('c')], ['a', ['call', '1']]],
  [
    'both put before the text',
    [signed('1'), signed('2'), words('a'), call('c')],
    [
      ['a', '1'],
      ['call', '2'],
    ],
  ],
  [
    'both put before two texts',
    [signed('1'), signed('2'), words('a'), words('b'), call('c')],
    [['a', '1'], 'b', ['call', '2']],
  ],
  [
    'two in a row',
    [signed('1'), signed('2'), call('c')],
    [
      ['', '1'],
      ['call', '2'],
    ],
  ],
  [
    'of a later call alone',
    [call('c'), signed('1'), call('d')],
    [
      ['call', mark],
      ['call', '1'],
    ],
  ],
  [
    'without calls',
    [signed('1'), words('a'), signed('2')],
    [
      ['a', '1'],
      ['', '2'],
    ],
  ],
])('%s', (_, parts, wanted) => {
  expect(written('gemini-3-pro', parts)).toEqual(wanted)
})

test('Gemini’s second generation wants no mark', () => {
  expect(written('gemini-2.5-pro', [call('c'), signed('1'), call('d')])).toEqual([
    ...['call', ['call', '1']],
  ])
})

test('an image of a tool goes to Gemini in its result from its third generation on, and comes so from its callers', () => {
  const image = {
    kind: 'image',
    source: { kind: 'data', mediaType: 'image/png', data: 'AAAA' },
  } as const
  const request = { system: '', tools: [], stream: false, streamUsage: true }
  const to = (model: string, ...parts: readonly Part[]) => {
    const result = { kind: 'tool-result', id: 'c', parts, isError: false } as const
    const messages = [
      { role: 'assistant', parts: [call('c')] } as const,
      { role: 'user', parts: [result] } as const,
    ]
    return objectOf(writeChat('gemini', { ...request, model, messages }, 'anthropic'))
  }
  const shown = { inlineData: { mimeType: 'image/png', data: 'AAAA' } }
  const functionResponse = { name: 'f', response: { result: 'a dot' }, parts: [shown] }
  const { contents } = to('gemini-3-pro', words('a dot'), image)
  expect(listOf(contents)[1]).toEqual({ role: 'user', parts: [{ functionResponse }] })
  const field = 'messages'
  const far = { kind: 'image', source: { kind: 'url', url: 'https://a/b.png' } } as const
  expect(to('gemini-3-pro', far)).toMatchObject({ kind: 'unsayable', field })
  const parsed = parseChat('gemini', { contents }, { model: 'm', stream: false })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  expect(parsed.messages[1]?.parts).toMatchObject([{ parts: [words('a dot'), image] }])
})
