// Where Gemini's own signatures stand when clients have moved them: no step's first call stays unsigned.

import { expect, test } from 'vitest'
import type { Part } from './chat.ts'
import { listOf, objectOf } from './json.ts'
import { writeChat } from './translate.ts'

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
