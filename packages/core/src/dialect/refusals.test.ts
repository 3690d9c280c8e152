// What a caller is told is wrong, and what is asked of a target in forms of its own.

import { describe, expect, test } from 'vitest'
import { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
import {
  type ChatDialect,
  type ChatEvent,
  type EngineDialect,
  noUsage,
  type Part,
  type ToolCall,
} from './chat.ts'
import { objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { newChatWriter, parseChat, whyUnsaid, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const named = { model: 'm', stream: false }

describe('the field that is at fault is named, however deep it stands', () => {
  const fieldIn = (dialect: 'openai-responses' | 'gemini', body: object) => {
    const parsed = parseChat(dialect, { model: 'm', ...body }, named)
    return isUnsayable(parsed) ? parsed.field : null
  }
  test.each([
    [{ type: 'item_reference', id: 'x' }, 'input[0].type'],
    [{ type: 'reasoning', id: 'x', summary: [], content: 7 }, 'input[0].content'],
    [{ role: 'user', content: [{ type: 'input_audio', data: 'x' }] }, 'input[0].content[0].type'],
    [{ role: 'user', content: 'x', cache: 1 }, 'input[0].cache'],
    [{ type: 'function_call_output', call_id: 'c', output: [{ type: 'x' }] }, /output\[0\]\.type$/],
  ])('of an item %j', (item, field) => {
    expect(fieldIn('openai-responses', { input: [item] })).toMatch(field)
  })

  test.each([
    [{ fileData: { fileUri: 'x' } }, 'contents[0].parts[0].fileData'],
    [{ inlineData: { mimeType: 'audio/ogg', data: '' } }, /inlineData\.mimeType$/],
    [{ text: 'x', videoMetadata: {} }, /videoMetadata$/],
  ])('of a part %j', (part, field) => {
    expect(fieldIn('gemini', { model: undefined, contents: [{ parts: [part] }] })).toMatch(field)
  })
})

describe('what is right in its own dialect has no counterpart, and is not called wrong', () => {
  const messages = [{ role: 'user', content: 'x' }]
  const contents = [{ parts: [{ text: 'x' }] }]
  const anthropic = { max_tokens: 9, messages }
  test.each<[ChatDialect, object, string, string]>([
    ['openai-responses', { input: 'x', text: { verbosity: 'x' } }, 'text.verbosity', ': "low"'],
    [
      'openai-responses',
      { input: 'x', tools: [{ type: 'custom', name: 'p', format: { type: 'grammar' } }] },
      'tools[0].format.type',
      '"text"',
    ],
    ['openai-responses', { input: [{ type: 'compaction', id: 'c' }] }, 'input[0].type', ''],
    ['openai', { messages, store: true }, 'store', ': false'],
    ['openai', { messages: [{ role: 'user', content: [{ type: 'video' }] }] }, '', '"image_url"'],
    [
      'anthropic',
      { ...anthropic, output_config: { effort: 'added later' } },
      'output_config.effort',
      '"low"',
    ],
    ['anthropic', { ...anthropic, tools: [{ type: 'bash_x', name: 'bash' }] }, 'tools[0].type', ''],
    ['anthropic', { ...anthropic, tools: [{ name: 'f', server: 'x' }] }, 'tools[0].server', ''],
    [
      'anthropic',
      { ...anthropic, thinking: { type: 'adaptive', display: 'omitted' } },
      'thinking.display',
      '',
    ],
    ['gemini', { contents, tools: [{ googleSearch: {} }] }, 'tools[0].googleSearch', ''],
    ['gemini', { contents, safetySettings: [{}] }, 'safetySettings[0]', ''],
  ])('in %s: %j', (dialect, body, field, more) => {
    const model = dialect === 'gemini' ? {} : { model: 'm' }
    const parsed = parseChat(dialect, { ...model, ...body }, named)
    if (!isUnsayable(parsed)) throw new Error('it is taken')
    expect(parsed.field.startsWith(field)).toBe(true)
    expect(parsed.message).toContain('it has no counterpart in the dialect of the target')
    expect(parsed.message).toContain(more)
  })

  test('but what is missing, or of another type, is', () => {
    const why = (body: object) => {
      const parsed = parseChat('openai', { model: 'm', ...body }, named)
      return isUnsayable(parsed) ? [parsed.field, parsed.message] : null
    }
    const wrong = expect.stringContaining('expected')
    expect(why({})).toEqual(['messages', expect.stringContaining('expected array')])
    expect(why({ messages: 7 })).toEqual(['messages', wrong])
    const tools = [{ function: { name: 'f' } }]
    const said = why({ messages, tools })
    expect(said).toEqual(['tools[0].type', wrong])
    const [, message] = why({ messages: [{ content: 'x' }] }) ?? []
    expect([said?.[1], message].join()).not.toContain('counterpart')
  })
})

describe('Gemini', () => {
  test('finds the call of a result that alone has an id', () => {
    const call = (id: string | null) => ({ functionCall: { id, name: 'w', args: {} } })
    const answer = (id: string) => ({
      functionResponse: { id, name: 'w', response: { output: id } },
    })
    const contents = (...results: readonly string[]) => [
      { role: 'model', parts: [call(null), call('own'), call(null)] },
      { role: 'user', parts: results.map(answer) },
    ]
    const ids = (...results: readonly string[]) => {
      const parsed = parseChat('gemini', { contents: contents(...results) }, named)
      if (isUnsayable(parsed)) return parsed.field
      return parsed.messages[1]?.parts.map((part) => ('id' in part ? part.id : null))
    }
    expect(ids('mine', 'own', 'other')).toEqual(['call_0', 'own', 'call_2'])
    expect(ids('mine', 'other', 'third')).toBe('contents[1].parts[2]')
  })

  test('reads members in both ways of writing, but none that callers named', () => {
    const args = { some_city: 'x' }
    const schema = { type: 'object', properties: { some_city: { type: 'string' } } }
    const parsed = parseChat(
      'gemini',
      {
        system_instruction: { parts: [{ text: 'be brief' }] },
        contents: [
          { role: 'user', parts: [{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }] },
          { role: 'model', parts: [{ function_call: { name: 'f_g', args } }] },
          { role: 'function', parts: [{ function_response: { name: 'f_g', response: args } }] },
        ],
        tools: [{ function_declarations: [{ name: 'f_g', parameters_json_schema: schema }] }],
        generation_config: { max_output_tokens: 9, response_mime_type: 'application/json' },
      },
      named,
    )
    expect(parsed).toMatchObject({
      ...{ system: 'be brief', maxTokens: 9, format: { kind: 'json' } },
      tools: [{ name: 'f_g', parameters: schema }],
      messages: [
        { parts: [{ kind: 'image', source: { mediaType: 'image/png' } }] },
        { parts: [{ kind: 'tool-call', name: 'f_g', arguments: JSON.stringify(args) }] },
        { parts: [{ kind: 'tool-result', parts: [{ text: JSON.stringify(args) }] }] },
      ],
    })
    const twice = { systemInstruction: { parts: [] }, system_instruction: { parts: [] } }
    expect(parseChat('gemini', { contents: [{ parts: [] }], ...twice }, named)).toMatchObject({
      ...{ kind: 'unsayable', field: 'system_instruction' },
    })
  })

  test.each([
    ['gemini-3-pro-preview', true],
    ['models/gemini-flash-latest', true],
    ['gemini-2.5-flash', false],
    ['another', false],
  ])('%s is told that calls of others have no signature: %s', (model, isTold) => {
    const call = (id: string): ToolCall => ({ kind: 'tool-call', id, name: 'f', arguments: '{}' })
    const said = (parts: readonly Part[]) =>
      JSON.stringify(
        writeChat(
          'gemini',
          {
            ...{ model, system: '', tools: [], stream: false, streamUsage: true },
            messages: [{ role: 'assistant', parts }],
          },
          'openai',
        ),
      ).match(/"thoughtSignature":"[^"]*"/g)
    const foreign = ['"thoughtSignature":"skip_thought_signature_validator"']
    expect(said([call('a'), call('b')])).toEqual(isTold ? foreign : null)
    const signed = { kind: 'thinking', text: '', signature: 'gemini:own' } as const
    expect(said([signed, call('a'), call('b')])).toEqual(['"thoughtSignature":"own"'])
    const other = { ...signed, signature: 'anthropic:own' }
    expect(said([other, call('a'), call('b')])).toEqual(isTold ? foreign : null)
  })

  const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } }
  const body = {
    candidates: [{ index: 0, content: { parts: [{ text: 'so' }, image] }, finishReason: 'STOP' }],
  }

  test('an image in its answer is said to Gemini’s callers, and no others', () => {
    const answer = readAnswer('gemini', body)
    const about = { request: {}, createdS: 1 }
    expect(JSON.stringify(writeAnswer('gemini', answer, about))).toContain(JSON.stringify(image))
    expect(whyUnsaid('gemini', answer)).toBe(null)
    for (const dialect of ['openai', 'openai-responses', 'anthropic'] as const) {
      expect(whyUnsaid(dialect, answer)).toContain('an image')
    }
    const source = { kind: 'data', mediaType: 'image/png', data: 'AAAA' } as const
    for (const dialect of ['openai', 'openai-responses', 'anthropic', 'gemini'] as const) {
      const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }
      const writer = newChatWriter(dialect, options, {})
      const events: ChatEvent[] = [{ kind: 'image', source }]
      const written = events.map((event) => writer.write(event)).join('')
      expect([dialect, written.includes('AAAA'), writer.wrong ?? null]).toEqual(
        dialect === 'gemini'
          ? [dialect, true, null]
          : [dialect, false, expect.stringContaining('an image')],
      )
    }
  })
})

test('who asks to read the thoughts gets them where they are given only on demand', () => {
  const messages = [{ role: 'user', content: 'x' }]
  const thinking = { type: 'enabled', budget_tokens: 1_024 }
  const asked = [
    ['openai-responses', { model: 'm', input: 'x', reasoning: { summary: 'auto' } }, true],
    ['openai-responses', { model: 'm', input: 'x', reasoning: { effort: 'low' } }, undefined],
    ['anthropic', { model: 'm', max_tokens: 9, messages, thinking }, true],
    ['anthropic', { model: 'm', max_tokens: 9, messages, thinking: { type: 'adaptive' } }, true],
    [
      'anthropic',
      { model: 'm', max_tokens: 9, messages, thinking: { type: 'disabled' } },
      undefined,
    ],
  ] as const
  for (const [dialect, body, includeThoughts] of asked) {
    const parsed = parseChat(dialect, body, named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const { generationConfig } = objectOf(writeChat('gemini', parsed, dialect))
    expect(objectOf(objectOf(generationConfig)['thinkingConfig'])['includeThoughts']).toBe(
      includeThoughts,
    )
  }
  const generationConfig = { thinkingConfig: { includeThoughts: true } }
  const parsed = parseChat(
    'gemini',
    { contents: [{ parts: [{ text: 'x' }] }], generationConfig },
    named,
  )
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  expect(writeChat('openai-responses', parsed, 'gemini')).toMatchObject({
    reasoning: { summary: 'auto' },
  })
})

describe('a refusal of OpenAI’s is one in both of its dialects, and a text elsewhere', () => {
  const parts = [{ kind: 'text', text: 'I cannot', isRefusal: true } as const]
  const answer = { id: 'a', model: 'm', parts, stop: 'stop', usage: noUsage } as const
  const about = { request: {}, createdS: 1 }
  const read = { openai: readOpenaiEvent, 'openai-responses': readResponsesEvent } as const

  test.each(['openai', 'openai-responses'] as const)('whole and streamed, in %s', (dialect) => {
    const whole = objectOf(writeAnswer(dialect, answer, about))
    expect(JSON.stringify(whole)).toContain('"refusal":"I cannot"')
    expect(JSON.stringify(whole)).not.toContain('output_text')
    expect(readAnswer(dialect, whole).parts).toEqual(parts)
    const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }
    const writer = newChatWriter(dialect, options, {})
    const frames = eventsOfAnswer(answer).map((event) => writer.write(event))
    const data = [...`${frames.join('')}${writer.end()}`.matchAll(/^data: (\{.*)$/gm)]
    const events = data.flatMap(([, json = '']): readonly ChatEvent[] => {
      const said = read[dialect]({ event: '', data: json })
      return typeof said === 'string' ? [] : said
    })
    expect(answerOfEvents(events)?.parts).toEqual(parts)
    expect(JSON.stringify(writeAnswer('anthropic', answer, about))).toContain('"text":"I cannot"')
  })

  test('is said again in the next turn', () => {
    const messages = [
      { role: 'user', content: 'x' },
      { role: 'assistant', content: null, refusal: 'I cannot' },
      { role: 'user', content: 'y' },
    ]
    const parsed = parseChat('openai', { model: 'm', messages }, named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const said = JSON.stringify(writeChat('openai-responses', parsed, 'openai'))
    expect(said).toContain('{"type":"refusal","refusal":"I cannot"}')
    expect(JSON.stringify(writeChat('gemini', parsed, 'openai'))).toContain('I cannot')
  })
})

test('what would have no effect at the target is refused', () => {
  const fieldFor = (to: EngineDialect, more: object) => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'x' }], ...more }
    const parsed = parseChat('openai', body, named)
    if (isUnsayable(parsed)) return parsed.field
    const written = writeChat(to, parsed, 'openai')
    return isUnsayable(written) ? written.field : null
  }
  expect(fieldFor('anthropic', { tool_choice: 'required' })).toBe('tool_choice')
  expect(fieldFor('anthropic', { tool_choice: 'none' })).toBe(null)
  const seen = (detail: string) => ({
    messages: [
      {
        role: 'user',
        content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail } }],
      },
    ],
  })
  for (const to of ['anthropic', 'gemini', 'bedrock'] as const) {
    expect([fieldFor(to, seen('low')), fieldFor(to, seen('high'))]).toEqual(['messages', null])
  }
  expect(fieldFor('openai-responses', seen('low'))).toBe(null)
})

test.each(['gemini', 'bedrock'] as const)('whose end user it is changes no answer: %s', (to) => {
  const messages = [{ role: 'user', content: 'x' }]
  const written = (from: ChatDialect, more: object) => {
    const parsed = parseChat(from, { model: 'm', max_tokens: 9, messages, ...more }, named)
    return isUnsayable(parsed) ? parsed : writeChat(to, parsed, from)
  }
  expect(isUnsayable(written('openai', {}))).toBe(false)
  expect(written('openai', { user: 'u' })).toEqual(written('openai', {}))
  expect(written('anthropic', { metadata: { user_id: 'u' } })).toEqual(written('anthropic', {}))
})

test.each<[EngineDialect, string]>([
  ['openai', 'max_tokens'],
  ['openai-responses', 'max_output_tokens'],
  ['anthropic', 'max_tokens'],
])('the limit of %s is %s', (dialect, name) => {
  const parsed = parseChat(
    'openai',
    { model: 'm', messages: [{ role: 'user', content: 'x' }] },
    named,
  )
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  expect(objectOf(writeChat(dialect, { ...parsed, maxTokens: 7 }, 'openai'))[name]).toBe(7)
})

test.each([
  [{}, 4_096],
  [{ thinkingTokens: 0 }, 4_096],
  [{ thinkingTokens: 8_000 }, 12_096],
  [{ thinkingTokens: 8_000, maxTokens: 9_000 }, 9_000],
])('what Anthropic demands as a limit has room for the thoughts: %o', (settings, max_tokens) => {
  const messages = [{ role: 'user', parts: [{ kind: 'text', text: 'x' }] }] as const
  const request = { model: 'm', system: '', messages, tools: [], stream: false, streamUsage: true }
  expect(writeChat('anthropic', { ...request, ...settings }, 'gemini')).toMatchObject({
    max_tokens,
  })
})

describe('who wants no thoughts says so to every model', () => {
  const said = { role: 'user', content: 'x' }
  const thinkingConfig = { thinkingBudget: 0, includeThoughts: true }
  const callers: readonly (readonly [ChatDialect, object])[] = [
    ['openai', { messages: [said], reasoning_effort: 'none' }],
    ['openai-responses', { input: 'x', reasoning: { effort: 'none', summary: 'auto' } }],
    ['gemini', { contents: [{ parts: [{ text: 'x' }] }], generationConfig: { thinkingConfig } }],
  ]

  test.each(callers)('in %s', (dialect, body) => {
    const model = dialect === 'gemini' ? {} : { model: 'm' }
    const parsed = parseChat(dialect, { ...body, ...model }, named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const told = (to: EngineDialect, model = 'm') =>
      objectOf(writeChat(to, { ...parsed, model }, dialect))
    expect(told('openai')).toMatchObject({ reasoning_effort: 'none' })
    expect(told('openai', 'gpt-4o')['reasoning_effort']).toBe(undefined)
    expect(told('openai-responses')).toMatchObject({ reasoning: { effort: 'none' } })
    expect(told('anthropic')).toMatchObject({ thinking: { type: 'disabled' } })
    expect(told('anthropic')['output_config']).toBe(undefined)
    expect(told('gemini')['generationConfig']).toMatchObject({
      thinkingConfig: { thinkingBudget: 0 },
    })
    expect(JSON.stringify(told('gemini'))).not.toContain('includeThoughts')
  })

  test('but for a caller of Anthropic’s, whose clients say by themselves what is so without it', () => {
    const body = { model: 'm', max_tokens: 9, messages: [said], thinking: { type: 'disabled' } }
    const parsed = parseChat('anthropic', body, named)
    if (isUnsayable(parsed)) throw new Error(parsed.message)
    const told = (to: EngineDialect, model = 'm') =>
      JSON.stringify(writeChat(to, { ...parsed, model }, 'anthropic'))
    expect(told('anthropic')).toContain('"thinking":{"type":"disabled"}')
    expect(told('bedrock', 'anthropic.claude-x')).toContain('"thinking":{"type":"disabled"}')
    for (const to of ['openai', 'openai-responses', 'gemini', 'bedrock'] as const) {
      expect(told(to)).not.toMatch(/reasoning|thinking/)
    }
  })
})
