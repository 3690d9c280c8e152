// However a stream of the Responses API spreads an answer over its events, it is read as the whole response is, once.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { answerOfEvents } from './answer-events.ts'
import type { ChatEvent, Part } from './chat.ts'
import { citationsOf } from './cited-text.ts'
import { ResponsesReader } from './responses-reader.ts'
import { readResponsesAnswer } from './responses-stream.ts'

type Json = Record<string, unknown>

function read(events: readonly object[]): readonly ChatEvent[] {
  const reader = new ResponsesReader()
  return events.flatMap((event) => {
    const got = reader.read({ event: '', data: JSON.stringify(event) })
    if (typeof got === 'string') throw new Error(got)
    return got
  })
}

/** What is next to each other and the same is one: streams tell texts apart as their dialect does. */
function said(parts: readonly Part[]): object[] {
  const list: Json[] = []
  for (const { ...part } of parts) {
    const last = list.at(-1)
    if (part.kind === 'text' || part.kind === 'thinking') {
      if (part.text === '' && !('signature' in part)) continue
      const isMore =
        last?.['kind'] === part.kind && last['isRefusal'] === part['isRefusal' as never]
      if (isMore && last['signature'] === undefined) {
        Object.assign(last, part, { text: `${last['text']}${part.text}` })
        continue
      }
    }
    list.push({ ...part, citations: undefined })
  }
  return list
}

const partsMax = 3
const word = fc.string({ minLength: 1, maxLength: 6 })
const note = fc.nat(3).map((n) => ({
  ...{ type: 'url_citation', url: `https://x.example/${n}`, title: `${n}` },
  ...{ start_index: 0, end_index: 1 },
}))
const part = fc.oneof(
  fc.record({
    ...{ type: fc.constant('output_text'), text: word },
    annotations: fc.array(note, { maxLength: 2 }),
  }),
  fc.record({ type: fc.constant('refusal'), refusal: word }),
)
const item = fc.oneof(
  fc.record({
    ...{ type: fc.constant('message'), role: fc.constant('assistant') },
    content: fc.array(part, { minLength: 1, maxLength: partsMax }),
  }),
  fc.record({
    type: fc.constant('reasoning'),
    summary: fc.array(fc.record({ type: fc.constant('summary_text'), text: word }), {
      ...{ minLength: 1, maxLength: 2 },
    }),
    encrypted_content: fc.option(word, { nil: undefined }),
  }),
  fc.record({
    ...{ type: fc.constant('function_call'), name: fc.constantFrom('f', 'g') },
    arguments: fc.dictionary(fc.constantFrom('a', 'b'), word).map((args) => JSON.stringify(args)),
  }),
)

/** By which events a stream tells an item; the response at the end tells what none of them does. */
interface How {
  readonly begin: 'none' | 'empty' | 'whole'
  /** How much of each text comes in pieces, and how many. */
  readonly share: 0 | 0.5 | 1
  readonly pieces: number
  readonly done: boolean
  readonly part: boolean
  readonly item: boolean
}
const how: fc.Arbitrary<How> = fc.record({
  begin: fc.constantFrom('none', 'empty', 'whole'),
  share: fc.constantFrom(0, 0.5, 1),
  pieces: fc.integer({ min: 1, max: 3 }),
  ...{ done: fc.boolean(), part: fc.boolean(), item: fc.boolean() },
})

interface Slot {
  readonly kind: string
  readonly part: Json | null
  readonly text: string
  readonly at: object
}

function slotsOf({ type, summary, content, arguments: args }: Json): Slot[] {
  if (type === 'function_call') {
    const kind = 'response.function_call_arguments'
    return [{ kind, part: null, text: String(args), at: {} }]
  }
  return ((summary ?? content) as Json[]).map((part, i) => ({
    kind: `response.${type === 'reasoning' ? 'reasoning_summary_text' : String(part['type'])}`,
    ...{ part, text: String(part['text'] ?? part['refusal']) },
    at: type === 'reasoning' ? { summary_index: i } : { content_index: i },
  }))
}

function cut(text: string, count: number): string[] {
  const size = Math.max(1, Math.ceil(text.length / count))
  return Array.from({ length: Math.ceil(text.length / size) }, (_, i) => {
    return text.slice(i * size, (i + 1) * size)
  })
}

const member = (kind: string) =>
  kind.endsWith('arguments') ? 'arguments' : kind.endsWith('refusal') ? 'refusal' : 'text'

/** The events of an item, and whether they tell all of it. */
function eventsOf(item: Json, place: number, how: How) {
  const slots = slotsOf(item)
  const isCall = item['type'] === 'function_call'
  const isWhole = how.begin === 'whole' && slots.length === 1 && item['type'] !== 'reasoning'
  const empty = isCall ? { arguments: '' } : { summary: [], content: [] }
  const of = { output_index: place }
  const events: Json[] = []
  const added = { ...item, ...(isWhole ? {} : empty), encrypted_content: undefined }
  if (how.begin !== 'none') events.push({ type: 'response.output_item.added', ...of, item: added })
  const isTold = how.share === 1 || how.done || (how.part && !isCall)
  for (const [i, { kind, part, text, at }] of slots.entries()) {
    if (i > 0 && !isTold) break
    const about = { ...of, ...at }
    const pieces = cut(text.slice(0, Math.ceil(text.length * how.share)), how.pieces)
    for (const delta of pieces) events.push({ type: `${kind}.delta`, ...about, delta })
    if (how.done) events.push({ type: `${kind}.done`, ...about, [member(kind)]: text })
    const annotations = (part?.['annotations'] ?? []) as object[]
    const count = how.part ? Math.min(1, annotations.length) : annotations.length
    const isSaid = how.share === 1 || how.done || (isWhole && how.share === 0)
    for (const annotation of isSaid ? annotations.slice(0, count) : []) {
      events.push({ type: 'response.output_text.annotation.added', ...about, annotation })
    }
    const whole = item['type'] === 'reasoning' ? 'reasoning_summary_part' : 'content_part'
    if (how.part && part !== null) events.push({ type: `response.${whole}.done`, ...about, part })
  }
  if (how.item) events.push({ type: 'response.output_item.done', ...of, item })
  const isBegun = !isCall || how.begin !== 'none'
  const isSigned = item['encrypted_content'] !== undefined
  return {
    events,
    isAll: how.item || ((isTold || (isWhole && how.share === 0)) && isBegun && !isSigned),
  }
}

/** No two thoughts are sealed alike. */
function sealed(item: Json, i: number): Json {
  const { encrypted_content: seal, ...rest } = item
  return seal === undefined ? rest : { ...rest, encrypted_content: `${seal}${i}` }
}

/** No two texts begin alike: one that says what another has said is, in doubt, its end. */
function apart({ content, summary, ...rest }: Json, i: number): Json {
  const begun = (parts: unknown) =>
    (parts as Json[]).map((part, at) => {
      const name = part['type'] === 'refusal' ? 'refusal' : 'text'
      const first = String.fromCharCode('a'.charCodeAt(0) + i * partsMax + at)
      return { ...part, [name]: `${first}${part[name]}` }
    })
  if (content !== undefined) return { ...rest, content: begun(content) }
  return summary === undefined ? rest : { ...rest, summary: begun(summary) }
}

const answers = fc.array(fc.tuple(item, how), { minLength: 1, maxLength: 4 }).map((list) =>
  list.map(([item, how], i) => {
    return [sealed({ ...apart(item, i), call_id: `c${i}` }, i), how] as const
  }),
)

test('E1, E2, E3: any spread of an answer over the events of its stream tells it once', () => {
  fc.assert(
    fc.property(answers, fc.boolean(), (list, isListed) => {
      const output = list.map(([item]) => item)
      const events: Json[] = []
      let isAll = true
      for (const [place, [item, how]] of list.entries()) {
        if (!isAll) break // what comes late comes after what follows it
        const told = eventsOf(item, place, how)
        events.push(...told.events)
        isAll = told.isAll
      }
      const response = { status: 'completed', output: isAll && !isListed ? [] : output }
      events.push({ type: 'response.completed', response })
      const whole = readResponsesAnswer({ status: 'completed', output }).parts
      const streamed = answerOfEvents(read(events))?.parts ?? []
      expect(said(streamed)).toEqual(said(whole))
      expect(citationsOf(streamed)).toEqual(citationsOf(whole))
    }),
    { numRuns: 1_000 },
  )
})
