// What a budget sets aside is never less than what a provider may count.

import type { ChatDialect } from '@tutti/core/dialect'
import { describe, expect, test } from 'vitest'
import { boundsOf, dependsOnProvider } from './bounds.ts'
import { parseChatAsked } from './chat-body.ts'

const urls = {
  openai: '/v1/chat/completions',
  'openai-responses': '/v1/responses',
  anthropic: '/v1/messages',
  gemini: '/v1beta/models/m:generateContent',
}

function boundsIn(dialect: ChatDialect, value: object, url = urls[dialect]) {
  const body = Buffer.from(JSON.stringify({ model: 'm', ...value }))
  const asked = parseChatAsked(dialect, url, body)
  if (typeof asked === 'string') throw new Error(asked)
  return { ...boundsOf(asked), bytes: body.length }
}
const bounds = (value: object) => boundsIn('openai', value)

test.each<[ChatDialect, object, boolean]>([
  ['openai-responses', { conversation: 'conv_1' }, true],
  ['openai-responses', { prompt: { id: 'pmpt_1' } }, true],
  ['openai-responses', { previous_response_id: 'resp_1' }, false], // it stays what it is
  ['openai-responses', { tools: [{ type: 'function' }], conversation: null }, false],
  ['openai', { tools: [{ type: 'function' }] }, false],
  ['openai', { web_search_options: {} }, true],
  ['anthropic', { container: 'c' }, true],
  ['anthropic', { thread: { type: 'create' } }, true],
  ['gemini', { tools: [{ codeExecution: {} }] }, true],
])('whether an answer is of its request alone: %s %j: not %s', (dialect, value, depends) => {
  const body = Buffer.from(JSON.stringify({ model: 'm', ...value }))
  const asked = parseChatAsked(dialect, urls[dialect], body)
  if (typeof asked === 'string') throw new Error(asked)
  expect(dependsOnProvider(asked)).toBe(depends)
})

describe('what goes in', () => {
  test('a token is a byte at least, and every image a large one, linked or not', () => {
    const image = (url: string) => ({ type: 'image_url', image_url: { url } })
    const content = [image('https://a.example/x.png'), image('http://b.example'), image('data:x')]
    const said = bounds({ messages: [{ role: 'user', content }] })
    expect(said.inputTokens).toBe(said.bytes + 3 * 49_152)
    const source = { type: 'base64', media_type: 'image/png', data: 'x' }
    const other = boundsIn('anthropic', { messages: [{ content: [{ type: 'image', source }] }] })
    expect(other.inputTokens).toBe(other.bytes + 49_152)
    const inlineData = { mimeType: 'image/png', data: 'x' }
    const third = boundsIn('gemini', { contents: [{ parts: [{ inlineData }] }] })
    expect(third.inputTokens).toBe(third.bytes + 49_152)
  })

  test('a text that begins as a link does is a text', () => {
    const said = bounds({ messages: [{ role: 'user', content: 'https://a.example is down' }] })
    expect(said.inputTokens).toBe(said.bytes)
    const list = boundsIn('openai', { input: ['http://a', 'data:b'] }, '/v1/embeddings')
    expect(list.inputTokens).toBe(list.bytes)
    const prompts = boundsIn('openai', { prompt: ['https://a'] }, '/v1/completions')
    expect(prompts.inputTokens).toBe(prompts.bytes)
    const parts = [{ image_url: { url: 'https://a' } }, 'https://b']
    const mixed = bounds({ messages: [{ content: parts }] })
    expect(mixed.inputTokens).toBe(mixed.bytes + 49_152)
  })

  test('what a tool of the provider brings goes in, too', () => {
    expect(bounds({ web_search_options: {} }).inputTokens).toBeNull()
    expect(boundsIn('gemini', { tools: [{ googleSearch: {} }] }).inputTokens).toBeNull()
  })

  test.each<[ChatDialect, object]>([
    ['openai', { messages: [{ content: [{ type: 'file', file: { file_id: 'f' } }] }] }],
    ['openai', { messages: [{ content: [{ type: 'file', file: { file_data: 'data:x' } }] }] }],
    ['openai-responses', { input: 'hi', previous_response_id: 'resp_1' }],
    ['openai-responses', { input: 'hi', conversation: { id: 'conv_1' } }],
    ['openai-responses', { prompt: { id: 'pmpt_1' } }],
    ['openai-responses', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['openai-responses', { input: [{ type: null, id: 'msg_1' }] }],
    ['anthropic', { thread: { type: 'continue', previous_message_id: 'msg_1' } }],
    ['anthropic', { context_management: { edits: [{ type: 'compact_20260112' }] } }],
    ['openai-responses', { context_management: [{ type: 'compaction' }] }],
    ['openai-responses', { input: [{ content: [{ type: 'input_image', file_id: 'f' }] }] }],
    [
      'anthropic',
      { messages: [{ content: [{ type: 'document', source: { url: 'https://a' } }] }] },
    ],
    ['gemini', { contents: [], cachedContent: 'cachedContents/1' }],
    ['gemini', { contents: [], cached_content: 'cachedContents/1' }],
    ['gemini', { contents: [{ parts: [{ fileData: { fileUri: 'https://a/film' } }] }] }],
    ['gemini', { contents: [{ parts: [{ inline_data: { mime_type: 'application/pdf' } }] }] }],
  ])('what is not in the body has no bound of ours: %s %j', (dialect, value) => {
    expect(boundsIn(dialect, value).inputTokens).toBeNull()
  })

  test('what tools are given and may be given is no reference', () => {
    const parameters = { properties: { file_id: { type: 'string' }, container: {} } }
    const said = boundsIn('anthropic', {
      messages: [{ content: [{ type: 'tool_use', input: { file_id: 'f', at: 'http://x' } }] }],
      tools: [{ name: 'f', input_schema: parameters }],
    })
    expect(said.inputTokens).toBe(said.bytes)
    const use = [{ type: 'tool_use', input: { file_id: 'f' } }]
    expect(bounds({ messages: [{ content: use }] }).inputTokens).toBeNull() // Anthropic's alone
    expect(bounds({ messages: [{ args: { file_id: 'f' } }] }).inputTokens).toBeNull() // Gemini's
    const functionCall = { name: 'f', args: { file_id: 'f', audio: {} } }
    const called = boundsIn('gemini', { contents: [{ parts: [{ functionCall }] }] })
    expect(called.inputTokens).toBe(called.bytes)
  })

  test('a body nested deeper than calls may be is counted too', () => {
    const deep = `${'['.repeat(50_000)}"http://x"${']'.repeat(50_000)}`
    const body = Buffer.from(`{"model":"m","max_tokens":1,"x":${deep}}`)
    const asked = parseChatAsked('openai', '/v1/chat/completions', body)
    if (typeof asked === 'string') throw new Error(asked)
    expect(boundsOf(asked)?.inputTokens).toBe(body.length + 49_152)
  })
})

describe('what comes out', () => {
  const limits = { max_tokens: 1, max_completion_tokens: 2, max_output_tokens: 3 }
  const said = { ...limits, generationConfig: { maxOutputTokens: 4 } }

  test('is bounded by what the dialect reads, whatever else is there (B1)', () => {
    expect(boundsIn('openai', said).outputTokens).toBe(2) // some engines know only the older name
    expect(boundsIn('openai', { ...said, max_tokens: 9 }).outputTokens).toBe(9)
    expect(boundsIn('openai-responses', said).outputTokens).toBe(3)
    expect(boundsIn('anthropic', said).outputTokens).toBe(1)
    expect(boundsIn('gemini', said).outputTokens).toBe(4)
    const { max_output_tokens, generationConfig } = said
    expect(boundsIn('openai', { max_output_tokens, generationConfig }).outputTokens).toBeNull()
    expect(boundsIn('anthropic', { max_output_tokens }).outputTokens).toBeNull()
    expect(boundsIn('gemini', limits).outputTokens).toBeNull()
  })

  test('has no bound where it is written in two ways, or as no count', () => {
    const both = { generationConfig: { maxOutputTokens: 4 }, generation_config: {} }
    expect(boundsIn('gemini', both).outputTokens).toBeNull()
    const config = { maxOutputTokens: 4, max_output_tokens: 900 }
    expect(boundsIn('gemini', { generationConfig: config }).outputTokens).toBeNull()
    const agreed = { generationConfig: { maxOutputTokens: 4 } }
    const other = { generation_config: { max_output_tokens: 4 } }
    expect(boundsIn('gemini', { ...agreed, ...other }).outputTokens).toBe(4)
    const third = { generation_config: { maxOutputTokens: 4, max_output_tokens: 5 } }
    expect(boundsIn('gemini', { ...agreed, ...third }).outputTokens).toBeNull()
    expect(bounds({ max_tokens: '9' }).outputTokens).toBeNull()
    expect(bounds({ max_tokens: -1, max_completion_tokens: 3 }).outputTokens).toBeNull()
    expect(bounds({ max_tokens: null, max_completion_tokens: 3 }).outputTokens).toBe(3)
  })

  test('counts every answer', () => {
    expect(bounds({ n: 3 }).answers).toBe(3)
    expect(bounds({ n: '3' }).answers).toBe(128)
    const url = '/v1/completions'
    const prompts = boundsIn('openai', { prompt: ['a', 'b'], n: 2, best_of: 5 }, url)
    expect(prompts.answers).toBe(10)
    expect(boundsIn('openai', { prompt: [1, 2, 3] }, url).answers).toBe(1) // tokens of one prompt
    expect(boundsIn('gemini', { generationConfig: { candidateCount: 4 } }).answers).toBe(4)
    expect(boundsIn('gemini', { generation_config: { candidate_count: 4 } }).answers).toBe(4)
    const both = {
      generationConfig: { candidateCount: 2, candidate_count: 3 },
      generation_config: { candidate_count: 5, candidateCount: 1 },
    }
    expect(boundsIn('gemini', both).answers).toBe(5)
    expect(boundsIn('anthropic', { n: 3 }).answers).toBe(1)
  })
})

const sound = 'sound that goes in'

test.each<[ChatDialect, object, string]>([
  ['openai', { web_search_options: {} }, 'web_search_options'],
  ['openai', { modalities: ['text', 'audio'] }, 'answers of audio'],
  ['openai', { modalities: ['image', 'text'] }, 'answers of image'],
  ['openai', { modalities: 'audio' }, 'answers of audio'],
  ['gemini', { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } }, 'answers of image'],
  [
    'gemini',
    { generationConfig: {}, generation_config: { response_modalities: ['AUDIO'] } },
    'answers of audio',
  ],
  ['openai', { messages: [{ content: [{ type: 'input_audio', input_audio: {} }] }] }, sound],
  ['openai', { messages: [{ content: [{ audio_url: { url: 'data:x' } }] }] }, sound],
  ['openai', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }, sound],
  [
    'openai',
    { messages: [{ content: [{ file: { file_data: 'data:audio/mp3;base64,x' } }] }] },
    sound,
  ],
  ['gemini', { contents: [{ parts: [{ inlineData: { mimeType: 'audio/wav' } }] }] }, sound],
  ['gemini', { contents: [{ parts: [{ file_data: { mime_type: 'Audio/MP3' } }] }] }, sound],
  ['openai', { tools: [{ type: 'computer_20250124' }] }, 'the tool computer_20250124'],
  ['anthropic', { tools: [{ type: 'function' }] }, 'the tool function'],
  ['gemini', { serviceTier: 'PRIORITY' }, 'service_tier priority'],
  ['anthropic', { inference_geo: 'us' }, 'inference_geo us'],
  ['anthropic', { speed: 'fast' }, 'speed fast'],
  ['openai', { service_tier: 'priority' }, 'service_tier priority'],
  ['openai', { service_tier: 'fast' }, 'service_tier fast'],
  ['openai-responses', { service_tier: 'Ultrafast' }, 'service_tier ultrafast'],
  ['openai-responses', { prompt_cache_options: { ttl: '12h' } }, 'a prompt that is kept for 12h'],
  [
    'openai',
    { messages: [{ content: [{ type: 'text', cache_control: { ttl: '1h' } }] }] },
    'a prompt that is kept for 1h',
  ],
  [
    'openai-responses',
    { tools: [{ type: 'shell', environment: { type: 'container_auto' } }] },
    'the tool shell',
  ],
  ['openai-responses', { tools: [{ type: 'tool_search' }] }, 'the tool tool_search'],
  [
    'openai-responses',
    { tools: [{ type: 'namespace', tools: [{ type: 'mcp' }] }] },
    'the tool mcp',
  ],
  ['openai-responses', { tools: [{ type: 'web_search' }] }, 'the tool web_search'],
  [
    'openai-responses',
    { tools: [{ type: 'function', name: 'f' }, { type: 'mcp' }] },
    'the tool mcp',
  ],
  ['anthropic', { tools: [{ type: 'web_fetch_20250910' }] }, 'the tool web_fetch_20250910'],
  ['anthropic', { mcp_servers: [{}] }, 'mcp_servers'],
  ['gemini', { tools: [{ google_search: {} }] }, 'the tool google_search'],
])('what the provider charges for besides tokens is told: %s %j', (dialect, value, what) => {
  expect(boundsIn(dialect, value).unpriced).toBe(what)
})

test('a number that is no number of tokens makes no sum endless', () => {
  for (const vast of ['1e999', '1e308']) {
    const body = Buffer.from(`{"model":"m","max_tokens":${vast},"n":${vast},"best_of":${vast}}`)
    const asked = parseChatAsked('openai', '/v1/completions', body)
    if (typeof asked === 'string') throw new Error(asked)
    expect(boundsOf(asked)).toMatchObject({ outputTokens: 1e9, answers: 1e9 })
  }
})

test.each<[ChatDialect, object]>([
  ['openai', { tools: [{ type: 'function' }, { type: 'custom' }] }],
  ['openai-responses', { tools: [{ type: 'local_shell' }, { type: 'computer_use_preview' }] }],
  ['anthropic', { tools: [{ name: 'f' }, { type: 'bash_20250124' }, { type: 'custom' }] }],
  ['anthropic', { tools: [{ type: 'browser_toolset_20260801' }] }],
  ['gemini', { tools: [{ functionDeclarations: [] }] }],
  ['openai-responses', { tools: [{ type: 'namespace', tools: [{ type: 'function' }] }] }],
  ['openai-responses', { tools: [{ type: 'shell', environment: { type: 'local' } }] }],
  [
    'openai-responses',
    { tools: [{ type: 'shell' }, { type: 'tool_search', execution: 'client' }] },
  ],
  ['openai', { service_tier: 'flex', messages: [{ content: [{ cache_control: { ttl: '5m' } }] }] }],
  ['anthropic', { system: [{ type: 'text', cache_control: { ttl: '1h' } }] }],
  ['openai', { modalities: ['text'], web_search_options: null }],
  ['anthropic', { inference_geo: 'global', service_tier: 'auto' }],
  ['gemini', { generationConfig: { responseModalities: ['TEXT'] } }],
  ['openai-responses', { text: { format: { schema: { properties: { audio: {} } } } } }],
  ['gemini', { generationConfig: { responseSchema: { properties: { input_audio: {} } } } }],
])('tools that a caller runs cost tokens alone: %s %j', (dialect, value) => {
  expect(boundsIn(dialect, value).unpriced).toBeNull()
})
