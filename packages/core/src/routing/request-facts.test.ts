import { describe, expect, test } from 'vitest'
import { type JsonObject, objectOf } from '../dialect/index.ts'
import { exactJsonOf } from '../resource/index.ts'
import { readFacts as read } from './request-facts.ts'

const readFacts = (body: JsonObject) => read(body, { dialect: 'openai', path: '/chat/completions' })

const image = 'A'.repeat(100_000)

describe('request facts', () => {
  // The same request in the words of each dialect.
  const bodies = {
    openai: {
      messages: [
        { role: 'system', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is it?' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } },
          ],
        },
      ],
      tools: [{ type: 'function', function: { name: 'look' } }],
      response_format: { type: 'json_schema', json_schema: {} },
      max_tokens: 7,
    },
    'openai-responses': {
      instructions: 'be brief',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'what is it?' },
            { type: 'input_image', image_url: `data:image/png;base64,${image}` },
          ],
        },
      ],
      tools: [{ type: 'function', name: 'look' }],
      text: { format: { type: 'json_schema' } },
      max_output_tokens: 7,
    },
    anthropic: {
      system: 'be brief',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'what is it?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } },
          ],
        },
      ],
      tools: [{ name: 'look', input_schema: {} }],
      output_config: { format: { type: 'json_schema' } },
      max_tokens: 7,
    },
    gemini: {
      systemInstruction: { parts: [{ text: 'be brief' }] },
      contents: [
        {
          role: 'user',
          parts: [{ text: 'what is it?' }, { inlineData: { mimeType: 'image/png', data: image } }],
        },
      ],
      tools: [{ functionDeclarations: [{ name: 'look' }] }],
      generationConfig: { responseSchema: {}, maxOutputTokens: 7 },
    },
  }

  const dialects = ['openai', 'openai-responses', 'anthropic', 'gemini'] as const
  test.each(dialects)('are the same in %s', (dialect) => {
    const facts = read(bodies[dialect], { dialect, path: '' })
    expect(facts).toMatchObject({
      ...{ capabilities: ['tools', 'json-schema'], modalities: ['image'], tools: ['look'] },
      ...{ outputTokens: 7, lastText: 'what is it?' },
    })
    expect(facts.textLength).toBeLessThan(200) // an image's data is no text
    expect(facts.opening.split('\n').filter((line) => line !== '')).toEqual([
      ...['be brief', 'what is it?'],
    ])
  })

  test('come from the members that the dialect reads, whatever others there are', () => {
    const decoys = { messages: [{ role: 'user', content: 'a' }], input: 'b', prompt: 'c' }
    const said = { ...decoys, contents: [{ role: 'user', parts: [{ text: 'd' }] }] }
    const lastText = (dialect: (typeof dialects)[number], path = '') =>
      read(said, { dialect, path }).lastText
    expect(dialects.map((dialect) => lastText(dialect))).toEqual(['a', 'b', 'a', 'd'])
    expect(lastText('openai', '/completions')).toBe('c')
    expect(lastText('openai', '/embeddings')).toBe('b')
  })

  test('are the same in Gemini’s other spelling, and with nothing of other dialects', () => {
    const facts = read(
      {
        system_instruction: { parts: [{ text: 'be brief' }] },
        contents: [
          {
            role: 'user',
            parts: [
              { text: 'what is it?' },
              { inline_data: { mime_type: 'image/png', data: image } },
            ],
          },
        ],
        tools: [{ function_declarations: [{ name: 'look' }] }],
        generation_config: {
          ...{ response_schema: {}, max_output_tokens: 7 },
          thinking_config: { thinking_budget: 9 },
        },
        max_tokens: 900_000,
      },
      { dialect: 'gemini', path: '' },
    )
    expect(facts).toMatchObject({
      ...{ capabilities: ['tools', 'json-schema', 'reasoning'], modalities: ['image'] },
      ...{ tools: ['look'], outputTokens: 7 },
    })
    expect(facts.textLength).toBeLessThan(200)
    expect(facts.opening).toContain('be brief')
  })

  test('a limit is one with however many digits it is written', () => {
    const many = (text: string) => objectOf(exactJsonOf(text))
    const limit = '9000.000000000000000'
    for (const [dialect, body] of [
      ['openai', `{"max_tokens":${limit}}`],
      ['openai-responses', `{"max_output_tokens":${limit}}`],
      ['anthropic', `{"max_tokens":${limit}}`],
      ['gemini', `{"generationConfig":{"maxOutputTokens":${limit}}}`],
    ] as const) {
      expect(read(many(body), { dialect, path: '' }).outputTokens).toBe(9_000)
    }
    const thinking = '{"generationConfig":{"thinkingConfig":{"thinkingBudget":1.000000000000000}}}'
    const face = { dialect: 'gemini', path: '' } as const
    expect(read(many(thinking), face).capabilities).toEqual(['reasoning'])
  })

  test('a later turn has the same opening', () => {
    const { messages } = bodies.openai
    const turn = [
      ...messages,
      { role: 'assistant', content: 'a cat' },
      { role: 'user', content: '?' },
    ]
    expect(readFacts({ messages: turn }).opening).toBe(readFacts({ messages }).opening)
  })

  test('a body of anything is read without complaint', () => {
    let deep: unknown = 'x'
    for (let i = 0; i < 20_000; i++) deep = [deep]
    expect(readFacts({ messages: deep, tools: 3, metadata: [], text: null }).textLength).toBe(1)
  })
})

test.each<[JsonObject, boolean]>([
  [{ reasoning_effort: 'low' }, true],
  [{ reasoning_effort: 'none' }, false],
  [{ reasoning: { effort: 'high' } }, true],
  [{ reasoning: { effort: 'none' } }, false],
  [{ thinking: { type: 'enabled', budget_tokens: 9 } }, true],
  [{ thinking: { type: 'adaptive' } }, true],
  [{ thinking: { type: 'disabled' } }, false],
  [{ thinking: null, reasoning: null, reasoning_effort: null }, false],
  [{ generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }, false],
  [{ generation_config: { thinking_config: { thinking_budget: -1 } } }, true],
  [{ generationConfig: { thinkingConfig: { thinkingLevel: 'low' } } }, true],
])('%j asks a model to think: %s', (body, isAsked) => {
  expect(readFacts(body).capabilities.includes('reasoning')).toBe(isAsked)
})

test('who asks is whoever it names, in OpenAI’s place or in Anthropic’s', () => {
  const named = [{ user: 'ann' }, { metadata: { user_id: 'bob' } }, { user: '', metadata: {} }]
  expect(named.map((body) => readFacts(body).user)).toEqual(['ann', 'bob', ''])
  expect(readFacts({ user: 'ann', metadata: { user_id: 'bob' } }).user).toBe('ann')
})

test('what comes from no user first counts as how it opens, until the first of a user', () => {
  const said = (...messages: readonly JsonObject[]) => readFacts({ messages }).opening
  const [system, one, two] = [
    { role: 'system', content: 's' },
    { role: 'user', content: 'a' },
    { role: 'user', content: 'b' },
  ]
  expect(said(system, one, two).trim()).toBe('s\na')
  expect(said(system, { role: 'assistant', content: 'x' }).trim()).toBe('s')
})
