// Settings that some dialects have and others do not: carried, or refused by the name that the caller gave.

import { expect, test } from 'vitest'
import { type ChatDialect, type EngineDialect, engineDialects } from './chat.ts'
import { objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

function written(from: ChatDialect, to: EngineDialect, body: object) {
  const named = { model: 'm', stream: false }
  const parsed = parseChat(from, from === 'gemini' ? { ...body } : { ...named, ...body }, named)
  return objectOf(isUnsayable(parsed) ? parsed : writeChat(to, parsed, from))
}

const messages = [{ role: 'user', content: 'x' }]

test('a member may have any name, in what callers and tools name themselves', () => {
  const own = JSON.parse('{"type":"object","__proto__":{"a":1},"properties":{"__proto__":{}}}')
  const call = { functionCall: { name: 'f', args: own } }
  const result = { functionResponse: { name: 'f', response: own } }
  const tools = [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: own }] }]
  const contents = [
    { parts: [{ text: 'x' }] },
    { role: 'model', parts: [call] },
    { parts: [result] },
  ]
  const parsed = parseChat('gemini', { contents, tools }, { model: 'm', stream: false })
  if (isUnsayable(parsed)) throw new Error(parsed.message)
  const json = JSON.stringify(writeChat('anthropic', parsed, 'gemini')).replaceAll('\\', '')
  expect(json.split('"__proto__":{"a":1}')).toHaveLength(4)
})

test('how much an answer says goes between OpenAI’s dialects, and nowhere else', () => {
  const said = { openai: { messages, verbosity: 'low' }, 'openai-responses': { input: 'x' } }
  const responses = { ...said['openai-responses'], text: { verbosity: 'low' } }
  expect(written('openai', 'openai', said.openai)).toMatchObject({ verbosity: 'low' })
  expect(written('openai', 'openai-responses', said.openai)['text']).toEqual({ verbosity: 'low' })
  expect(written('openai-responses', 'openai', responses)).toMatchObject({ verbosity: 'low' })
  for (const to of engineDialects.filter((one) => !one.startsWith('openai'))) {
    expect(written('openai', to, said.openai)).toMatchObject({ field: 'verbosity' })
    expect(written('openai-responses', to, responses)).toMatchObject({ field: 'text.verbosity' })
    const usual = { messages, verbosity: 'medium' } // as it is without
    expect(written('openai', to, usual)['kind']).toBe(undefined)
  }
})

test('the largest effort goes where there is one, and is refused elsewhere', () => {
  const asked = {
    openai: { messages, reasoning_effort: 'max' },
    'openai-responses': { input: 'x', reasoning: { effort: 'max' } },
    anthropic: { messages, max_tokens: 9, output_config: { effort: 'max' } },
  } as const
  for (const from of ['openai', 'openai-responses', 'anthropic'] as const) {
    const body = asked[from]
    expect(written(from, 'openai', body)).toMatchObject({ reasoning_effort: 'max' })
    expect(written(from, 'openai-responses', body)).toMatchObject({ reasoning: { effort: 'max' } })
    expect(written(from, 'anthropic', body)).toMatchObject({ output_config: { effort: 'max' } })
    expect(written(from, 'gemini', body)['field']).toMatch(/effort$/)
    expect(written(from, 'bedrock', body)).toMatchObject({ outputConfig: { effort: 'max' } })
  }
})

test('what a function of Gemini’s returns is told in its description', () => {
  const contents = [{ parts: [{ text: 'x' }] }]
  const described = (own: object) => {
    const tools = [{ functionDeclarations: [{ name: 'f', ...own }] }]
    const { tools: sent } = written('gemini', 'openai', { contents, tools })
    return JSON.stringify(sent)
  }
  const said = 'The JSON schema of what it returns: {\\"type\\":\\"string\\"}"'
  const responseJsonSchema = { type: 'string' }
  expect(described({ responseJsonSchema })).toContain(`"description":"${said}`)
  const response = { type: 'STRING' }
  expect(described({ description: 'a', response })).toContain(`"a\\n\\n${said}`)
})

test('that text alone is asked for is no more than what every dialect answers', () => {
  const asking = (...responseModalities: string[]) => {
    const generationConfig = { responseModalities }
    return written('gemini', 'openai', { contents: [{ parts: [{ text: 'x' }] }], generationConfig })
  }
  expect(asking('TEXT')).toMatchObject({ messages })
  const field = 'generationConfig.responseModalities[1]'
  expect(asking('TEXT', 'IMAGE')).toMatchObject({ field })
})

test.each(engineDialects)('of the tools that a caller allows, %s is told alone', (to) => {
  const parameters = { type: 'object', properties: {} }
  const functions = ['ta', 'tb', 'tc'].map((name) => ({ name, parameters }))
  const tools = functions.map((one) => ({ type: 'function', function: one }))
  const allowed = (mode: string) => ({
    openai: {
      ...{ messages, tools },
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode, tools: [tools[2], tools[0]].map(onlyNamed) },
      },
    },
    'openai-responses': {
      ...{ input: 'x', tools: functions.map((one) => ({ type: 'function', ...one })) },
      tool_choice: {
        ...{ type: 'allowed_tools', mode },
        tools: ['tc', 'ta'].map((name) => ({ type: 'function', name })),
      },
    },
    gemini: {
      contents: [{ parts: [{ text: 'x' }] }],
      tools: [{ functionDeclarations: functions }],
      toolConfig: {
        functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['tc', 'ta', 'tx'] },
      },
    },
  })
  const plain = { ...{ messages, tool_choice: 'required' }, tools: [tools[0], tools[2]] }
  const wanted = written('openai', to, plain)
  expect(JSON.stringify(wanted)).not.toContain('"tb"')
  const bodies = allowed('required')
  expect(written('openai', to, bodies.openai)).toEqual(wanted)
  expect(written('openai-responses', to, bodies['openai-responses'])).toEqual(wanted)
  expect(written('gemini', to, bodies.gemini)).toEqual(wanted)
  const free = written('openai', to, { ...plain, tool_choice: 'auto' })
  expect(written('openai', to, allowed('auto').openai)).toEqual(free)
})

/** A choice of OpenAI's names a tool without its parameters. */
function onlyNamed(tool: { readonly function: { readonly name: string } } | undefined) {
  return { type: 'function', function: { name: tool?.function.name } }
}

test('what says that a tool is called as everywhere changes nothing', () => {
  const usual = { allowed_callers: ['direct'], defer_loading: false }
  const asked = (more: object, about: object, of: object) => ({
    input: [
      { role: 'user', content: 'x' },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', ...about },
      { type: 'function_call_output', call_id: 'c', output: 'y', ...about, ...of },
    ],
    tools: [{ type: 'function', name: 'f', ...more }],
  })
  const about = { caller: { type: 'direct' }, async: false }
  const said = asked({ ...usual, async: false }, about, { name: 'f' })
  const tool = { name: 'f', input_schema: { type: 'object' } }
  const anthropic = { max_tokens: 9, messages, tools: [tool] }
  for (const to of engineDialects) {
    expect(written('openai-responses', to, said)).toEqual(
      written('openai-responses', to, asked({}, {}, {})),
    )
    expect(written('anthropic', to, { ...anthropic, tools: [{ ...tool, ...usual }] })).toEqual(
      written('anthropic', to, anthropic),
    )
  }
  const later = asked({ defer_loading: true }, {}, {})
  expect(written('openai-responses', 'gemini', later)).toMatchObject({
    field: 'tools[0].defer_loading',
  })
})

const parts = [{ text: 'x' }]
const tools = [{ functionDeclarations: [{ name: 'f' }] }]

test.each<[ChatDialect, object, object]>([
  ['openai', {}, { modalities: ['text'], logit_bias: {}, top_logprobs: 0, logprobs: false }],
  ['openai', {}, { metadata: { a: 'b' }, prediction: { type: 'content', content: 'x' } }],
  ['openai-responses', {}, { reasoning: { context: 'auto', mode: 'standard' }, top_logprobs: 0 }],
  ['openai-responses', {}, { max_tool_calls: 3, include: ['web_search_call.action.sources'] }],
  [
    ...(['gemini', {}] as const),
    { generationConfig: { thinkingConfig: { thinkingLevel: 'THINKING_LEVEL_UNSPECIFIED' } } },
  ],
  ['gemini', {}, { generationConfig: { responseLogprobs: false }, store: false }],
  [
    ...(['gemini', {}] as const),
    { safetySettings: [{ category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'BLOCK_NONE' }] },
  ],
  ['gemini', { contents: [{ parts }] }, { contents: [{ parts }, { role: 'model' }] }],
  [
    ...(['gemini', { tools }] as const),
    {
      tools: [{ functionDeclarations: [{ name: 'f', behavior: 'BLOCKING' }] }],
      toolConfig: {
        functionCallingConfig: { mode: 'MODE_UNSPECIFIED', streamFunctionCallArguments: false },
      },
    },
  ],
])('in %s %j is said by %j, too, to everybody', (from, without, more) => {
  const base: Readonly<Record<ChatDialect, object>> = {
    openai: { messages },
    'openai-responses': { input: 'x' },
    anthropic: { messages, max_tokens: 9 },
    gemini: { contents: [{ parts }] },
  }
  for (const to of engineDialects) {
    const said = written(from, to, { ...base[from], ...more })
    expect(said, to).not.toHaveProperty('field')
    expect(said, to).toEqual(written(from, to, { ...base[from], ...without }))
  }
})

test('what asks for something is refused beside it', () => {
  const safetySettings = [
    { category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'BLOCK_LOW_AND_ABOVE' },
  ]
  expect(written('gemini', 'openai', { contents: [{ parts }], safetySettings })).toMatchObject({
    field: 'safetySettings[0]',
  })
  for (const more of [{ modalities: ['audio'] }, { logit_bias: { 5: 1 } }, { top_logprobs: 2 }]) {
    const refused = written('openai', 'anthropic', { messages, ...more })
    expect(String(refused['field']).startsWith(Object.keys(more)[0] ?? '-')).toBe(true)
  }
})

test('as many thoughts as a model likes are asked for where it thinks by itself', () => {
  const generationConfig = { thinkingConfig: { thinkingBudget: -1 } }
  for (const to of engineDialects.filter((one) => one !== 'gemini')) {
    const said = written('gemini', to, { contents: [{ parts }], generationConfig })
    const plain = written('gemini', to, { contents: [{ parts }] })
    if (to.startsWith('openai')) expect(said).toEqual(plain)
    else expect(said['field']).toMatch(/thinkingBudget$/)
  }
})

test('thoughts of a former turn stand in a message by any of their names', () => {
  const [user] = messages
  const more = { reasoning: 'hm', reasoning_details: [{ type: 'x' }], thinking_blocks: [] }
  const turns = (thoughts: object) => ({
    messages: [user, { role: 'assistant', content: 'a', ...thoughts }, user],
  })
  for (const to of engineDialects) {
    expect(written('openai', to, turns(more))).toEqual(written('openai', to, turns({})))
  }
})

test('the summary of thoughts is asked for by its former name, an image as it is goes in full', () => {
  const reasoning = { generate_summary: 'auto' }
  expect(written('openai-responses', 'gemini', { input: 'x', reasoning })).toMatchObject({
    generationConfig: { thinkingConfig: { includeThoughts: true } },
  })
  const image = { type: 'input_image', image_url: 'https://a/b.png', detail: 'original' }
  const input = [{ role: 'user', content: [image] }]
  expect(written('openai-responses', 'openai', { input })).toMatchObject({
    messages: [{ content: [{ image_url: { detail: 'high' } }] }],
  })
})
