// A PDF between dialects: by itself, in a result of a tool, and what of it has no counterpart.

import { expect, test } from 'vitest'
import type { ChatDialect, EngineDialect } from './chat.ts'
import { engineDialects } from './chat.ts'
import { DocumentNames } from './document-names.ts'
import { isObject, type JsonObject, listOf, objectOf } from './json.ts'
import { parseChat, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const data = 'JVBERi0xLjc='
const pdf = `data:application/pdf;base64,${data}`
const question = 'What does it say?'

const asked: Readonly<Record<ChatDialect, JsonObject>> = {
  openai: {
    messages: [
      {
        role: 'user',
        content: [
          { type: 'file', file: { filename: 'a report.pdf', file_data: pdf } },
          { type: 'text', text: question },
        ],
      },
    ],
  },
  'openai-responses': {
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_file', filename: 'a report.pdf', file_data: pdf },
          { type: 'input_text', text: question },
        ],
      },
    ],
  },
  anthropic: {
    max_tokens: 9,
    messages: [
      {
        role: 'user',
        content: [
          {
            ...{ type: 'document', title: 'a report.pdf', citations: { enabled: false } },
            source: { type: 'base64', media_type: 'application/pdf', data },
          },
          { type: 'text', text: question },
        ],
      },
    ],
  },
  gemini: {
    contents: [
      {
        role: 'user',
        parts: [
          { inlineData: { mimeType: 'application/pdf', data, displayName: 'a report.pdf' } },
          { text: question },
        ],
      },
    ],
  },
}

/** What is said of it, in the order of the parts; of Gemini's the name comes before. */
const wanted: Readonly<Record<EngineDialect, readonly object[]>> = {
  openai: [{ type: 'file', file: { filename: 'a report.pdf', file_data: pdf } }],
  'openai-responses': [{ type: 'input_file', filename: 'a report.pdf', file_data: pdf }],
  anthropic: [
    {
      ...{ type: 'document', title: 'a report.pdf' },
      source: { type: 'base64', media_type: 'application/pdf', data },
    },
  ],
  gemini: [{ text: 'a report.pdf:' }, { inlineData: { mimeType: 'application/pdf', data } }],
  bedrock: [{ document: { format: 'pdf', name: 'a report', source: { bytes: data } } }],
}

const callers = Object.keys(asked).filter((one): one is ChatDialect => one in asked)
const pairs = callers.flatMap((from) => engineDialects.map((to) => [from, to] as const))

test.each(pairs)('a PDF goes from %s to %s with its name', (from, to) => {
  const content = contentOf(lastOf(written(from, to, asked[from])))
  expect(content.slice(0, -1)).toEqual(wanted[to])
  expect(JSON.stringify(content.at(-1))).toContain(question)
})

const shown = { type: 'base64', media_type: 'application/pdf', data }
const looked: JsonObject = {
  max_tokens: 9,
  tools: [{ name: 'read', input_schema: { type: 'object' } }],
  messages: [
    { role: 'user', content: 'Read both.' },
    {
      role: 'assistant',
      content: ['c1', 'c2'].map((id) => ({ type: 'tool_use', id, name: 'read', input: {} })),
    },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Well?' },
        {
          ...{ type: 'tool_result', tool_use_id: 'c1' },
          content: [
            { type: 'text', text: 'page 1' },
            { type: 'document', source: shown },
          ],
        },
        {
          ...{ type: 'tool_result', tool_use_id: 'c2', is_error: true },
          content: [{ type: 'image', source: { ...shown, media_type: 'image/png' } }],
        },
      ],
    },
  ],
}
const png = `data:image/png;base64,${data}`

test('where results are texts alone, what they show follows them, and they say where', () => {
  const messages = listOf(objectOf(written('anthropic', 'openai', looked))['messages'])
  expect(messages.slice(-3)).toEqual([
    { role: 'tool', tool_call_id: 'c1', content: 'page 1\n[document 1]' },
    { role: 'tool', tool_call_id: 'c2', content: 'Error: [image 2]' },
    {
      role: 'user',
      content: [
        { type: 'text', text: '[document 1]:' },
        { type: 'file', file: { filename: 'document.pdf', file_data: pdf } },
        { type: 'text', text: '[image 2]:' },
        { type: 'image_url', image_url: { url: png } },
        { type: 'text', text: 'Well?' },
      ],
    },
  ])
  const former = lastOf(written('anthropic', 'gemini', looked, 'gemini-2.5-pro'))
  expect(contentOf(former)).toEqual([
    { functionResponse: { name: 'read', response: { result: 'page 1\n[document 1]' } } },
    { functionResponse: { name: 'read', response: { error: '[image 2]' } } },
    { text: '[document 1]:' },
    { inlineData: { mimeType: 'application/pdf', data } },
    { text: '[image 2]:' },
    { inlineData: { mimeType: 'image/png', data } },
    { text: 'Well?' },
  ])
})

test('elsewhere it stands in the result', () => {
  const inlineData = { mimeType: 'application/pdf', data }
  const later = lastOf(written('anthropic', 'gemini', looked, 'gemini-3-pro'))
  expect(contentOf(later)[0]).toEqual({
    functionResponse: { name: 'read', response: { result: 'page 1' }, parts: [{ inlineData }] },
  })
  const { input } = objectOf(written('anthropic', 'openai-responses', looked))
  expect(
    listOf(input).find((one) => objectOf(one)['call_id'] === 'c1' && 'output' in objectOf(one)),
  ).toEqual({
    ...{ type: 'function_call_output', call_id: 'c1' },
    output: [
      { type: 'input_text', text: 'page 1' },
      { type: 'input_file', filename: 'document.pdf', file_data: pdf },
    ],
  })
  expect(contentOf(lastOf(written('anthropic', 'bedrock', looked)))[0]).toMatchObject({
    toolResult: { content: [{ text: 'page 1' }, { document: { name: 'document' } }] },
  })
})

const linked = {
  input: [{ role: 'user', content: [{ type: 'input_file', file_url: 'https://a/b' }] }],
}

test('a link to one goes to who fetches it', () => {
  expect(written('openai-responses', 'anthropic', linked)).toMatchObject({
    messages: [{ content: [{ type: 'document', source: { type: 'url', url: 'https://a/b' } }] }],
  })
  const source = { type: 'url', url: 'https://a/b' }
  const content = [{ type: 'document', source }]
  const said = { max_tokens: 9, messages: [{ role: 'user', content }] }
  expect(written('anthropic', 'openai-responses', said)).toMatchObject({
    input: [{ content: [{ type: 'input_file', file_url: 'https://a/b' }] }],
  })
  const fileData = { mimeType: 'application/pdf', fileUri: 'https://a/b' }
  expect(contentOf(lastOf(written('openai-responses', 'gemini', linked)))).toEqual([{ fileData }])
  const asked = { contents: [{ parts: [{ fileData }] }] }
  expect(written('gemini', 'anthropic', asked)).toMatchObject({ messages: [{ content }] })
  for (const to of ['openai', 'bedrock'] as const) {
    expect(written('openai-responses', to, linked)).toMatchObject({ field: 'input' })
  }
})

test('a link to an image goes to Gemini with the type that its address ends with', () => {
  const linkTo = (url: string) => ({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  })
  const url = 'https://a.example/b.c/d.JPG?size=1.png'
  const fileData = { mimeType: 'image/jpeg', fileUri: url }
  expect(contentOf(lastOf(written('openai', 'gemini', linkTo(url))))).toEqual([{ fileData }])
  const asked = { contents: [{ parts: [{ fileData }] }] }
  const image = { type: 'image', source: { type: 'url', url } }
  expect(written('gemini', 'anthropic', asked)).toMatchObject({ messages: [{ content: [image] }] })
  const messages = [{ content: [{ type: 'image_url', image_url: { url } }] }]
  expect(written('gemini', 'openai', asked)).toMatchObject({ messages })
  for (const other of ['https://a/b', 'https://a.png', 'http://a/b.png', 'https://a/b.gif']) {
    expect(written('openai', 'gemini', linkTo(other))).toMatchObject({ field: 'messages' })
  }
  const former = written('openai', 'gemini', linkTo(url), 'gemini-2.0-flash')
  expect(former).toMatchObject({ field: 'messages' })
})

test.each<[ChatDialect, object, string]>([
  ['openai', { type: 'file', file: { file_id: 'x' } }, 'messages[0].content[0].file.file_id'],
  ['openai', { type: 'file', file: { file_data: 'data:application/zip;base64,YQ==' } }, 'messages'],
  ['openai', { type: 'file', file: { file_data: data } }, 'messages[0].content[0].file.file_data'],
  ['openai-responses', { type: 'input_file', file_id: 'x' }, 'input[0].content[0].file_id'],
  ['openai-responses', { type: 'input_file', filename: 'x' }, 'input[0].content[0]'],
  [
    ...(['anthropic', { type: 'document', source: { type: 'file', file_id: 'x' } }] as const),
    'messages[0].content[0].source.type',
  ],
  [
    'anthropic',
    { type: 'document', source: shown, citations: { enabled: true } },
    'messages[0].content[0].citations.enabled',
  ],
  [
    ...(['anthropic', { type: 'document', source: shown, context: 'x' }] as const),
    'messages[0].content[0].context',
  ],
  [
    'gemini',
    { inlineData: { mimeType: 'audio/ogg', data } },
    'contents[0].parts[0].inlineData.mimeType',
  ],
  [
    'gemini',
    {
      fileData: {
        ...{ mimeType: 'image/png' },
        fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x',
      },
    },
    'contents[0].parts[0].fileData.fileUri',
  ],
  [
    'gemini',
    { inlineData: { mimeType: 'image/png', data, displayName: 'x' } },
    'contents[0].parts[0].inlineData.displayName',
  ],
])('what has no counterpart is named: %s %j', (from, part, field) => {
  const list = from === 'openai-responses' ? 'input' : from === 'gemini' ? 'contents' : 'messages'
  const content = { [from === 'gemini' ? 'parts' : 'content']: [part] }
  const body = { max_tokens: 9, [list]: [{ role: 'user', ...content }] }
  const { max_tokens: _, ...rest } = body
  const said = written(from, 'bedrock', from === 'anthropic' ? body : rest)
  expect(said).toMatchObject({ kind: 'unsayable', field })
})

const wav = 'UklGRg=='
const heard = { type: 'input_audio', input_audio: { data: wav, format: 'wav' } }

test('sound goes between chat completions and Gemini, and is refused elsewhere', () => {
  const body = { messages: [{ role: 'user', content: [heard] }] }
  const inlineData = { mimeType: 'audio/wav', data: wav }
  expect(contentOf(lastOf(written('openai', 'gemini', body)))).toEqual([{ inlineData }])
  for (const mimeType of ['audio/wav', 'audio/x-wav']) {
    const asked = { contents: [{ parts: [{ inlineData: { mimeType, data: wav } }] }] }
    expect(contentOf(lastOf(written('gemini', 'openai', asked)))).toEqual([heard])
  }
  const mpeg = { contents: [{ parts: [{ inlineData: { mimeType: 'audio/mpeg', data: wav } }] }] }
  expect(contentOf(lastOf(written('gemini', 'openai', mpeg)))).toEqual([
    { type: 'input_audio', input_audio: { data: wav, format: 'mp3' } },
  ])
  for (const to of ['openai-responses', 'anthropic', 'bedrock'] as const) {
    expect(written('openai', to, body)).toMatchObject({ field: 'messages' })
    expect(written('gemini', to, mpeg)).toMatchObject({ field: 'contents' })
  }
})

test('sound in the result of a tool is refused', () => {
  const parts = [{ inlineData: { mimeType: 'audio/mp3', data: wav } }]
  const contents = [
    { parts: [{ text: 'x' }] },
    { role: 'model', parts: [{ functionCall: { name: 'f' } }] },
    { parts: [{ functionResponse: { name: 'f', response: { result: 'x' }, parts } }] },
  ]
  expect(written('gemini', 'openai', { contents })).toMatchObject({ field: 'contents' })
})

test('Converse takes none without a text beside it', () => {
  const content = [{ type: 'document', source: shown }]
  const said = { max_tokens: 9, messages: [{ role: 'user', content }] }
  expect(written('anthropic', 'bedrock', said)).toMatchObject({ field: 'messages' })
})

test('names are of the letters that Converse takes, and no two the same', () => {
  const names = new DocumentNames()
  const taken = ['a_b.pdf', 'a b', 'a.b.PDF', undefined, '', 'a-b (2)', 'x'.repeat(300), 'é\t\n(1)']
  expect(taken.map((one) => names.take(one))).toEqual([
    ...['a-b', 'a b', 'a-b (2)', 'document', 'document (2)', 'a-b (2) (2)'],
    ...['x'.repeat(180), '- (1)'],
  ])
})

function written(from: ChatDialect, to: EngineDialect, body: JsonObject, model = 'm'): unknown {
  const named = from === 'gemini' ? body : { model, ...body }
  const request = parseChat(from, named, { model, stream: false })
  return isUnsayable(request) ? request : writeChat(to, { ...request, model }, from)
}

function lastOf(body: unknown): JsonObject {
  if (!isObject(body)) throw new Error('no body')
  const { messages, input, contents } = body
  return objectOf(listOf(messages ?? input ?? contents).at(-1))
}

function contentOf({ content, parts }: JsonObject): readonly unknown[] {
  return listOf(content ?? parts)
}
