// What callers say of a prompt that is to be kept for the next turn: told to who wants to be told, and nobody else's
// trouble.

import { expect, test } from 'vitest'
import { type ChatDialect, type EngineDialect, engineDialects } from './chat.ts'
import { isObject, type JsonObject, listOf, objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const cache_control = { type: 'ephemeral', ttl: '1h' }
const prompt_cache_breakpoint = { mode: 'explicit', ttl: '12h' }
const tool = { name: 'f', input_schema: { type: 'object' } }
const user = (content: unknown) => [{ role: 'user', content }]

const marked: readonly (readonly [ChatDialect, JsonObject])[] = [
  ['anthropic', { messages: user('x'), cache_control }],
  ['anthropic', { messages: user([{ type: 'text', text: 'x', cache_control }]) }],
  ['anthropic', { messages: user('x'), tools: [{ ...tool, cache_control }] }],
  ['anthropic', { messages: user('x'), system: [{ type: 'text', text: 'Be.', cache_control }] }],
  ['openai', { messages: user([{ type: 'text', text: 'x', prompt_cache_breakpoint }]) }],
  [
    'openai-responses',
    { input: user([{ type: 'input_text', text: 'x', prompt_cache_breakpoint }]) },
  ],
]

const claude = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
const cachePoint = { type: 'default' }

test.each(marked)('a mark of %s is told to Converse and to Anthropic: %j', (from, body) => {
  const system = from === 'openai-responses' ? 'instructions' : 'system'
  const asked = from === 'openai' || system in body ? body : { ...body, [system]: 'Be.' }
  const said = objectOf(written(from, 'bedrock', asked, claude))
  const last = objectOf(listOf(said['messages']).at(-1))
  expect(last['content']).toEqual([{ text: 'x' }, { cachePoint }])
  const kept = from === 'openai' ? undefined : [{ text: 'Be.' }, { cachePoint }]
  expect(said['system']).toEqual(kept)
  const own = objectOf(written(from, 'anthropic', asked, 'claude-sonnet-4-5'))
  expect(own['cache_control']).toEqual({ type: 'ephemeral' })
  for (const to of ['openai', 'openai-responses', 'gemini'] as const) {
    const text = JSON.stringify(written(from, to, asked, 'm'))
    expect(text).not.toMatch(/unsayable|cache/i)
  }
})

test.each([
  ...['amazon.nova-pro-v1:0', 'anthropic.claude-3-opus-20240229-v1:0', 'anthropic.claude-v2:1'],
  ...['anthropic.claude-3-5-sonnet-20240620-v1:0', 'arn:aws:bedrock:eu-west-1:1:application/x'],
])('%s is not told, which may refuse the word', (model) => {
  for (const [from, body] of marked) {
    expect(JSON.stringify(written(from, 'bedrock', body, model))).not.toContain('cachePoint')
  }
})

test('models of Anthropic’s that keep prompts are known by their names', () => {
  for (const model of [
    '3-5-haiku-20241022-v1:0',
    '3-7-sonnet-x',
    'haiku-4-5',
    'opus-5',
    'fable-5-1',
  ]) {
    const said = written(
      'anthropic',
      'bedrock',
      marked[0]?.[1] ?? {},
      `us.anthropic.claude-${model}`,
    )
    expect(JSON.stringify(said)).toContain('cachePoint')
  }
})

test('a mark stands behind what the user said last, and without one there is none', () => {
  const messages = [...user('x'), { role: 'assistant', content: 'y' }]
  const said = objectOf(written('anthropic', 'bedrock', { messages, cache_control }, claude))
  expect(said['messages']).toEqual([
    { role: 'user', content: [{ text: 'x' }, { cachePoint }] },
    { role: 'assistant', content: [{ text: 'y' }] },
  ])
  const plain = written('anthropic', 'bedrock', { messages: user('x') }, claude)
  expect(JSON.stringify(plain)).not.toContain('cachePoint')
})

test.each(engineDialects)('hints of a whole request keep nobody from %s', (to) => {
  const hints = {
    ...{ prompt_cache_key: 'k', prompt_cache_retention: '24h' },
    prompt_cache_options: { mode: 'explicit', ttl: '30m' },
  }
  for (const [from, body] of [
    ['openai', { messages: user('x') }],
    ['openai-responses', { input: 'x' }],
  ] as const) {
    const said = written(from, to, { ...body, ...hints }, 'm')
    expect(said).toEqual(written(from, to, body, 'm'))
    expect(isObject(said) && isUnsayable(said)).toBe(false)
    const prewarm = { prompt_cache_options: { prewarm: true } } // that would be no answer
    const field = 'prompt_cache_options.prewarm'
    expect(written(from, to, { ...body, ...prewarm }, 'm')).toMatchObject({ field })
  }
})

function written(from: ChatDialect, to: EngineDialect, body: JsonObject, model: string): unknown {
  const own = from === 'anthropic' ? { max_tokens: 9 } : {}
  const request = parseChat(from, { model, ...own, ...body }, { model, stream: false })
  return isUnsayable(request) ? request : writeChat(to, { ...request, model }, from)
}
