// Tools that are given a text, as OpenAI's dialects have them, before models of all others.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ChatEvent, type EngineDialect, engineDialects, noUsage } from './chat.ts'
import { CustomInput, customArguments, customInput } from './custom-tool.ts'
import { withoutParam } from './drop-param.ts'
import { type JsonObject, jsonOf, listOf, objectOf } from './json.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const input = '*** Begin Patch\n+ "é" \\ 😀\t\n*** End Patch'
const description = 'changes files'
const result = { call_id: 'c1', output: 'done' }

const asked = {
  openai: {
    messages: [
      { role: 'user', content: 'fix it' },
      {
        ...{ role: 'assistant', content: null },
        tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'patch', input } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'done' },
    ],
    tools: [{ type: 'custom', custom: { name: 'patch', description, format: { type: 'text' } } }],
    tool_choice: { type: 'custom', custom: { name: 'patch' } },
  },
  'openai-responses': {
    input: [
      { role: 'user', content: 'fix it' },
      { type: 'custom_tool_call', id: 'ctc_1', call_id: 'c1', name: 'patch', input },
      { type: 'custom_tool_call_output', ...result },
    ],
    tools: [
      { type: 'custom', name: 'patch', description },
      { type: 'namespace', name: 'db', tools: [{ type: 'custom', name: 'sql' }] },
    ],
    tool_choice: { type: 'custom', name: 'patch' },
  },
} as const
const callers = ['openai', 'openai-responses'] as const
type Caller = (typeof callers)[number]

describe.each(callers)('in %s', (from) => {
  const named = { model: 'm', stream: false }
  const parsedOf = (more: object = {}) => {
    const parsed = parseChat(from, { model: 'm', ...asked[from], ...more }, named)
    if (isUnsayable(parsed)) throw new Error(`${parsed.field}: ${parsed.message}`)
    return parsed
  }

  test.each(engineDialects)('they are told to %s, with the calls so far', (to: EngineDialect) => {
    const written = writeChat(to, parsedOf(), from)
    if (isUnsayable(written)) throw new Error(`${written.field}: ${written.message}`)
    const json = JSON.stringify(written)
    expect(json).toContain('"required":["input"]')
    expect(json).toContain(description)
    expect(json).toContain(JSON.stringify(input).slice(1, -1).slice(0, 15))
    expect(json).not.toContain('custom')
  })

  test('several may be all that is allowed', () => {
    const tool = from === 'openai' ? { type: 'custom', custom: { name: 'patch' } } : null
    const tools = [tool ?? { type: 'custom', name: 'patch' }]
    const some = { mode: 'auto', tools }
    const choice = from === 'openai' ? { allowed_tools: some } : some
    const { tools: told } = parsedOf({ tool_choice: { type: 'allowed_tools', ...choice } })
    expect(told.map(({ name }) => name)).toEqual(['patch'])
  })

  test('a grammar is refused by its name, and a target may go without', () => {
    const format = { type: 'grammar', syntax: 'lark', definition: 'start: "x"' }
    const tool = { name: 'patch', format }
    const isChat = from === 'openai'
    const tools = [isChat ? { type: 'custom', custom: tool } : { type: 'custom', ...tool }]
    const body = { model: 'm', ...asked[from], tools }
    const refused = parseChat(from, body, named)
    const at = isChat ? 'custom.format' : 'format'
    expect(refused).toMatchObject({ kind: 'unsayable', field: `tools[0].${at}.type` })
    const without = withoutParam(body, `tools[0].${at}.type`, [`tools[].${at}`])
    expect(parsedOf(without?.body).tools).toMatchObject([{ name: 'patch' }])
  })

  test('a call is given back as one of theirs, others as they are', () => {
    const call = { kind: 'tool-call', id: 'c2', name: 'patch' } as const
    const other = {
      kind: 'tool-call',
      id: 'c3',
      name: 'other',
      arguments: '{"input":"x"}',
    } as const
    const parts = [{ ...call, arguments: customArguments(input) }, other]
    const answer = { id: 'a', model: 'm', parts, stop: 'tool-calls', usage: noUsage } as const
    const written = objectOf(writeAnswer(from, answer, { request: asked[from], createdS: 1 }))
    const made = from === 'openai' ? callsOf(written) : listOf(written['output'])
    expect(made).toMatchObject(calls(from, 'patch', input))
    expect(JSON.stringify(made)).toContain('{\\"input\\":\\"x\\"}')
  })

  test.each([[1], [3], [1_000]])('and so in a stream, in pieces of %i', (size) => {
    const args = customArguments(input)
    const pieces = Array.from({ length: Math.ceil(args.length / size) }, (_, i) =>
      args.slice(i * size, (i + 1) * size),
    )
    const events: ChatEvent[] = [
      { kind: 'tool-start', index: 0, id: 'c2', name: 'patch' },
      ...pieces.map((text) => ({ kind: 'tool-arguments', index: 0, text }) as const),
      { kind: 'tool-start', index: 1, id: 'c3', name: 'other' },
      { kind: 'tool-arguments', index: 1, text: '{"input":"x"}' },
      { kind: 'stop', choice: 0, stop: 'tool-calls' },
    ]
    expect(streamed(from, events)).toMatchObject(calls(from, 'patch', input))
  })

  test('arguments of another form are given as they are', () => {
    for (const args of ['{"patch":"x"}', '{}', '', 'no JSON', '{"input":7}']) {
      const events: ChatEvent[] = [
        { kind: 'tool-start', index: 0, id: 'c2', name: 'patch' },
        { kind: 'tool-arguments', index: 0, text: args },
        { kind: 'stop', choice: 0, stop: 'tool-calls' },
      ]
      expect(streamed(from, events)).toMatchObject(calls(from, 'patch', args).slice(0, 1))
    }
  })
})

test('those of a namespace find their way back to it', () => {
  const events: ChatEvent[] = [
    { kind: 'tool-start', index: 0, id: 'c2', name: 'db__sql' },
    { kind: 'tool-arguments', index: 0, text: customArguments('select 1') },
  ]
  const [call] = streamed('openai-responses', events)
  expect(call).toMatchObject({
    ...{ type: 'custom_tool_call', name: 'sql', namespace: 'db', input: 'select 1' },
  })
})

test('whatever the text, and however its JSON comes, it is the same', () => {
  const spaces = fc.constantFrom('', ' ', '\n  ')
  const made = fc.tuple(fc.string({ unit: 'binary' }), spaces, fc.boolean())
  const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 })
  fc.assert(
    fc.property(made, sizes, ([text, space, isEscaped], lengths) => {
      const json = JSON.stringify(text)
      const hex = (one: string) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
      const inside = isEscaped ? json.replaceAll(/[^\x20-\x7e]/g, hex) : json
      const args = `${space}{${space}"input"${space}:${space}${inside}${space}}${space}`
      const reader = new CustomInput()
      let read = ''
      for (let at = 0, i = 0; at < args.length; i++) {
        const length = lengths[i % lengths.length] ?? 1
        read += reader.take(args.slice(at, at + length))
        at += length
      }
      expect(read + reader.rest()).toBe(text)
      expect(customInput(args)).toBe(text)
    }),
  )
})

test('what models write that is not quite JSON', () => {
  expect(customInput('{"input":"a\nb"}')).toBe('a\nb')
  expect(customInput('{"input":"a\\d"}')).toBe('a\\d')
  expect(customInput('{"input":"cut \\u00')).toBe('cut ')
  const wide = `{${' '.repeat(5_000)}`
  expect(customInput(wide)).toBe(wide)
})

function calls(from: Caller, name: string, text: string): object[] {
  if (from === 'openai') {
    const other = { type: 'function', function: { name: 'other', arguments: '{"input":"x"}' } }
    return [
      { id: 'c2', type: 'custom', custom: { name, input: text } },
      { id: 'c3', ...other },
    ]
  }
  const other = { type: 'function_call', call_id: 'c3', name: 'other' }
  return [{ type: 'custom_tool_call', call_id: 'c2', name, input: text }, other]
}

function callsOf(completion: JsonObject): readonly unknown[] {
  return listOf(objectOf(objectOf(listOf(completion['choices'])[0])['message'])['tool_calls'])
}

/** The calls of a stream, put together as clients do. */
function streamed(from: Caller, events: readonly ChatEvent[]): readonly unknown[] {
  const about = { id: 'a', model: 'm', createdS: 1, streamUsage: false, sent: null }
  const writer = newChatWriter(from, about, asked[from])
  const text = events.map((event) => writer.write(event)).join('') + writer.end()
  expect(writer.wrong ?? null).toBeNull()
  const told = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = '']) => objectOf(jsonOf(data)))
  if (from === 'openai-responses') {
    const deltas = told.filter(({ type }) => type === 'response.custom_tool_call_input.delta')
    const done = told.find(({ type }) => type === 'response.custom_tool_call_input.done')
    expect(deltas.map(({ delta }) => delta).join('')).toBe(done?.['input'])
    return listOf(objectOf(told.at(-1)?.['response'])['output'])
  }
  const made: Record<string, Record<string, string>>[] = []
  for (const { choices } of told) {
    const { delta } = objectOf(listOf(choices)[0])
    for (const one of listOf(objectOf(delta)['tool_calls']).map(objectOf)) {
      const { index, id, type } = one
      if (id !== undefined) made[Number(index)] = { id, type, custom: {}, function: {} } as never
      for (const kind of ['custom', 'function']) {
        for (const [name, piece] of Object.entries(objectOf(one[kind]))) {
          const before = made[Number(index)]?.[kind]
          if (before !== undefined) before[name] = (before[name] ?? '') + String(piece)
        }
      }
    }
  }
  return made
}
