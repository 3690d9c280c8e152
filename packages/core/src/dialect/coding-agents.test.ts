// What command lines for writing code say with every request (Codex, Claude Code, opencode), to models of another
// dialect than theirs.

import { expect, test } from 'vitest'
import { type ChatAnswer, engineDialects } from './chat.ts'
import { type JsonObject, objectOf } from './json.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const named = { model: 'm', stream: false }
const parameters = { type: 'object', properties: {} }
const spawn = { type: 'function', name: 'spawn', description: 'Starts one.', parameters }
const agents = { type: 'namespace', name: 'agents', description: 'Others.', tools: [spawn] }
const called = { type: 'function_call', call_id: 'c', namespace: 'agents', name: 'spawn' }
const codex: JsonObject = {
  model: 'm',
  input: [
    { role: 'user', content: 'x' },
    { ...called, arguments: '{}' },
    { type: 'function_call_output', call_id: 'c', output: 'y' },
  ],
  tools: [{ type: 'function', name: 'plain', parameters }, agents],
  client_metadata: { session_id: 's' },
}

test.each(engineDialects)('tools in a namespace have one name at %s', (to) => {
  const parsed = parseChat('openai-responses', codex, named)
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  const text = JSON.stringify(writeChat(to, parsed, 'openai-responses'))
  expect(text.match(/"(plain|agents__spawn)"/g)?.length).toBeGreaterThanOrEqual(3)
  expect(text).not.toMatch(/"(spawn|agents)"/)
  expect(text).toContain('Others.\\n\\nStarts one.')
})

test('a call is of the namespace that its request has, whole and streamed', () => {
  const call = { kind: 'tool-call', id: 'c', name: 'agents__spawn', arguments: '{}' } as const
  const other = { ...call, name: 'agents__other' }
  const usage = { input: 1, output: 1, cached: 0, cacheWritten: 0, reasoning: 0 }
  const answer: ChatAnswer = {
    ...{ id: 'r', model: 'm', parts: [call, other], stop: 'tool-calls', usage },
  }
  const whole = objectOf(writeAnswer('openai-responses', answer, { request: codex, createdS: 1 }))
  const calls = [called, { type: 'function_call', name: 'agents__other' }]
  expect(whole['output']).toMatchObject(calls)
  const options = { id: 'r', model: 'm', createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter('openai-responses', options, codex)
  const { id, name, arguments: text } = call
  const events = [
    writer.write({ kind: 'tool-start', index: 0, id, name }),
    writer.write({ kind: 'tool-arguments', index: 0, text }),
    writer.write({ kind: 'stop', choice: 0, stop: 'tool-calls' }),
    writer.end(),
  ]
    .join('')
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)))
  const items = events.filter(({ item }) => item !== undefined).map(({ item }) => item)
  expect(items).toMatchObject([called, called])
  const done = events.find(({ type }) => type === 'response.function_call_arguments.done')
  expect(done).toMatchObject({ name: 'spawn' })
  expect(events.at(-1).response.output).toMatchObject([called])
})

const asked = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }

test('to clear none of what was thought is nothing to do', () => {
  const edit = { type: 'clear_thinking_20251015', keep: 'all' }
  const managed = (edits: readonly object[]) =>
    parseChat('anthropic', { ...asked, context_management: { edits } }, named)
  expect(managed([edit])).toEqual(parseChat('anthropic', asked, named))
  const turns = { ...edit, keep: { type: 'thinking_turns', value: 1 } }
  expect(managed([turns])).toMatchObject({ field: 'context_management.edits[0].keep' })
})

test('what callers of OpenAI’s dialect mark to be kept is kept by Anthropic', () => {
  const cache_control = { type: 'ephemeral' }
  const text = { type: 'text', text: 'x' }
  const marked = [
    { messages: [{ role: 'user', content: 'x', cache_control }] },
    { messages: [{ role: 'user', content: [{ ...text, cache_control }] }] },
    {
      messages: [{ role: 'user', content: 'x' }],
      tools: [{ type: 'function', function: { name: 'f', parameters }, cache_control }],
    },
  ]
  const written = (body: object, to: 'anthropic' | 'gemini') => {
    const parsed = parseChat('openai', { model: 'm', ...body }, named)
    return objectOf(isUnsayable(parsed) ? parsed : writeChat(to, parsed, 'openai'))
  }
  for (const body of marked) {
    expect(written(body, 'anthropic')).toMatchObject({ cache_control })
    expect(written(body, 'gemini')).not.toHaveProperty('field')
  }
  const plain = { messages: [{ role: 'user', content: 'x' }] }
  expect(written(plain, 'anthropic')).not.toHaveProperty('cache_control')
})
