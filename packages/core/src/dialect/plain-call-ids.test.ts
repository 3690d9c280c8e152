import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChatRequest, Message } from './chat.ts'
import { callIdsOfNine, plainCallIds } from './plain-call-ids.ts'
import { writeChat } from './translate.ts'

function turn(id: string): Message[] {
  const parts = [{ kind: 'text', text: 'so' } as const]
  return [
    { role: 'assistant', parts: [{ kind: 'tool-call', id, name: 'f', arguments: '{}' }] },
    { role: 'user', parts: [{ kind: 'tool-result', id, parts, isError: false }] },
  ]
}

function idsOf(messages: readonly Message[]): string[] {
  return messages.flatMap(({ parts }) => parts.map((part) => ('id' in part ? part.id : '')))
}

test.each([
  ['named', plainCallIds, /^[a-zA-Z0-9_-]{1,64}$/],
  ['of nine', callIdsOfNine, /^[a-zA-Z0-9]{9}$/],
] as const)('results name their calls, and no two ids become one (P1): %s', (_, rename, form) => {
  const id = fc.oneof(
    ...[fc.string({ maxLength: 3 }), fc.stringMatching(/^[a.:_]{1,3}(_2)?$/)],
    fc.stringMatching(/^a{55,66}[.b]?$/),
  )
  fc.assert(
    fc.property(fc.uniqueArray(id), (ids) => {
      const made = idsOf(rename(ids.flatMap(turn)))
      const calls = made.filter((_, i) => i % 2 === 0)
      expect(made.filter((_, i) => i % 2 === 1)).toEqual(calls)
      expect(new Set(calls).size).toBe(ids.length)
      for (const one of calls) expect(one).toMatch(form)
    }),
  )
})

test('what may stay stays, and others are the same in each turn (P2)', () => {
  const ids = ['f.w:0', 'toolu_1', 'f.w.0', 'f_w_0', '']
  const made = (some: readonly string[]) => idsOf(plainCallIds(some.flatMap(turn)))
  const pairs = ['f_w_0_2', 'toolu_1', 'f_w_0_3', 'f_w_0', 'call']
  expect(made(ids)).toEqual(pairs.flatMap((one) => [one, one]))
  const before = made(ids.slice(0, 3))
  expect(made([...ids.slice(0, 3), 'f:x', 'toolu_2']).slice(0, 6)).toEqual(before)
  const messages = turn('toolu_1')
  expect(plainCallIds(messages)).toBe(messages)
})

test('models of Mistral’s get nine letters and digits', () => {
  const ids = ['toolu_01AbCdEfGhIjKl', 'call_01xAbCdEfGhIjKl', 'abcDEF123', '']
  const request: ChatRequest = {
    ...{ model: 'mistral-large-latest', system: '', stream: false, streamUsage: true },
    ...{ tools: [{ name: 'f', parameters: {} }], messages: ids.flatMap(turn) },
  }
  const calls = (model: string) => {
    const written = JSON.stringify(writeChat('openai', { ...request, model }, 'anthropic'))
    return [...written.matchAll(/"tool_calls":\[\{"id":"([^"]*)"/g)].map(([, id]) => id)
  }
  expect(calls(request.model)).toEqual(['dEfGhIjKl', 'dEfGhIjK2', 'abcDEF123', '000000000'])
  expect(calls('llama')).toEqual(ids)
})

describe('ids of calls are what is taken', () => {
  const request: ChatRequest = {
    ...{ model: 'anthropic.claude', system: '', stream: false, streamUsage: true },
    tools: [{ name: 'f', parameters: {} }],
    messages: turn('functions.w:0'),
  }
  test.each(['anthropic', 'bedrock'] as const)('by %s', (to) => {
    const written = JSON.stringify(writeChat(to, request, 'openai'))
    expect(written.match(/functions_w_0"/g)).toHaveLength(2)
    expect(written).not.toContain('functions.w:0')
  })

  test.each(['openai', 'openai-responses'] as const)('as they are by %s', (to) => {
    expect(JSON.stringify(writeChat(to, request, 'openai'))).toContain('functions.w:0')
  })
})
