// What clients write into the next turn of an answer that they got, beside what it says.

import { describe, expect, test } from 'vitest'
import { type ChatDialect, type EngineDialect, engineDialects } from './chat.ts'
import { listOf, objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

function parsed(from: ChatDialect, body: object) {
  return parseChat(from, { model: 'm', ...body }, { model: 'm', stream: false })
}

function written(from: ChatDialect, to: EngineDialect, body: object): object {
  const request = parsed(from, body)
  return isUnsayable(request) ? request : writeChat(to, request, from)
}

const user = { role: 'user', content: 'x' }
const call = { id: 'c', type: 'function', function: { name: 'w', arguments: '{}' } }
const result = { role: 'tool', tool_call_id: 'c', content: 'ok' }
const tools = [{ type: 'function', function: { name: 'w' } }]

describe('nulls of a client that writes all that it got', () => {
  test('say nothing in a chat', () => {
    const unsaid = { refusal: null, annotations: null, audio: null, tool_calls: null, name: null }
    const messages = [user, { role: 'assistant', content: 'a', ...unsaid }, user]
    expect(written('openai', 'anthropic', { messages })).toMatchObject({
      messages: [{}, { content: [{ type: 'text', text: 'a' }] }, {}],
    })
  })

  test('say nothing in Responses', () => {
    const item = { type: 'function_call', call_id: 'c', name: 'w', arguments: '{}' }
    const input = [
      user,
      { ...item, id: 'fc', caller: null, namespace: null },
      { type: 'function_call_output', call_id: 'c', output: 'ok', caller: null },
    ]
    const calls = [{ id: 'c', function: { name: 'w' } }]
    expect(written('openai-responses', 'openai', { input })).toMatchObject({
      messages: [user, { tool_calls: calls }, result],
    })
  })

  test('say nothing in Anthropic’s messages, but are values in what a tool is given', () => {
    const schema = {
      type: 'object',
      properties: { a: { enum: ['x', null] }, b: { default: null } },
    }
    const input = { a: null, b: [null, { c: null }] }
    const use = { type: 'tool_use', id: 'c', name: 'w', input, caller: null, toolset_name: null }
    const body = {
      ...{ max_tokens: 9, tools: [{ name: 'w', description: null, input_schema: schema }] },
      messages: [
        ...[
          user,
          { role: 'assistant', content: [{ type: 'text', text: 'a', citations: null }, use] },
        ],
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'ok' }] },
      ],
    }
    const calls = [{ function: { name: 'w', arguments: JSON.stringify(input) } }]
    expect(written('anthropic', 'openai', body)).toMatchObject({
      messages: [user, { content: 'a', tool_calls: calls }, result],
      tools: [{ function: { parameters: schema } }],
    })
  })

  test('say nothing in Gemini’s contents, but are values in what a tool is given', () => {
    const args = { a: null }
    const contents = [
      { role: 'user', parts: [{ text: 'x', thought: null, videoMetadata: null }] },
      { role: 'model', parts: [{ functionCall: { id: null, name: 'w', args } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'w', response: { b: null } } }] },
    ]
    expect(written('gemini', 'anthropic', { model: undefined, contents })).toMatchObject({
      messages: [
        {},
        { content: [{ input: args }] },
        { content: [{ content: [{ text: '{"b":null}' }] }] },
      ],
    })
  })
})

describe('what clients repeat of an answer beside what it says', () => {
  const said = [user, { role: 'assistant', content: 'a', tool_calls: [call] }, result]
  const plain = (to: EngineDialect) => written('openai', to, { messages: said, tools })
  // As @openai/agents spreads a message that it got into the text of it.
  const message = { role: 'assistant', refusal: null, annotations: [], reasoning_content: 'hm' }
  const signed = { extra_content: { google: { thought_signature: 'sig' } } }
  const repeated: Readonly<Record<string, object>> = {
    'the place of a call in its stream': { tool_calls: [{ index: 0, ...call }] },
    'the message in its text': {
      content: [{ type: 'text', text: 'a', ...message, tool_calls: [call] }],
    },
    'what a call is signed with': signed,
    'what LiteLLM knows of its provider': { provider_specific_fields: { refusal: 'no' } },
    'who says it': { name: 'model' },
  }
  for (const [what, more] of Object.entries(repeated)) {
    test.each(engineDialects.filter((to) => to !== 'openai'))(`${what} is nothing to %s`, (to) => {
      const messages = said.map((one) => (one.role === 'assistant' ? { ...one, ...more } : one))
      expect(isUnsayable(plain(to))).toBe(false)
      expect(written('openai', to, { messages, tools })).toEqual(plain(to))
    })
  }

  test('is a refusal still where it is one', () => {
    const part = { ...message, type: 'refusal', refusal: 'no', content: null }
    const request = objectOf(
      parsed('openai', { messages: [user, { role: 'assistant', content: [part] }, user] }),
    )
    expect(objectOf(listOf(request['messages'])[1])['parts']).toEqual([
      { kind: 'text', text: 'no', isRefusal: true },
    ])
  })
})

test('names that tell several models apart have no counterpart', () => {
  const named = (name: string) => ({ role: 'assistant', content: 'a', name })
  const of = (...names: string[]) =>
    parsed('openai', { messages: [user, ...names.map(named), user] })
  expect(of('model', 'model')).toMatchObject({ speaker: 'model' }) // a cache tells it from others
  expect(of('anna', 'anna', 'bert')).toMatchObject({ kind: 'unsayable', field: 'messages[3].name' })
  expect(parsed('openai', { messages: [{ ...user, name: 'anna' }] })).toMatchObject({
    ...{ kind: 'unsayable', field: 'messages[0].name' },
  })
})
