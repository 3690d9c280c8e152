// Messages that say nothing to their target are left out, and what is left has roles in turns.

import { describe, expect, test } from 'vitest'
import { type ChatRequest, type EngineDialect, engineDialects, type Part } from './chat.ts'
import { listOf, objectOf } from './json.ts'
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

describe('a blank text', () => {
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  const messages = [
    ...[{ role: 'system', content: ' ' }, user('\n'), user('a')],
    { role: 'assistant', content: '\n\n', tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c', content: ' ' },
    ...[user('b'), model(' \t'), user('c')],
  ]

  test.each(['anthropic', 'bedrock'] as const)('is none for %s', (to) => {
    const got = objectOf(written(to, messages))
    const said = listOf(got['messages']).map((one) => {
      const { role, content } = objectOf(one)
      return [role, ...listOf(content).map((part) => objectOf(part)['text'])]
    })
    expect(said).toEqual([
      ...[
        ['user', 'a'],
        ['assistant', undefined],
        ['user', undefined, 'b', 'c'],
      ],
    ])
    expect(got['system']).toBe(undefined)
    // A result of Bedrock's says something, and be it blank.
    if (to === 'anthropic') expect(JSON.stringify(got)).not.toContain('" "')
  })

  test.each(['openai', 'openai-responses', 'gemini'] as const)('is one for %s', (to) => {
    expect(JSON.stringify(written(to, messages))).toContain('"\\n\\n"')
  })
})

describe('a message of the system after others', () => {
  const late = (role: string) => [user('a'), model('b'), { role, content: 'be brief' }, user('c')]
  const between = (from: 'openai' | 'openai-responses', to: EngineDialect, messages: object[]) => {
    const said = from === 'openai' ? { messages } : { input: messages }
    const parsed = parseChat(from, { model: 'm', ...said }, { model: 'm', stream: false })
    return isUnsayable(parsed) ? parsed : objectOf(writeChat(to, parsed, from))
  }

  test.each(['system', 'developer'])('stays there between OpenAI’s dialects: %s', (role) => {
    const brief = { role: 'system', content: 'be brief' }
    expect(between('openai-responses', 'openai', late(role))).toMatchObject({
      messages: [user('a'), model('b'), brief, user('c')],
    })
    const content = [{ type: 'input_text', text: 'be brief' }]
    expect(between('openai', 'openai-responses', late(role))).toMatchObject({
      input: [{}, { role: 'assistant' }, { role: 'system', content }, { role: 'user' }],
    })
  })

  test('comes from callers of Anthropic’s dialect as well', () => {
    const brief = { role: 'system', content: [{ type: 'text', text: 'be brief' }] }
    const messages = [user('a'), model('b'), user('c'), brief]
    const body = { model: 'm', max_tokens: 9, messages }
    const parsed = parseChat('anthropic', body, { model: 'm', stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const told = (to: EngineDialect) => objectOf(writeChat(to, parsed, 'anthropic'))
    const wanted = [user('a'), model('b'), user('c'), { role: 'system', content: 'be brief' }]
    expect(told('openai')['messages']).toEqual(wanted)
    expect(told('gemini')).toMatchObject({ kind: 'unsayable', field: 'messages[3].role' })
  })

  test('waits until a call has its result', () => {
    const call = (id: string) => ({
      id,
      type: 'function',
      function: { name: 'f', arguments: '{}' },
    })
    const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: id })
    const calls = { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] }
    const brief = { role: 'system', content: 'be brief' }
    const messages = [user('x'), calls, brief, result('a'), user('y'), brief, result('b')]
    const got = objectOf(between('openai', 'openai-responses', messages))
    expect(
      listOf(got['input']).map((one) => objectOf(one)['call_id'] ?? objectOf(one)['role']),
    ).toEqual(['user', 'a', 'b', 'a', 'b', 'system', 'user', 'system'])
    const items = [
      ...[user('x'), brief, { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' }],
      ...[brief, { type: 'function_call_output', call_id: 'a', output: 'a' }, user('y')],
    ]
    expect(objectOf(between('openai-responses', 'openai', items))['messages']).toMatchObject([
      ...[user('x'), brief, { tool_calls: [call('a')] }, result('a'), brief, user('y')],
    ])
  })

  test.each([
    ['claude-opus-4-8', ['user', 'system', 'assistant', 'user', 'system']],
    ['claude-opus-5-20260901', ['user', 'system']],
    ['claude-sonnet-5', ['user', 'system']],
    ['claude-fable-5-1', ['user', 'system']],
    ['claude-opus-4.8', ['user', 'assistant', 'user', 'system']],
  ])('is told %s where it may stand: %s', (model, roles) => {
    const messages = roles.map((role) => ({ role, content: 'x' }))
    const parsed = parseChat('openai', { model, messages }, { model, stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    for (const [to, content] of [
      ['anthropic', { type: 'text', text: 'x' }],
      ['bedrock', { text: 'x' }],
    ] as const) {
      const told = listOf(objectOf(writeChat(to, parsed, 'openai'))['messages'])
      expect(told.map((one) => objectOf(one)['role'])).toEqual(roles)
      expect(told.at(-1)).toEqual({ role: 'system', content: [content] })
    }
  })

  test.each([
    ['claude-opus-4-8', ['user', 'assistant', 'system']],
    ['claude-opus-4-8', ['user', 'system', 'user']],
    ['claude-opus-4-7', ['user', 'system']],
    ['claude-opus-4-20250514', ['user', 'system']],
    ['claude-sonnet-4-5', ['user', 'system']],
    ['claude-haiku-4-5-20251001', ['user', 'system']],
    ['claude-3-5-sonnet-20241022', ['user', 'system']],
    ['other', ['user', 'system']],
  ])('is refused for %s: %s', (model, roles) => {
    const messages = roles.map((role) => ({ role, content: 'x' }))
    const parsed = parseChat('openai', { model, messages }, { model, stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const field = `messages[${roles.indexOf('system')}].role`
    for (const to of ['anthropic', 'bedrock'] as const) {
      expect(writeChat(to, parsed, 'openai')).toMatchObject({ kind: 'unsayable', field })
    }
  })

  test.each(['anthropic', 'gemini', 'bedrock'] as const)('has no counterpart for %s', (to) => {
    for (const [from, field] of [
      ['openai', 'messages'],
      ['openai-responses', 'input'],
    ] as const) {
      expect(between(from, to, late('developer'))).toMatchObject({
        ...{ kind: 'unsayable', field: `${field}[2].role` },
      })
    }
  })
})

test('an image of a tool is one in Responses', () => {
  const image = { type: 'base64', media_type: 'image/png', data: 'AAAA' }
  const said = (more: object) => {
    const content = [
      { type: 'text', text: 'a dot' },
      { type: 'image', source: image },
    ]
    const messages = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content, ...more }] },
    ]
    const body = { model: 'm', max_tokens: 9, messages }
    const parsed = parseChat('anthropic', body, { model: 'm', stream: false })
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const { input } = objectOf(writeChat('openai-responses', parsed, 'anthropic'))
    return objectOf(listOf(input)[1])['output']
  }
  const text = (of: string) => ({ type: 'input_text', text: of })
  const shown = { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' }
  expect(said({})).toEqual([text('a dot'), shown])
  expect(said({ is_error: true })).toEqual([text('Error:'), text('a dot'), shown])
})

describe('a conversation with calls and without tools', () => {
  const call = (id: string, name: string) => ({
    id,
    type: 'function',
    function: { name, arguments: '{}' },
  })
  const result = (id: string) => ({ role: 'tool', tool_call_id: id, content: 'x' })
  const tool_calls = [call('a', 'f'), call('b', 'g'), call('c', 'f')]
  const messages = [user('go'), { ...model(''), tool_calls }, ...['a', 'b', 'c'].map(result)]
  const empty = { type: 'object', properties: {} }

  test('declares them to Anthropic, and that none is to be called', () => {
    const got = written('anthropic', messages)
    expect(objectOf(got)['tools']).toEqual([
      ...[
        { name: 'f', input_schema: empty },
        { name: 'g', input_schema: empty },
      ],
    ])
    expect(objectOf(got)['tool_choice']).toEqual({ type: 'none' })
  })

  test('declares them to Bedrock, and to nobody else', () => {
    const spec = (name: string) => ({ toolSpec: { name, inputSchema: { json: empty } } })
    expect(objectOf(written('bedrock', messages))['toolConfig']).toEqual({
      tools: [spec('f'), spec('g')],
    })
    for (const to of ['openai', 'openai-responses', 'gemini'] as const) {
      expect(objectOf(written(to, messages))['tools']).toBe(undefined)
    }
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
  for (const dialect of engineDialects) {
    const to = { dialect, model: dialect === 'bedrock' ? 'eu.anthropic.claude-x' : 'gemini-x' }
    expect(saidMessages(to, messages)).toEqual([{ role: 'user', parts: [x, x] }])
    expect(saidMessages(to, thoughts)[1]?.parts).toEqual(left[dialect].map(thought))
  }
  for (const to of [
    { dialect: 'bedrock', model: 'amazon.nova-pro-v1:0' } as const,
    { dialect: 'openai', model: 'mistral-large' } as const,
  ]) {
    expect(saidMessages(to, thoughts)).toEqual([{ role: 'user', parts: [x, x] }])
  }
})

test('without tools nobody is kept from calling several at a time', () => {
  const request: ChatRequest = {
    ...{ model: 'm', system: '', stream: false, streamUsage: true, tools: [] },
    ...{ messages: [{ role: 'user', parts: [{ kind: 'text', text: 'x' }] }] },
    parallelToolCalls: false,
  }
  const tools = [{ name: 'f', parameters: {} }]
  for (const to of engineDialects) {
    expect(JSON.stringify(writeChat(to, request, 'openai'))).not.toMatch(/parallel/i)
    const asked = JSON.stringify(writeChat(to, { ...request, tools }, 'openai'))
    // The others have no word for it (`one-call.ts`).
    const hasWord = to !== 'gemini' && to !== 'bedrock'
    expect(/parallel/i.test(asked), to).toBe(hasWord)
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
    expect(last('bedrock')).toMatchObject([{}, {}, { content: [c, d, text] }])
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
