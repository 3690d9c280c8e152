// Responses reader
//
// What the events of a streamed response say where an engine says it only in whole: some models of OpenAI's own end the
// arguments of a call without having begun them, and some engines tell no more than the response at the end.
//
// Invariants:
//   E1. What came in pieces is not said again by the event that ends it.
//   E2. What came in no pieces is said by the event that ends it, or, where nothing was said at all, by the response.

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

// What the last event says by itself.
const framing: ReadonlySet<ChatEvent['kind']> = new Set(['start', 'stop', 'usage', 'end'])

const lastTypes: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete'])

/** Lives as long as one stream. */
export class ResponsesReader {
  /** What came in pieces, by its kind and its place; written by `read`. */
  readonly #told = new Set<string>()
  /** Whether anything of an answer came; written by `read`. */
  #hasBegun = false

  /** What an event says, or what is wrong with it. */
  read({ data }: StreamEvent): readonly ChatEvent[] | string {
    const event = jsonOf(data)
    if (!isObject(event)) return noEvent(data)
    const type = textOf(event['type'])
    if (type.endsWith('.delta')) this.#told.add(placeOf(type.slice(0, -'.delta'.length), event))
    else if (type.endsWith('.done')) return this.#readEnd(type.slice(0, -'.done'.length), event)
    const events = readResponses(event)
    if (lastTypes.has(type) && !this.#hasBegun) {
      const answer = eventsOfAnswer(readResponsesAnswer(objectOf(event['response']))) // E2
      return [...answer.filter(({ kind }) => !framing.has(kind)), ...events]
    }
    this.#hasBegun ||= events.length > 0 && type !== 'response.created'
    return events
  }

  #readEnd(kind: string, event: JsonObject): readonly ChatEvent[] {
    const whole = textOf(event[wholes[kind] ?? ''])
    const isTold = whole === '' || this.#told.has(placeOf(kind, event)) // E1
    if (isTold) return readResponses(event)
    this.#hasBegun = true
    return readResponses({ ...event, type: `${kind}.delta`, delta: whole }) // E2
  }
}

function placeOf(kind: string, event: JsonObject): string {
  const { output_index, content_index, summary_index } = event
  return [kind, output_index, content_index, summary_index].join(' ')
}
