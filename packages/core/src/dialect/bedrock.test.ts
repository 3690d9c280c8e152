// Converse by the pair: what is written for it, and what its answers are in the neutral form.

import { describe, expect, test } from 'vitest'
import { readBedrock, readBedrockEvent } from './bedrock-stream.ts'
import type { ChatRequest } from './chat.ts'
import { readBedrockWhole } from './read-whole.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const base: ChatRequest = {
  ...{ model: 'amazon.nova-pro-v1:0', system: '', stream: false, streamUsage: true, tools: [] },
  messages: [{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }],
}
const tool = { name: 'time', parameters: {} }
const closed = { type: 'object', additionalProperties: false }
const call = { kind: 'tool-call', id: 't1', name: 'time', arguments: '{"a":1}' } as const
const result = { kind: 'tool-result', id: 't1', isError: true, parts: [] } as const
const called: ChatRequest = {
  ...base,
  tools: [{ ...tool, strict: true }],
  messages: [
    ...base.messages,
    {
      role: 'assistant',
      parts: [
        { kind: 'thinking', text: 'hm', signature: 'anthropic:s' },
        { kind: 'thinking', text: '', signature: 'redacted:r' },
        { kind: 'thinking', text: 'of another', signature: 'gemini:s' },
        call,
      ],
    },
    { role: 'user', parts: [result] },
    { role: 'user', parts: [{ kind: 'text', text: 'and?' }] },
  ],
}

describe('a request', () => {
  test('has turns that alternate, and results that are never empty', () => {
    const claude = { ...called, model: 'eu.anthropic.claude-x' }
    expect(writeChat('bedrock', claude, 'openai')).toEqual({
      messages: [
        { role: 'user', content: [{ text: 'hi' }] },
        {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
            { reasoningContent: { redactedContent: 'r' } },
            { toolUse: { toolUseId: 't1', name: 'time', input: { a: 1 } } },
          ],
        },
        {
          role: 'user',
          content: [
            { toolResult: { toolUseId: 't1', content: [{ text: ' ' }], status: 'error' } },
            { text: 'and?' },
          ],
        },
      ],
      inferenceConfig: {},
      toolConfig: {
        tools: [{ toolSpec: { name: 'time', inputSchema: { json: closed }, strict: true } }],
      },
    })
  })

  test('passes on to a model of Anthropic’s what only that has', () => {
    const claude = { ...base, model: 'eu.anthropic.claude-x', topK: 3, thinkingTokens: 2_000 }
    expect(writeChat('bedrock', claude, 'anthropic')).toMatchObject({
      additionalModelRequestFields: {
        top_k: 3,
        thinking: { type: 'enabled', budget_tokens: 2_000 },
      },
    })
  })

  test('tells a model of Anthropic’s not to think', () => {
    const claude = { ...base, model: 'eu.anthropic.claude-x', effort: 'none' } as const
    expect(writeChat('bedrock', claude, 'openai')).toMatchObject({
      additionalModelRequestFields: { thinking: { type: 'disabled' } },
    })
    for (const thinkingTokens of [-1, 0]) {
      const { model } = claude
      expect(writeChat('bedrock', { ...base, model, thinkingTokens }, 'anthropic')).toMatchObject({
        field: 'thinking.budget_tokens',
      })
    }
    expect(writeChat('bedrock', { ...base, effort: 'none' }, 'anthropic')).toMatchObject({
      field: 'thinking.type',
    })
  })

  const image = (source: object) => ({
    messages: [{ role: 'user', parts: [{ kind: 'image', source }] }],
  })
  test.each<[string, object]>([
    ['seed', { seed: 1 }],
    ['reasoning_effort', { effort: 'minimal' }],
    ['topK', { topK: 3 }],
    ['thinkingTokens', { thinkingTokens: 9 }],
    ['temperature', { temperature: 1.5 }],
    ['response_format', { format: { kind: 'json' } }],
    ['tool_choice', { ...called, toolChoice: { kind: 'none' } }],
    ['messages', image({ kind: 'url', url: 'https://x.example/a.png' })],
    ['messages', image({ kind: 'data', mediaType: 'image/bmp', data: '' })],
  ])('is refused by %s', (field, change) => {
    const written = writeChat('bedrock', { ...base, ...change }, 'openai')
    expect(isUnsayable(written) && written.field).toBe(field)
  })

  test('of any caller is understood', () => {
    const named = { model: 'm', stream: false }
    const parsed = parseChat('gemini', { contents: [{ parts: [{ text: 'x' }] }] }, named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    expect(isUnsayable(writeChat('bedrock', parsed, 'gemini'))).toBe(false)
  })
})

describe('an answer', () => {
  const message = {
    role: 'assistant',
    content: [
      { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
      { reasoningContent: { redactedContent: 'r' } },
      { text: 'I look.' },
      { toolUse: { toolUseId: 't', name: 'time', input: { a: 1 } } },
    ],
  }
  const usage = {
    ...{ inputTokens: 5, outputTokens: 7, cacheReadInputTokens: 3, cacheWriteInputTokens: 2 },
  }

  test('counts cached input as input', () => {
    expect(readBedrock({ output: { message }, stopReason: 'tool_use', usage })).toEqual({
      ...{ id: '', model: '', stop: 'tool-calls' },
      parts: [
        { kind: 'thinking', text: 'hm', signature: 'anthropic:s' },
        { kind: 'thinking', text: '', signature: 'redacted:r' },
        { kind: 'text', text: 'I look.' },
        { kind: 'tool-call', id: 't', name: 'time', arguments: '{"a":1}' },
      ],
      usage: { input: 10, output: 7, cached: 3, cacheWritten: 2, reasoning: 0 },
    })
  })

  test.each<[object, string]>([
    [{}, 'content'],
    [{ output: { message } }, 'stopReason'],
    [{ output: { message }, stopReason: 'malformed_tool_use' }, 'malformed_tool_use'],
  ])('that is not whole is none: %o', (body, why) => {
    const reading = readBedrockWhole(JSON.stringify(body))
    expect(reading.kind === 'incomplete' && reading.reason).toContain(why)
  })

  test('is an error where an exception says so', () => {
    const said = { event: 'serviceUnavailableException', data: '{"message":"later"}' }
    expect(readBedrockEvent(said)).toEqual([
      { kind: 'error', status: 503, code: 'serviceUnavailableException', message: 'later' },
    ])
    expect(readBedrockEvent({ event: 'newThing', data: '{}' })).toEqual([])
    expect(readBedrockEvent({ event: 'metadata', data: '<' })).toContain('not JSON')
  })
})
