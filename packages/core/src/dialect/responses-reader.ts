// Responses reader
//
// What the events of a streamed response say where an engine says it only in whole: some models of OpenAI's own end the
// arguments of a call without having begun them, and some engines tell no more than the response at the end.
//
// Invariants:
//   E1. What came in pieces is not said again by the event that ends it.
//   E2. What came in no pieces is said by the event that ends it, or, where nothing was said at all, by the response;
//       of a call, and that there is one, also by the event that ends its item.

import { eventsOfAnswer } from './answer-events.ts'
import type { ChatEvent, StreamEvent } from './chat.ts'
import { isObject, type JsonObject, jsonOf, objectOf, textOf } from './json.ts'
import { noEvent, readResponses, readResponsesAnswer } from './responses-stream.ts'

/** By the beginning of its type, the member in which an event says all of its text. */
const wholes: Readonly<Record<string, string>> = {
  'response.output_text': 'text',
  'response.refusal': 'refusal',
  'response.reasoning_summary_text': 'text',
  'response.reasoning_text': 'text',
  'response.function_call_arguments': 'arguments',
  'response.custom_tool_call_input': 'input',
  'response.mcp_call_arguments': 'arguments',
}

/** Those of calls. */
const callKinds: ReadonlySet<string> = new Set([
  'response.function_call_arguments',
  'response.custom_tool_call_input',
  'response.mcp_call_arguments',
])

// What the last event says by itself.
const framing: ReadonlySet<ChatEvent['kind']> = new Set(['start', 'stop', 'usage', 'end'])

const lastTypes: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete'])

type ToolStart = Extract<ChatEvent, { kind: 'tool-start' }>

/** Lives as long as one stream. */
export class ResponsesReader {
  /** Of each kind that came in pieces, the items that they were of; written by `read`. */
  readonly #told = new Map<string, Set<unknown>>()
  /** Ids of calls that have begun; written by `#begin`. */
  readonly #calls = new Set<string>()
  /** Items of those whose arguments nobody has said so far; written by `read`. */
  readonly #mute = new Set<unknown>()
  /** Whether anything of an answer came; written by `read`. */
  #hasBegun = false

  /** What an event says, or what is wrong with it. */
  read({ data }: StreamEvent): readonly ChatEvent[] | string {
    const event = jsonOf(data)
    if (!isObject(event)) return noEvent(data)
    const type = textOf(event['type'])
    if (type === 'response.output_item.done') return this.#readItemEnd(event)
    const isPiece = type.endsWith('.delta') && event['delta'] !== ''
    if (isPiece) this.#note(type.slice(0, -'.delta'.length), event)
    else if (type.endsWith('.done')) return this.#readEnd(type.slice(0, -'.done'.length), event)
    const events = readResponses(event)
    if (lastTypes.has(type) && !this.#hasBegun) {
      const answer = eventsOfAnswer(readResponsesAnswer(objectOf(event['response']))) // E2
      return [...answer.filter(({ kind }) => !framing.has(kind)), ...events]
    }
    this.#hasBegun ||= events.length > 0 && type !== 'response.created'
    const [first] = events
    if (first?.kind === 'tool-start') this.#begin(first, event)
    return events
  }

  #begin({ id }: ToolStart, { output_index: item }: JsonObject): void {
    this.#calls.add(id)
    this.#mute.add(item)
  }

  /** E2: some engines say what a call is given, or that there is one, nowhere else. */
  #readItemEnd(event: JsonObject): readonly ChatEvent[] {
    const { output_index: at, item } = event
    if (typeof at !== 'number') return readResponses(event)
    const start = this.#startOf(event)
    if (start !== null) this.#begin(start, event)
    this.#hasBegun ||= start !== null
    const { arguments: args, input } = objectOf(item)
    const text = textOf(args) || textOf(input)
    const isMute = this.#mute.delete(at)
    return [
      ...(start === null ? [] : [start]),
      ...(isMute && text !== '' ? [{ kind: 'tool-arguments', index: at, text } as const] : []),
      ...readResponses(event),
    ]
  }

  /** Of a call that nobody has told; null in doubt: pieces of no item may be of any. */
  #startOf(event: JsonObject): ToolStart | null {
    const started = readResponses({ ...event, type: 'response.output_item.added' })
    const start = started.find((one) => one.kind === 'tool-start')
    if (start === undefined || this.#calls.has(start.id)) return null
    const isGiven = (kind: string) => {
      const items = this.#told.get(kind)
      return items?.has(event['output_index']) || items?.has(undefined)
    }
    return [...callKinds].some(isGiven) ? null : start
  }

  #readEnd(kind: string, event: JsonObject): readonly ChatEvent[] {
    const whole = textOf(event[wholes[kind] ?? ''])
    if (whole === '' || this.#isTold(kind, event)) return readResponses(event)
    this.#hasBegun = true
    this.#unmute(kind, event)
    return readResponses({ ...event, type: `${kind}.delta`, delta: whole }) // E2
  }

  #note(kind: string, event: JsonObject): void {
    this.#unmute(kind, event)
    const { output_index: item } = event
    const items = this.#told.get(kind)
    if (items === undefined) this.#told.set(kind, new Set([item]))
    else items.add(item)
  }

  /** E1: where the items of a call's pieces have no numbers, they may be of any call. */
  #unmute(kind: string, { output_index: item }: JsonObject): void {
    if (!callKinds.has(kind)) return
    if (this.#mute.has(item)) this.#mute.delete(item)
    else this.#mute.clear()
  }

  /** E1: in doubt it is; some engines number their items in one event and not in the other. */
  #isTold(kind: string, { output_index: item }: JsonObject): boolean {
    const items = this.#told.get(kind)
    if (items === undefined) return false
    const isNumbered = item !== undefined && !items.has(undefined)
    return !(kind.endsWith('arguments') && isNumbered) || items.has(item)
  }
}
