// Sources that an answer cites, as each engine tells them and as each caller is told, whole and streamed.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerOfEvents, eventsOfAnswer } from './answer-events.ts'
import { readAnthropicEvent } from './anthropic-stream.ts'
import { readBedrockEvent } from './bedrock-stream.ts'
import {
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  type Citation,
  chatDialects,
  type EngineDialect,
  noUsage,
  type Part,
  type StreamEvent,
} from './chat.ts'
import { CitedText, citationsOf, Places, withCitations } from './cited-text.ts'
import { readGeminiEvent } from './gemini-stream.ts'
import { type JsonObject, jsonOf, objectOf } from './json.ts'
import { readOpenaiEvent } from './openai-stream.ts'
import { readAnswer } from './read-answer.ts'
import { readResponsesEvent } from './responses-stream.ts'
import { StreamProgress } from './stream-progress.ts'
import { newChatWriter, parseChat, writeAnswer, writeChat } from './translate.ts'
import { isUnsayable } from './unsayable.ts'

const readers: Record<EngineDialect, (event: StreamEvent) => readonly ChatEvent[] | string> = {
  openai: readOpenaiEvent,
  'openai-responses': readResponsesEvent,
  anthropic: readAnthropicEvent,
  gemini: readGeminiEvent,
  bedrock: readBedrockEvent,
}

function partsOf(dialect: EngineDialect, events: readonly StreamEvent[]): readonly Part[] {
  const all = events.flatMap((event) => {
    const got = readers[dialect](event)
    if (typeof got === 'string') throw new Error(got)
    return got
  })
  return answerOfEvents(all)?.parts ?? []
}

const url = 'https://a.example/x'
const title = 'A'
// Two blocks: the first has a character of four bytes, the second is cited.
const [before, said] = ['😀 so: ', 'wörld']
const all = before + said
const at = { start: 6, end: 11 }
const data = (value: object): StreamEvent => ({ event: '', data: JSON.stringify(value) })
const named = (event: string, value: object): StreamEvent => ({ ...data(value), event })

const web = {
  type: 'web_search_result_location',
  url,
  title,
  cited_text: 'q',
  encrypted_index: 'e',
}
const annotation = { type: 'url_citation', url, title, start_index: 6, end_index: 11 }
const nested = { type: 'url_citation', url_citation: { url, title, start_index: 6, end_index: 11 } }
const grounding = {
  groundingChunks: [{ web: { uri: url, title } }],
  groundingSupports: [{ segment: { startIndex: 9, endIndex: 15 }, groundingChunkIndices: [0] }],
}
const cited = { title, source: url, sourceContent: [{ text: 'q' }], location: {} }

describe('what an engine cites', () => {
  const block = (index: number, text: string, citations: readonly object[]) => [
    data({ type: 'content_block_start', index, content_block: { type: 'text', text: '' } }),
    // Before the text or after it.
    ...citations.map((citation) =>
      data({ type: 'content_block_delta', index, delta: { type: 'citations_delta', citation } }),
    ),
    data({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } }),
    data({ type: 'content_block_stop', index }),
  ]
  const part = (contentBlockIndex: number, text: string, citations: readonly object[]) => [
    named('contentBlockDelta', { contentBlockIndex, delta: { text } }),
    ...citations.map((citation) =>
      named('contentBlockDelta', { contentBlockIndex, delta: { citation } }),
    ),
    named('contentBlockStop', { contentBlockIndex }),
  ]
  const chunk = (delta: object) => data({ choices: [{ index: 0, delta }] })
  const place = { item_id: 'i', output_index: 0, content_index: 0 }

  test.each<[EngineDialect, JsonObject, readonly StreamEvent[]]>([
    [
      'openai',
      { choices: [{ message: { content: all, annotations: [nested] }, finish_reason: 'stop' }] },
      [chunk({ content: before }), chunk({ content: said }), chunk({ annotations: [nested] })],
    ],
    [
      'openai-responses',
      {
        output: [
          { type: 'message', content: [{ type: 'output_text', text: before }] },
          {
            type: 'message',
            content: [
              {
                ...{ type: 'output_text', text: said },
                annotations: [{ ...annotation, start_index: 0, end_index: 5 }],
              },
            ],
          },
        ],
      },
      [
        data({ type: 'response.output_text.delta', ...place, delta: before }),
        data({ type: 'response.content_part.done', ...place }),
        data({ type: 'response.output_text.delta', ...place, delta: said }),
        data({
          ...{ type: 'response.output_text.annotation.added', ...place, annotation_index: 0 },
          annotation: { ...annotation, start_index: 0, end_index: 5 },
        }),
        data({ type: 'response.content_part.done', ...place }),
      ],
    ],
    [
      'anthropic',
      {
        content: [
          { type: 'text', text: before },
          { type: 'text', text: said, citations: [web] },
        ],
      },
      [...block(0, before, []), ...block(1, said, [web])],
    ],
    [
      'gemini',
      {
        candidates: [
          { content: { parts: [{ text: before }, { text: said }] }, groundingMetadata: grounding },
        ],
      },
      [
        data({ candidates: [{ content: { parts: [{ text: before }] } }] }),
        data({
          candidates: [{ content: { parts: [{ text: said }] }, groundingMetadata: grounding }],
        }),
      ],
    ],
    [
      'bedrock',
      {
        output: {
          message: {
            content: [
              { text: before },
              { citationsContent: { content: [{ text: said }], citations: [cited] } },
            ],
          },
        },
      },
      [...part(0, before, []), ...part(1, said, [cited])],
    ],
  ])('%s, whole and streamed', (dialect, whole, events) => {
    const isQuoting = dialect === 'anthropic' || dialect === 'bedrock'
    const wanted: Citation = { url, title, ...(isQuoting ? { quote: 'q' } : {}), ...at }
    for (const parts of [readAnswer(dialect, whole).parts, partsOf(dialect, events)]) {
      expect(parts.map((one) => (one.kind === 'text' ? one.text : '')).join('')).toBe(all)
      expect(citationsOf(parts)).toEqual([wanted])
    }
  })

  const gemini = (more: object) => {
    const candidate = { content: { parts: [{ text: all }] }, ...more }
    return citationsOf(readAnswer('gemini', { candidates: [candidate] }).parts)
  }

  test('Gemini: a source of the whole, one that was recited, one that is no page', () => {
    const { groundingChunks } = grounding
    expect(gemini({ groundingMetadata: { groundingChunks } })).toEqual([
      { url, title, start: 0, end: 11 },
    ])
    const source = { uri: url, startIndex: 0, endIndex: 4, license: 'mit' }
    for (const name of ['citationSources', 'citations']) {
      expect(gemini({ citationMetadata: { [name]: [source] } })).toEqual([
        { url, title: '', start: 0, end: 1 },
      ])
    }
    const retrieved = [{ retrievedContext: { title, text: 'q' } }]
    expect(gemini({ groundingMetadata: { groundingChunks: retrieved } })).toEqual([
      { title, quote: 'q', start: 0, end: 11 },
    ])
  })

  test('OpenAI: a file, of all the text that it stands at', () => {
    const annotations = [{ type: 'file_citation', file_id: 'f', filename: title, index: 3 }]
    const content = [{ type: 'output_text', text: said, annotations }]
    const { parts } = readAnswer('openai-responses', { output: [{ type: 'message', content }] })
    const file = { title, fileId: 'f', start: 0, end: 5 }
    expect(citationsOf(parts)).toEqual([file])
    const streamed = partsOf('openai-responses', [
      data({ type: 'response.output_text.delta', ...place, delta: said }),
      data({ type: 'response.output_text.annotation.added', annotation: annotations[0] }),
    ])
    expect(citationsOf(streamed)).toEqual([file])
  })

  test('Anthropic: a document', () => {
    const page = { type: 'page_location', cited_text: 'q', document_title: title, file_id: 'f' }
    const { parts } = readAnswer('anthropic', {
      content: [{ type: 'text', text: said, citations: [page] }],
    })
    expect(citationsOf(parts)).toEqual([{ title, quote: 'q', fileId: 'f', start: 0, end: 5 }])
  })
})

describe.each(chatDialects)('a caller of %s is told', (dialect) => {
  const page: Citation = { url, title, quote: 'q', start: 2, end: 5 }
  const file: Citation = { title: 'B', quote: 'r', fileId: 'f', start: 1, end: 6 }
  const answer: ChatAnswer = {
    ...{ id: 'a', model: 'm', stop: 'stop', usage: noUsage },
    parts: [
      { kind: 'text', text: before },
      { kind: 'thinking', text: 'hm' },
      { kind: 'text', text: `${said}!`, citations: [page, file] },
    ],
  }

  /** What it can say of them: in whole blocks, without the source's words, or of pages alone. */
  const told = (one: Citation): Citation[] => {
    const { quote, fileId, ...rest } = one
    const moved = { ...rest, start: rest.start + 6, end: rest.end + 6 }
    if (dialect === 'anthropic') {
      return [{ ...one, start: 6, end: 12 }]
    }
    if (one.url !== undefined) return [moved]
    if (dialect === 'openai') return []
    if (dialect === 'gemini') return [{ ...moved, ...(quote === undefined ? {} : { quote }) }]
    const own = fileId === undefined ? {} : { fileId }
    return [{ ...moved, ...own, start: 6, end: 12 }]
  }
  const wanted = [page, file].flatMap(told).sort((a, b) => a.start - b.start)

  test('the same, whole and streamed', () => {
    const about = { request: {}, createdS: 1 }
    const whole = objectOf(jsonOf(JSON.stringify(writeAnswer(dialect, answer, about))))
    const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }
    const writer = newChatWriter(dialect, options, {})
    const text = eventsOfAnswer(answer).map((event) => writer.write(event))
    const frames = [...`${text.join('')}${writer.end()}`.matchAll(/^data: (\{.*)$/gm)]
    const datas = frames.map(([, json = '']) => objectOf(jsonOf(json)))
    const read = [readAnswer(dialect, whole).parts, partsOf(dialect, datas.map(data))]
    if (dialect === 'openai-responses') {
      read.push(readAnswer(dialect, objectOf(datas.at(-1)?.['response'])).parts)
    }
    for (const parts of read) {
      expect(citationsOf(parts).sort((a, b) => a.start - b.start)).toEqual(wanted)
    }
  })
})

test('texts of two blocks stay two, with what each cites', () => {
  const parts: readonly Part[] = [
    { kind: 'text', text: 'x' },
    { kind: 'text', text: 'a', citations: [{ url, title, start: 0, end: 1 }] },
    { kind: 'text', text: 'b', citations: [{ url, title: 'B', start: 0, end: 1 }] },
  ]
  const answer: ChatAnswer = { id: 'a', model: 'm', parts, stop: 'stop', usage: noUsage }
  expect(answerOfEvents(eventsOfAnswer(answer))).toEqual(answer)
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter('anthropic', options, {})
  const frames = eventsOfAnswer(answer).map((event) => writer.write(event))
  expect(frames.join('').match(/content_block_start\n/g)).toHaveLength(3)
  const whole = objectOf(writeAnswer('openai-responses', answer, { request: {}, createdS: 1 }))
  const places = citationsOf(readAnswer('openai-responses', whole).parts)
  expect(places.map(({ start }) => start)).toEqual([1, 2])
})

const bytes = (title: string, start: number, end: number, replaces?: true): ChatEvent => ({
  ...{ kind: 'citation', of: 'bytes', citation: { url, title, start, end } },
  ...(replaces === true ? { replaces } : {}),
})
const saying = (text: string): ChatEvent => ({ kind: 'text', choice: 0, text })
const placed = (cited: CitedText, events: readonly ChatEvent[]) =>
  events
    .flatMap((one) => cited.take(one))
    .flatMap((one) => (one.kind === 'citation' ? [one.citation] : []))

test('places count from what the caller has already', () => {
  const events = [saying('b'), bytes('A', 4, 5), { kind: 'end' } as const]
  expect(placed(new CitedText('😀'), events)).toEqual([{ url, title: 'A', start: 1, end: 2 }])
})

test('of sources that are told again and again the last ones count, once all has been said', () => {
  const first = [bytes('A', 0, 9, true), saying('Hello '), bytes('A', 0, 9, true)]
  const last = [saying('world'), bytes('A', 0, 5, true), bytes('B', 6, 11)]
  const all = [...first, ...last, { kind: 'stop', choice: 0, stop: 'stop' } as const]
  const text = new CitedText()
  expect(all.flatMap((one) => text.take(one)).map(({ kind }) => kind)).toEqual([
    ...['text', 'text', 'citation', 'citation', 'stop'], // a writer says what stopped it, and no more
  ])
  expect(placed(new CitedText(), [...all, { kind: 'end' }])).toEqual([
    { url, title: 'A', start: 0, end: 5 },
    { url, title: 'B', start: 6, end: 11 },
  ])
})

test('Gemini tells its sources anew with each chunk', () => {
  const grounded = (text: string, titles: readonly string[]) => {
    const groundingChunks = titles.map((title) => ({ web: { uri: url, title } }))
    const candidate = { content: { parts: [{ text }] }, groundingMetadata: { groundingChunks } }
    return readGeminiEvent({ event: '', data: JSON.stringify({ candidates: [candidate] }) })
  }
  const chunks = [grounded('Hello ', ['A']), grounded('world', ['A', 'B'])]
  const events = chunks.flatMap((one) => (typeof one === 'string' ? [] : [...one]))
  const told = placed(new CitedText(), [...events, { kind: 'end' }])
  expect(told.map(({ title }) => title)).toEqual(['A', 'B'])
})

test('bytes and characters of any text, however it was cut', () => {
  const unit = fc.constantFrom('a', 'é', '€', '😀', '\n')
  fc.assert(
    fc.property(fc.array(unit), fc.array(fc.nat(40)), (units, cuts) => {
      const text = units.join('')
      const places = new Places()
      const ends = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort(
        (a, b) => a - b,
      )
      ends.forEach((end, i) => {
        places.take(text.slice(ends[i - 1] ?? 0, end))
      })
      expect(places.characters).toBe(units.length)
      const starts = [...units.keys()].map((i) => Buffer.byteLength(units.slice(0, i).join('')))
      for (const [character, start] of starts.entries()) {
        expect(places.byteAt(character)).toBe(start)
      }
      const all = Buffer.byteLength(text)
      for (let byte = 0; byte <= all + 2; byte++) {
        const first = starts.findIndex((start) => start >= byte)
        expect(places.characterAt(byte)).toBe(first === -1 ? units.length : first)
      }
      expect(places.byteAt(units.length + 1)).toBe(all)
    }),
  )
})

test('a Responses caller is told at the first text what was cited before it', () => {
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent: null }
  const writer = newChatWriter('openai-responses', options, {})
  const citation: Citation = { url, title: 'A', start: 0, end: 2 }
  expect(writer.write({ kind: 'citation', of: 'text', citation })).toBe('')
  expect(writer.write(saying('Hi'))).toMatch(/output_text\.delta[\s\S]*annotation\.added/)
  expect(writer.end()).toContain('"annotations":[{"type":"url_citation"')
})

test('a citation of a whole text stays within it, and is counted without what was refused', () => {
  const annotation = { type: 'url_citation', url, title: 'A', start_index: 500, end_index: 3 }
  const { parts } = readAnswer('openai', {
    choices: [{ message: { content: 'Hello', annotations: [annotation] }, finish_reason: 'stop' }],
  })
  expect(parts).toMatchObject([{ citations: [{ start: 3, end: 3 }] }])
  const refused: Part = { kind: 'text', text: 'no', isRefusal: true }
  const cited: Part = {
    kind: 'text',
    text: 'a',
    citations: [{ url, title: 'A', start: 0, end: 1 }],
  }
  const answer: ChatAnswer = {
    ...{ id: 'a', model: 'm', parts: [refused, cited], stop: 'stop', usage: noUsage },
  }
  const written = JSON.stringify(writeAnswer('openai', answer, { request: {}, createdS: 1 }))
  expect(written).toContain('"start_index":0,"end_index":1')
})

test('blocks begin after what the caller has already, and Gemini’s places, too', () => {
  const citation: Citation = { url, title, start: 0, end: 1 }
  const sent = { text: '😀', usage: null }
  const options = { id: 'a', model: 'm', createdS: 1, streamUsage: true, sent }
  const writer = newChatWriter('gemini', options, {})
  writer.write({ kind: 'text', choice: 0, text: 'b' })
  writer.write({ kind: 'citation', of: 'block', citation })
  expect(writer.end()).toContain('"segment":{"startIndex":4,"endIndex":5}')
})

test('what stands behind the text is cited by its end', () => {
  const parts: readonly Part[] = [{ kind: 'text', text: 'a' }]
  const citation: Citation = { url, title, start: 7, end: 9 }
  expect(withCitations(parts, [citation])).toEqual([{ ...parts[0], citations: [citation] }])
})

test('a page that Anthropic did not find is marked as such', () => {
  const parts: readonly Part[] = [
    { kind: 'text', text: 'a', citations: [{ url, title, start: 0, end: 1 }] },
  ]
  const answer: ChatAnswer = { id: 'a', model: 'm', parts, stop: 'stop', usage: noUsage }
  const written = writeAnswer('anthropic', answer, { request: {}, createdS: 1 })
  expect(JSON.stringify(written)).toContain('"encrypted_index":"dHV0dGk6"')
})

test('of several choices the first one’s sources are told', () => {
  const candidate = { index: 1, content: { parts: [{ text: all }] }, groundingMetadata: grounding }
  const delta = { content: all, annotations: [nested] }
  for (const [read, event] of [
    [readGeminiEvent, data({ candidates: [candidate] })],
    [readOpenaiEvent, data({ choices: [{ index: 1, delta }] })],
  ] as const) {
    expect(JSON.stringify(read(event))).not.toContain('citation')
  }
})

test('an answer that cites is not continued by somebody else', () => {
  const progress = new StreamProgress()
  const citation: Citation = { url, title, start: 0, end: 1 }
  progress.take({ kind: 'citation', of: 'text', citation })
  expect(progress.isPlainText).toBe(false)
})

test.each<[ChatDialect, JsonObject]>([
  [
    'openai',
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: all, annotations: [nested] },
      ],
    },
  ],
  [
    'anthropic',
    {
      max_tokens: 9,
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: [{ type: 'text', text: all, citations: [web] }] },
      ],
    },
  ],
])('a caller of %s may say back what he got', (dialect, body) => {
  const parsed = parseChat(dialect, { model: 'm', ...body }, { model: 'm', stream: false })
  if (isUnsayable(parsed)) throw new Error(`${parsed.field}: ${parsed.message}`)
  expect(JSON.stringify(writeChat('gemini', parsed, dialect))).toContain(all)
})
