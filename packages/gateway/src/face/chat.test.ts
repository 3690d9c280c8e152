// How the limit of an answer is said to whoever speaks OpenAI's dialect, and what a caller carries for others.

import { expect, test } from 'vitest'
import { toChatProvider, toContinuation } from './chat.ts'
import { parseChatAsked } from './chat-body.ts'

test.each([
  ['http://127.0.0.1:11434/v1', 'max_tokens'],
  ['https://api.mistral.ai/v1', 'max_tokens'],
  ['https://notopenai.com/v1', 'max_tokens'],
  ['https://api.openai.com/v1', 'max_completion_tokens'],
  ['https://eu.api.openai.com/v1', 'max_completion_tokens'],
  ['https://mine.openai.azure.com/openai/v1', 'max_completion_tokens'],
])('at %s a limit of another dialect is %s', (baseUrl, name) => {
  const body = { model: 'chat', max_tokens: 7, messages: [{ role: 'user', content: 'x' }] }
  const asked = parseChatAsked('anthropic', '/v1/messages', Buffer.from(JSON.stringify(body)))
  if (typeof asked === 'string') throw new Error(asked)
  const provider = { name: 'e', project: 'default', dialect: 'openai', baseUrl } as const
  const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: false }
  const out = toChatProvider(asked)({ ...provider, allowPrivateNetwork: true }, target)
  if ('kind' in out) throw new Error(out.message)
  const said = JSON.parse(String(out.body))
  expect(['max_tokens', 'max_completion_tokens'].filter((one) => one in said)).toEqual([name])
})

const carried = 'dHV0dGk6Z2VtaW5pOnM=' // tutti:gemini:s
const own = { type: 'thinking', thinking: 'hm', signature: 'c2ln' }
const call = { type: 'tool_use', id: 'c', name: 'f', input: { signature: carried, content: [] } }

const found = { type: 'web_search_result_location', url: 'https://a', encrypted_index: 'own' }
const page = { ...found, encrypted_index: 'dHV0dGk6' }

test.each([
  [
    'anthropic',
    '/v1/messages',
    {
      messages: [
        { role: 'assistant', content: [{ ...own, signature: carried }] },
        { role: 'assistant', content: [own, { ...own, signature: carried }, call] },
        { role: 'assistant', content: [{ type: 'text', text: 'a', citations: [found, page] }] },
        { role: 'assistant', content: [{ type: 'text', text: 'b', citations: [page] }] },
        { role: 'assistant', content: [{ type: 'text', text: '', citations: [page] }] },
        { role: 'user', content: 'x' },
      ],
    },
    {
      messages: [
        { role: 'assistant', content: [own, call] },
        { role: 'assistant', content: [{ type: 'text', text: 'a', citations: [found] }] },
        { role: 'assistant', content: [{ type: 'text', text: 'b', citations: [] }] },
        { role: 'user', content: 'x' },
      ],
    },
  ],
  [
    'gemini',
    '/v1beta/models/chat:generateContent',
    {
      contents: [
        { role: 'model', parts: [{ text: '', thought: true, thoughtSignature: carried }] },
        { role: 'model', parts: [{ text: 'a', thoughtSignature: 'c2ln' }] },
        { role: 'model', parts: [{ text: '', thoughtSignature: carried }] },
        { role: 'model', parts: [{ thoughtSignature: carried }] },
        { role: 'model', parts: [{ text: 'hm', thought: true, thoughtSignature: carried }] },
        {
          role: 'model',
          parts: [
            { text: 'b', thoughtSignature: carried },
            { functionCall: { name: 'f' }, thoughtSignature: carried },
          ],
        },
      ],
    },
    {
      contents: [
        { role: 'model', parts: [{ text: 'a', thoughtSignature: 'c2ln' }] },
        { role: 'model', parts: [{ text: 'b' }, { functionCall: { name: 'f' } }] },
      ],
    },
  ],
  [
    'openai-responses',
    '/v1/responses',
    { input: [{ type: 'reasoning', summary: [], encrypted_content: carried }, { role: 'user' }] },
    { input: [{ role: 'user' }] },
  ],
] as const)('%s gets nothing that is signed by another', (dialect, path, body, wanted) => {
  const bytes = Buffer.from(JSON.stringify({ model: 'chat', ...body }))
  const asked = parseChatAsked(dialect, path, bytes)
  if (typeof asked === 'string') throw new Error(asked)
  const provider = { name: 'e', project: 'default', dialect, baseUrl: 'http://e' } as const
  const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: false }
  const out = toChatProvider(asked)({ ...provider, allowPrivateNetwork: true }, target)
  if ('kind' in out) throw new Error(out.message)
  const { model: _, ...said } = JSON.parse(String(out.body))
  expect(said).toEqual(wanted)
})

test.each([
  ['anthropic', '/v1/messages', '"messages":[{"role":"user","content":[{"text":"dHV0dGk6"}]}]'],
  [
    ...['gemini', '/v1beta/models/chat:generateContent'],
    '"contents":[{"parts":[{"text":"dHV0dGk6"}]}]',
  ],
  ['openai-responses', '/v1/responses', '"input":[{"role":"user","content":"dHV0dGk6"}]'],
] as const)(
  '%s gets the bytes as they came where a text only names what others sign',
  (dialect, path, said) => {
    const bytes = `{ "model":"m", "x":{"id":12345678901234567890,"y":1.0}, ${said} }`
    const asked = parseChatAsked(dialect, path, Buffer.from(bytes))
    if (typeof asked === 'string') throw new Error(asked)
    const provider = { name: 'e', project: 'default', dialect, baseUrl: 'http://e' } as const
    const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: false }
    const out = toChatProvider(asked)({ ...provider, allowPrivateNetwork: true }, target)
    if ('kind' in out) throw new Error(out.message)
    expect(String(out.body)).toBe(bytes)
  },
)

test('what is written anew in its own dialect has its numbers', () => {
  const thought = `{"type":"thinking","thinking":"hm","signature":"${carried}"}`
  const use = '{"type":"tool_use","id":"c","name":"f","input":{"id":12345678901234567890}}'
  const messages = `[{"role":"assistant","content":[${thought},${use}]}]`
  const bytes = Buffer.from(`{"model":"chat","messages":${messages}}`)
  const asked = parseChatAsked('anthropic', '/v1/messages', bytes)
  if (typeof asked === 'string') throw new Error(asked)
  const provider = { name: 'e', project: 'default', dialect: 'anthropic' } as const
  const at = { baseUrl: 'http://e', allowPrivateNetwork: true }
  const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: true }
  for (const made of [
    toChatProvider(asked),
    toContinuation(asked, { text: 'so', textPieces: 1 }),
  ]) {
    const out = made({ ...provider, ...at }, target)
    if ('kind' in out) throw new Error(out.message)
    expect(String(out.body)).not.toContain(carried)
    expect(String(out.body)).toContain(use)
  }
})

const said = [{ role: 'user', content: 'x' }]
test.each([
  ['openai', '/chat/completions', { messages: said, max_tokens: 50 }, { max_tokens: 43 }],
  [
    ...(['openai', '/chat/completions'] as const),
    { messages: said, max_completion_tokens: 3 },
    { max_completion_tokens: 1 },
  ],
  ['openai', '/chat/completions', { messages: said }, {}],
  ['anthropic', '/v1/messages', { messages: said, max_tokens: 50 }, { max_tokens: 43 }],
  [
    ...(['gemini', '/models/chat:generateContent'] as const),
    { contents: [], generationConfig: { maxOutputTokens: 50, topK: 1 } },
    { generationConfig: { maxOutputTokens: 43, topK: 1 } },
  ],
] as const)(
  'who goes on is told what is left of the limit: %s%s %j',
  (dialect, path, body, left) => {
    const bytes = Buffer.from(JSON.stringify({ model: 'chat', ...body }))
    const asked = parseChatAsked(dialect, path, bytes)
    if (typeof asked === 'string') throw new Error(asked)
    const at = { name: 'e', project: 'default', baseUrl: 'http://e', allowPrivateNetwork: true }
    const target = { provider: 'e', model: 'm', weight: 1, tier: 0 }
    const goesOn = (prefill: boolean) => {
      const made = toContinuation(asked, { text: 'so far', textPieces: 7 })
      const out = made({ ...at, dialect }, { ...target, prefill })
      if ('kind' in out) throw new Error(out.message)
      return JSON.parse(String(out.body))
    }
    const { messages, contents, ...rest } = body as { messages?: unknown[]; contents?: unknown[] }
    expect((goesOn(true).messages ?? goesOn(true).contents).length).toBe(
      (messages ?? contents ?? []).length + 1,
    )
    expect(goesOn(true)).toMatchObject(left)
    expect(goesOn(false)).toMatchObject(rest) // it begins anew: the whole limit is its own
  },
)

test.each([
  ['gpt-5', false],
  ['gemini-3-pro', true],
])('what Gemini signed of a call goes to %s in its own dialect: %s', (model, isThere) => {
  const signed = { google: { thought_signature: 'c2ln' } }
  const one = { id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }
  const calls = [{ ...one, extra_content: signed }, one]
  const messages = [
    { role: 'user', content: 'x' },
    { role: 'assistant', content: null, tool_calls: calls },
  ]
  const body = Buffer.from(JSON.stringify({ model: 'chat', messages }))
  const asked = parseChatAsked('openai', '/v1/chat/completions', body)
  if (typeof asked === 'string') throw new Error(asked)
  const provider = { name: 'e', project: 'default', dialect: 'openai' } as const
  const target = { provider: 'e', model, weight: 1, tier: 0, prefill: false }
  const at = { baseUrl: 'https://api.openai.com/v1', allowPrivateNetwork: true }
  const out = toChatProvider(asked)({ ...provider, ...at }, target)
  if ('kind' in out) throw new Error(out.message)
  const own = JSON.parse(String(out.body)).messages
  expect(own).toEqual(
    isThere ? messages : [messages[0], { ...messages[1], tool_calls: [one, one] }],
  )
})

test.each([
  ['anthropic', 'fallbacks', [{ model: 'claude-opus-5', max_tokens: 32_000 }]],
  ['openai', 'models', ['openai/o3-pro']],
] as const)('which models answer is not for a body to say: %s %s', (dialect, field, list) => {
  const path = dialect === 'openai' ? '/v1/chat/completions' : '/v1/messages'
  const outOf = (value: object) => {
    const body = Buffer.from(JSON.stringify({ model: 'chat', messages: [], ...value }))
    const asked = parseChatAsked(dialect, path, body)
    if (typeof asked === 'string') throw new Error(asked)
    const provider = { name: 'e', project: 'default', dialect, baseUrl: 'https://a/v1' } as const
    const target = { provider: 'e', model: 'm', weight: 1, tier: 0, prefill: false }
    return toChatProvider(asked)({ ...provider, allowPrivateNetwork: true }, target)
  }
  expect(outOf({ [field]: list })).toMatchObject({ kind: 'impossible', field })
  expect(outOf({ [field]: [] })).not.toHaveProperty('kind')
})
