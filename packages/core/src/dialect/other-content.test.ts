// What only one dialect has, for callers of the others, whole and streamed alike: what a provider's own tools did on the
// way to an answer is no call of the caller's and takes nothing from the answer; what he would miss is an error.

import { describe, expect, test } from 'vitest'
import { readAnthropicEvent } from './anthropic-stream.ts'
import { readBedrockEvent } from './bedrock-stream.ts'
import { type ChatEvent, chatDialects, type EngineDialect } from './chat.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { isObject, type JsonObject, listOf, objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { ResponsesReader } from './responses-reader.ts'
import { newChatWriter, whyUnsaid, writeAnswer } from './translate.ts'

type Frame = readonly [name: string, data: object]

const typed = (type: string, more: object): Frame => ['', { type, ...more }]

/** A block begins without what its pieces bring. */
function anthropicFrames(blocks: readonly JsonObject[]): Frame[] {
  const frames = blocks.flatMap((block, index) => {
    const { input, text } = block
    const delta =
      input === undefined
        ? { type: 'text_delta', text: text ?? '' }
        : { type: 'input_json_delta', partial_json: JSON.stringify(input) }
    const hasPieces = input !== undefined || text !== undefined
    const emptied = {
      ...(input === undefined ? {} : { input: {} }),
      ...(text === undefined ? {} : { text: '' }),
    }
    const begun = { ...block, ...emptied }
    return [
      typed('content_block_start', { index, content_block: begun }),
      ...(hasPieces ? [typed('content_block_delta', { index, delta })] : []),
      typed('content_block_stop', { index }),
    ]
  })
  const end = { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 1 } }
  return [...frames, typed('message_delta', end), typed('message_stop', {})]
}

/** What comes in pieces, by the type of the item. */
const pieces: Readonly<Record<string, readonly [event: string, member: string]>> = {
  mcp_call: ['response.mcp_call_arguments', 'arguments'],
  function_call: ['response.function_call_arguments', 'arguments'],
  code_interpreter_call: ['response.code_interpreter_call_code', 'code'],
}

function responsesFrames(items: readonly JsonObject[]): Frame[] {
  const frames = items.flatMap((item, output_index) => {
    const [event, member = ''] = pieces[String(item['type'])] ?? []
    const at = { output_index, item_id: item['id'] }
    const grown = { ...at, delta: item[member] }
    const begun = event === undefined ? item : { ...item, [member]: '' }
    const texts = listOf(item['content']).map((part) =>
      typed('response.output_text.delta', { ...at, delta: objectOf(part)['text'] }),
    )
    return [
      typed('response.output_item.added', { output_index, item: { ...begun, content: [] } }),
      ...(event === undefined ? texts : [typed(`${event}.delta`, grown)]),
      typed('response.output_item.done', { output_index, item }),
    ]
  })
  return [...frames, typed('response.completed', { response: respond(items) })]
}

const respond = (output: readonly JsonObject[]) => ({ id: 'r', status: 'completed', output })

function bedrockFrames(blocks: readonly JsonObject[]): Frame[] {
  const frames = blocks.flatMap((block, contentBlockIndex): Frame[] => {
    const { toolUse, ...delta } = block
    const { input, ...start } = objectOf(toolUse)
    const grown = isObject(toolUse) ? { toolUse: { input: JSON.stringify(input) } } : delta
    return [
      ...(isObject(toolUse)
        ? [['contentBlockStart', { contentBlockIndex, start: { toolUse: start } }] as const]
        : []),
      ['contentBlockDelta', { contentBlockIndex, delta: grown }],
      ['contentBlockStop', { contentBlockIndex }],
    ]
  })
  return [...frames, ['messageStop', { stopReason: 'end_turn' }], ['metadata', { usage: {} }]]
}

const chosen = (choice: object) => ({ choices: [{ index: 0, finish_reason: 'stop', ...choice }] })
const candidates = (parts: readonly object[]) => ({
  candidates: [{ index: 0, content: { parts }, finishReason: 'STOP' }],
})

/** An answer of these blocks, items or parts; of OpenAI's the first is its message. */
function answered(dialect: EngineDialect, said: readonly JsonObject[]) {
  switch (dialect) {
    case 'openai': {
      const [message = {}] = said
      return { whole: chosen({ message }), frames: [['', chosen({ delta: message })] as const] }
    }
    case 'openai-responses':
      return { whole: respond(said), frames: responsesFrames(said) }
    case 'anthropic':
      return { whole: { content: said, stop_reason: 'end_turn' }, frames: anthropicFrames(said) }
    case 'gemini':
      return { whole: candidates(said), frames: [['', candidates(said)] as const] }
    case 'bedrock': {
      const whole = { output: { message: { content: said } }, stopReason: 'end_turn' }
      return { whole, frames: bedrockFrames(said) }
    }
  }
}

function eventsOf(dialect: EngineDialect, frames: readonly Frame[]): ChatEvent[] {
  const responses = new ResponsesReader()
  const readers = {
    openai: readOpenaiEvent,
    'openai-responses': (event: { event: string; data: string }) => responses.read(event),
    anthropic: readAnthropicEvent,
    gemini: readGeminiEvent,
    bedrock: readBedrockEvent,
  }
  return frames.flatMap(([event, data]) => {
    const read = readers[dialect]({ event, data: JSON.stringify(data) })
    if (typeof read === 'string') throw new Error(read)
    return [...read]
  })
}

/** What callers of each other dialect get, whole and streamed: the answer, or why there is none. */
function told(dialect: EngineDialect, said: readonly JsonObject[]) {
  const { whole, frames } = answered(dialect, said)
  const read = { ...readAnswer(dialect, whole), id: 'a', model: 'm' }
  const others = chatDialects.filter((one) => one !== dialect)
  return others.flatMap((caller) => {
    const writer = newChatWriter(
      caller,
      { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null },
      {},
    )
    const written = eventsOf(dialect, frames).map((event) => writer.write(event))
    const streamed = writer.wrong ?? written.join('') + writer.end()
    const text = JSON.stringify(writeAnswer(caller, read, { request: {}, createdS: 1 }))
    return [whyUnsaid(caller, read) ?? text, streamed]
  })
}

const hello = { type: 'text', text: 'hello' }
const message = { type: 'message', id: 'm', content: [{ type: 'output_text', text: 'hello' }] }
const call = { type: 'function_call', id: 'f', call_id: 'f', name: 'mine', arguments: '{"x":1}' }
const search = { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'theirs' } }

describe('what a provider did by itself is no call, and the answer is told', () => {
  test.each<[EngineDialect, string, readonly JsonObject[]]>([
    [
      'anthropic',
      'a search',
      [search, { type: 'web_search_tool_result', tool_use_id: 's', content: [] }, hello],
    ],
    ['anthropic', 'a tool elsewhere', [{ ...search, type: 'mcp_tool_use' }, hello]],
    ['anthropic', 'a compaction', [{ type: 'compaction', content: 'theirs' }, hello]],
    ['openai-responses', 'a search', [{ type: 'web_search_call', id: 'w' }, message]],
    [
      'openai-responses',
      'code that ran',
      [{ type: 'code_interpreter_call', id: 'c', code: 'theirs()' }, message],
    ],
    ['openai-responses', 'a tool elsewhere', [{ ...call, type: 'mcp_call', id: 'c' }, message]],
    [
      'gemini',
      'code that ran',
      [{ executableCode: { code: 'theirs()' } }, { codeExecutionResult: {} }, { text: 'hello' }],
    ],
    [
      'bedrock',
      'a tool of its own',
      [
        { toolUse: { toolUseId: 't', name: 'theirs', type: 'server_tool_use', input: { x: 1 } } },
        { toolResult: { toolUseId: 't' } },
        { text: 'hello' },
      ],
    ],
  ])('%s: %s', (dialect, _, said) => {
    for (const one of told(dialect, said)) {
      expect(one).toContain('hello')
      expect(one).not.toMatch(/theirs|mine|"(?:tool_use|tool_calls|function_call|functionCall)"/)
    }
  })

  test('and a call of the caller’s after it is whole', () => {
    const use = { type: 'tool_use', id: 'f', name: 'mine', input: { x: 1 } }
    const mcp = { ...call, type: 'mcp_call', id: 'c', name: 'theirs' }
    const all = [...told('anthropic', [search, use]), ...told('openai-responses', [mcp, call])]
    for (const one of all) {
      expect(one).toMatch(/"mine".*x\\*":\s*1/s)
      expect(one).not.toContain('theirs')
    }
  })
})

describe('what the caller would miss is an error that names it', () => {
  test.each<[EngineDialect, string, JsonObject]>([
    ['anthropic', 'container_upload', { type: 'container_upload', file_id: 'f' }],
    ['anthropic', 'added_later', { type: 'added_later' }],
    ['openai-responses', 'mcp_approval_request', { type: 'mcp_approval_request', id: 'a' }],
    ['openai-responses', 'computer_call', { type: 'computer_call', id: 'a' }],
    ['openai-responses', 'shell_call', { type: 'shell_call', id: 'a' }],
    ['openai-responses', 'tool_search_call', { type: 'tool_search_call', execution: 'client' }],
    ['openai', 'audio', { audio: { data: 'AAAA', transcript: 'hello' } }],
    ['openai', 'document_url', { content: [{ type: 'document_url' }] }],
    ['openai-responses', 'content without a type', { id: 'x' }],
    ['gemini', 'audioTranscription', { audioTranscription: { text: 'hello' } }],
    ['bedrock', 'video', { video: { format: 'mp4' } }],
    ['bedrock', 'guardContent', { guardContent: { text: { text: 'hello' } } }],
  ])('%s: %s', (dialect, name, said) => {
    const why = `it holds what only its own dialect knows: ${name}`
    for (const one of told(dialect, [said])) expect(one).toBe(why)
  })

  test('said by the end of a stream alone, too', () => {
    const said = { type: 'computer_call', id: 'a' }
    const done = [typed('response.output_item.done', { output_index: 0, item: said })]
    const completed = [typed('response.completed', { response: respond([said]) })]
    for (const frames of [done, completed]) {
      expect(eventsOf('openai-responses', frames)).toContainEqual({
        ...{ kind: 'other', lost: 'computer_call' },
      })
    }
  })

  test('an image that OpenAI’s model made is one, told to Gemini’s callers once', () => {
    const item = { type: 'image_generation_call', id: 'i', result: 'AAAA', output_format: 'webp' }
    const all = told('openai-responses', [item, message])
    const seen = all.filter((one) => one.includes('AAAA'))
    expect(seen.map((one) => one.match(/image\/webp/g)?.length)).toEqual([1, 1])
    const others = all.filter((one) => !one.includes('AAAA'))
    for (const one of others) expect(one).toContain('an image')
  })
})

test('a call as chat completions had it before there could be several is a call', () => {
  const old = { function_call: { name: 'mine', arguments: '{"x":1}' } }
  for (const one of told('openai', [old])) {
    expect(one).toMatch(/"mine".*x\\*":\s*1/s)
    expect(one).not.toContain('"call_id":""')
    expect(one).not.toContain('"id":""')
  }
})

test('arguments that are no object are an error for Anthropic’s callers, streamed as well', () => {
  const custom = { id: 'c', type: 'custom', custom: { name: 'mine', input: 'a free text' } }
  const said = { tool_calls: [{ index: 0, ...custom }] }
  const why = 'the arguments of mine are no JSON object'
  const [first, second, ...others] = told('openai', [said])
  expect([first, second].every((one) => one?.includes('a free text'))).toBe(true)
  expect(others).toEqual([why, why, why, why])
})
