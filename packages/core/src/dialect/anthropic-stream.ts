// Anthropic stream
//
// What the events of a streamed message say: message_start, content_block_*, message_delta, message_stop.

import { exactJson, exactJsonOf } from '../resource/index.ts'
import { readBlockCitation } from './annotation.ts'
import { anthropicError } from './anthropic-error.ts'
import type { ChatAnswer, ChatEvent, Stop, StreamEvent, Usage } from './chat.ts'
import {
  countOf,
  isObject,
  type JsonObject,
  jsonOf,
  kindName,
  listOf,
  objectOf,
  textOf,
} from './json.ts'
import { signatureEvents } from './signature.ts'

/** What an event says, or what is wrong with it. */
export function readAnthropicEvent({ data }: StreamEvent): readonly ChatEvent[] | string {
  const event = jsonOf(data)
  if (!isObject(event)) return `an event that is not JSON: ${data.slice(0, 80)}`
  switch (event['type']) {
    case 'message_start':
      return readStart(objectOf(event['message']))
    case 'content_block_start':
      return readBlock(countOf(event['index']), data)
    case 'content_block_delta':
      return readDelta(countOf(event['index']), objectOf(event['delta']))
    case 'message_delta':
      return readEnd(objectOf(event['delta']), objectOf(event['usage']))
    case 'message_stop':
      return [{ kind: 'end' }]
    case 'content_block_stop':
      return [{ kind: 'block-end' }]
    case 'error':
      return [anthropicError(event, 502)]
    case undefined:
      return isObject(event['error']) ? [anthropicError(event, 502)] : [] // loosely spoken
    default:
      return [] // ping, and what is added later
  }
}

function readStart(message: JsonObject): ChatEvent[] {
  // What it says of output was counted before there was any.
  const { output: _, reasoning: __, ...usage } = partialUsage(objectOf(message['usage']))
  return [
    { kind: 'start', id: textOf(message['id']), model: textOf(message['model']) },
    { kind: 'usage', usage },
  ]
}

/** Anthropic itself begins with nothing; others may give the whole at once. */
function readInput(index: number, input: JsonObject): ChatEvent[] {
  const isGiven = Object.keys(input).length > 0
  return isGiven ? [{ kind: 'tool-arguments', index, text: exactJson(input) }] : []
}

/** Its input is an object, whose numbers go on as they are. */
function readBlock(index: number, data: string): ChatEvent[] {
  const block = objectOf(objectOf(exactJsonOf(data))['content_block'])
  switch (block['type']) {
    case 'tool_use':
      return [
        { kind: 'tool-start', index, id: textOf(block['id']), name: textOf(block['name']) },
        ...readInput(index, objectOf(block['input'])),
      ]
    case 'text':
      return [{ kind: 'text', choice: 0, text: textOf(block['text']) }]
    case 'thinking': {
      const text = textOf(block['thinking'])
      // Without a text, what it signs is still to come.
      const signed = text === '' ? [] : signatureEvents('anthropic', textOf(block['signature']))
      return [{ kind: 'thinking', text }, ...signed]
    }
    case 'redacted_thinking':
      return signatureEvents('redacted', textOf(block['data']))
    default:
      return [{ kind: 'other', index, ...lostBlock(block) }]
  }
}

// What a provider's own tools were asked and gave, and where it took up a conversation: of the way to an answer.
const ofTheWay: ReadonlySet<unknown> = new Set([
  ...['server_tool_use', 'mcp_tool_use', 'mcp_tool_listing', 'compaction', 'fallback'],
])

/** What its caller would miss in another dialect: all but what tells how the answer came about. */
export function lostBlock({ type }: JsonObject): Pick<ChatAnswer, 'lost'> {
  const name = kindName(type)
  return ofTheWay.has(type) || name.endsWith('_tool_result') ? {} : { lost: name }
}

function readDelta(index: number, delta: JsonObject): ChatEvent[] {
  switch (delta['type']) {
    case 'text_delta':
      return [{ kind: 'text', choice: 0, text: textOf(delta['text']) }]
    case 'citations_delta': {
      const citation = readBlockCitation(delta['citation'])
      return [{ kind: 'citation', of: 'whole block', citation }]
    }
    case 'thinking_delta':
      return [{ kind: 'thinking', text: textOf(delta['thinking']) }]
    case 'signature_delta':
      return signatureEvents('anthropic', textOf(delta['signature']))
    case 'input_json_delta':
      return [{ kind: 'tool-arguments', index, text: textOf(delta['partial_json']) }]
    default:
      return [{ kind: 'other' }]
  }
}

function readEnd(delta: JsonObject, usage: JsonObject): ChatEvent[] {
  const events: ChatEvent[] = [{ kind: 'usage', usage: partialUsage(usage) }]
  const reason = textOf(delta['stop_reason'])
  const stopped = { stop: anthropicStop(reason), ...sequenceOf(delta['stop_sequence']) }
  const why = whyRefused(delta)
  if (why !== '') events.push({ kind: 'text', choice: 0, text: why, isRefusal: true })
  if (reason !== '') events.push({ kind: 'stop', choice: 0, ...stopped })
  return events
}

/** Said apart, as OpenAI's models say why they do not answer; empty where it is not. */
export function whyRefused({ stop_reason: reason, stop_details: details }: JsonObject): string {
  return reason === 'refusal' ? textOf(objectOf(details)['explanation']) : ''
}

/** The text at which an answer stopped, where that is told. */
export function sequenceOf(sequence: unknown): { readonly sequence?: string } {
  return typeof sequence === 'string' ? { sequence } : {}
}

export function anthropicStop(reason: string): Stop {
  switch (reason) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return 'tool-calls'
    case 'refusal':
      return 'content-filter'
    case 'stop_sequence':
      return 'stop-sequence'
    case 'end_turn':
      return 'stop'
    default:
      return 'other' // pause_turn, compaction, and what is added later
  }
}

/** False for what counts nothing. */
export function isAnthropicUsage(usage: unknown): usage is JsonObject {
  return isObject(usage) && typeof usage['output_tokens'] === 'number'
}

/**
 * Anthropic counts cached input beside `input_tokens`; here it is part of the input. So is what a
 * compaction of the conversation took, which `iterations` alone tell.
 */
export function anthropicUsage(usage: JsonObject): Usage {
  const beside = listOf(usage['iterations'])
    .map(objectOf)
    .filter(({ type }) => type !== 'message')
  const all = [usage, ...beside]
  const sum = (name: string) => all.reduce((count, one) => count + countOf(one[name]), 0)
  const cached = sum('cache_read_input_tokens')
  const cacheWritten = sum('cache_creation_input_tokens')
  const input = sum('input_tokens') + cached + cacheWritten
  const cacheWrittenLong = countOf(objectOf(usage['cache_creation'])['ephemeral_1h_input_tokens'])
  const reasoning = countOf(objectOf(usage['output_tokens_details'])['thinking_tokens'])
  return {
    ...{ input, output: sum('output_tokens'), cached, cacheWritten, reasoning },
    ...(cacheWrittenLong === 0 ? {} : { cacheWrittenLong }),
  }
}

/** Only what the event tells: later counts of a stream replace earlier ones. */
function partialUsage(usage: JsonObject): Partial<Usage> {
  const all = anthropicUsage(usage)
  if (usage['input_tokens'] === undefined || usage['input_tokens'] === null) {
    const { output, reasoning } = all
    return usage['output_tokens'] === undefined ? {} : { output, reasoning }
  }
  return all
}
