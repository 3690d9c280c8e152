// Messages that say nothing to their target are left out, and what is left has roles in turns.

import { describe, expect, test } from 'vitest'
import { type EngineDialect, engineDialects, type Part } from './chat.ts'
import { objectOf } from './json.ts'
import { saidMessages } from './said-messages.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

function written(to: EngineDialect, messages: readonly object[]): object {
  const parsed = parseChat('openai', { model: 'm', messages }, { model: 'm', stream: false })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  return writeChat(to, parsed, 'openai')
}

const user = (content: string) => ({ role: 'user', content })
const model = (content: string) => ({ role: 'assistant', content })

describe('an empty message', () => {
  const messages = [
    ...[user('a'), model(''), user('b'), model('c'), user(''), model('d'), user('e')],
    { role: 'user', content: [{ type: 'text', text: '' }] },
  ]

  test.each(['anthropic', 'bedrock', 'openai'] as const)('is none for %s', (to) => {
    const got = objectOf(written(to, messages))['messages']
    expect(Array.isArray(got) && got.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
    expect(JSON.stringify(got)).not.toMatch(/\[\]|""/)
  })

  test('is none for Gemini and in Responses', () => {
    const { contents } = objectOf(written('gemini', messages))
    expect(contents).toEqual([
      { role: 'user', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'model', parts: [{ text: 'c' }, { text: 'd' }] },
      { role: 'user', parts: [{ text: 'e' }] },
    ])
    const { input } = objectOf(written('openai-responses', messages))
    expect(Array.isArray(input) && input.length).toBe(3)
  })
})

test('a thought that the target does not read is nothing said', () => {
  const thought = (signer: string): Part => {
    return { kind: 'thinking', text: 'hm', signature: `${signer}:x` }
  }
  const x: Part = { kind: 'text', text: 'x' }
  const signers = ['anthropic', 'redacted', 'gemini', 'openai']
  const unsigned: Part = { kind: 'thinking', text: 'hm' }
  const asked = { role: 'user', parts: [x] } as const
  const messages = [asked, { role: 'assistant', parts: [unsigned] } as const, asked]
  const thoughts = [...messages, { role: 'assistant', parts: signers.map(thought) } as const]
  const left: Readonly<Record<EngineDialect, readonly string[]>> = {
    ...{ anthropic: ['anthropic', 'redacted'], bedrock: ['anthropic', 'redacted'] },
    ...{ gemini: ['gemini'], openai: ['gemini'], 'openai-responses': ['openai'] },
  }
  for (const to of engineDialects) {
    expect(saidMessages(to, messages)).toEqual([{ role: 'user', parts: [x, x] }])
    expect(saidMessages(to, thoughts)[1]?.parts).toEqual(left[to].map(thought))
  }
})

describe('results of calls', () => {
  const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: `of ${id}` })
  const calls = { role: 'assistant', content: 'I ask.', tool_calls: [call('a'), call('b')] }
  const messages = [user('go'), calls, user('and?'), result('b'), result('a')]

  test('are told to Gemini in the order of the calls, which have no ids there', () => {
    const { contents } = objectOf(written('gemini', messages))
    const of = (id: string) => ({
      functionResponse: { name: 'f', response: { result: `of ${id}` } },
    })
    expect(contents).toMatchObject([
      ...[{}, {}, { role: 'user', parts: [of('a'), of('b'), { text: 'and?' }] }],
    ])
  })

  test('stand before what else the user says', () => {
    const text = { text: 'and?' }
    const last = (to: EngineDialect) => objectOf(written(to, messages))['messages']
    const [a, b] = ['a', 'b'].map((tool_use_id) => ({ type: 'tool_result', tool_use_id }))
    expect(last('anthropic')).toMatchObject([{}, {}, { content: [a, b, text] }])
    const [c, d] = ['a', 'b'].map((toolUseId) => ({ toolResult: { toolUseId } }))
    const tools = [{ type: 'function', function: { name: 'f' } }]
    const body = { model: 'm', messages, tools }
    const parsed = parseChat('openai', body, { model: 'm', stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    expect(writeChat('bedrock', parsed, 'openai')).toMatchObject({
      messages: [{}, {}, { content: [c, d, text] }],
    })
  })
})

test('where only the system says something there is nothing to answer', () => {
  for (const messages of [[{ role: 'system', content: 'be brief' }], [user('')]]) {
    for (const to of ['anthropic', 'gemini', 'bedrock', 'openai-responses'] as const) {
      expect(written(to, messages)).toMatchObject({ kind: 'unsayable', field: 'messages' })
    }
  }
  const system = { role: 'system', content: 'be brief' }
  expect(written('openai', [system])).toMatchObject({ messages: [system] })
  expect(written('openai', [user('')])).toMatchObject({ kind: 'unsayable', field: 'messages' })
})
