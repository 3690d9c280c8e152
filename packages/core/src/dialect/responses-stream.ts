// Responses stream
//
// What the events of a streamed response say, and what a whole response object says.

import { readAnnotation, readAnnotations } from './annotation.ts'
import type { ChatAnswer, ChatEvent, MediaSource, Part, Stop, StreamEvent, Usage } from './chat.ts'
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
import { openaiError } from './openai-error.ts'
import { signedBy } from './signature.ts'

/** Of one event by itself (`ResponsesReader`). */
export function readResponsesEvent({ data }: StreamEvent): readonly ChatEvent[] | string {
  const event = jsonOf(data)
  return isObject(event) ? readResponses(event) : noEvent(data)
}

export function noEvent(data: string): string {
  return `an event that is not JSON: ${data.slice(0, 80)}`
}

export function readResponses(event: JsonObject): readonly ChatEvent[] {
  const index = countOf(event['output_index'])
  const response = objectOf(event['response'])
  switch (event['type']) {
    case 'response.created':
      return [{ kind: 'start', id: textOf(response['id']), model: textOf(response['model']) }]
    case 'response.output_item.added':
      return readItem(index, objectOf(event['item']))
    case 'response.output_item.done':
      return endOfItem(objectOf(event['item']))
    case 'response.output_text.delta':
      return [{ kind: 'text', choice: 0, text: textOf(event['delta']) }]
    case 'response.output_text.annotation.added': {
      const citation = readAnnotation(event['annotation'])
      return citation === null ? [] : [{ kind: 'citation', of: 'block', citation }]
    }
    case 'response.content_part.done':
      return [{ kind: 'block-end' }]
    case 'response.refusal.delta':
      return [{ kind: 'text', choice: 0, text: textOf(event['delta']), isRefusal: true }]
    case 'response.reasoning_summary_part.added':
      return countOf(event['summary_index']) === 0 ? [] : [{ kind: 'thinking', text: betweenParts }]
    case 'response.reasoning_summary_text.delta':
    case 'response.reasoning_text.delta':
      return [{ kind: 'thinking', text: textOf(event['delta']) }]
    case 'response.function_call_arguments.delta':
    case 'response.custom_tool_call_input.delta':
    case 'response.mcp_call_arguments.delta':
    case 'response.code_interpreter_call_code.delta':
      return [{ kind: 'tool-arguments', index, text: textOf(event['delta']) }]
    case 'response.completed':
    case 'response.incomplete':
      return readEnd(response)
    case 'response.failed':
      return [openaiError(response, 502)]
    case 'error':
      return [openaiError({ error: event }, 502)]
    default:
      // An engine that gives up may say so in the words of chat completions.
      return 'type' in event || !isObject(event['error']) ? [] : [openaiError(event, 502)]
  }
}

export const betweenParts = '\n\n' // of a summary: each has a heading

function readItem(index: number, item: JsonObject): ChatEvent[] {
  if (item['type'] === 'message' || item['type'] === 'reasoning') return [] // of what follows
  if (!answeredTypes.has(item['type'])) return [{ kind: 'other', index, ...lostItem(item) }]
  const id = textOf(item['call_id']) || textOf(item['id'])
  return [{ kind: 'tool-start', index, id, name: textOf(item['name']) }]
}

// What the provider's own tools were asked and gave: of the way to an answer.
const ofTheWay: ReadonlySet<unknown> = new Set([
  ...['web_search_call', 'file_search_call', 'code_interpreter_call', 'mcp_call', 'mcp_list_tools'],
  ...['tool_search_call', 'tool_search_output', 'program', 'program_output', 'additional_tools'],
  ...['compaction', 'function_call_output', 'custom_tool_call_output', 'mcp_approval_response'],
  'image_generation_call', // its image is told (`endOfItem`)
])

/** What its caller would miss in another dialect: calls that wait for him are among it. */
export function lostItem({ type, execution }: JsonObject): Pick<ChatAnswer, 'lost'> {
  const isOfTheWay = ofTheWay.has(type) && execution !== 'client'
  return isOfTheWay ? {} : { lost: kindName(type) }
}

/** What only the end of an item says. */
export function endOfItem(item: JsonObject): ChatEvent[] {
  const source = imageOf(item)
  if (source !== null) return [{ kind: 'image', source }]
  return signatureOf(item).map((text) => ({ kind: 'signature', text }))
}

/** Of an image that the model made; null for what else there is. */
function imageOf({ type, result, output_format: format }: JsonObject): MediaSource | null {
  if (type !== 'image_generation_call' || textOf(result) === '') return null
  return { kind: 'data', mediaType: `image/${textOf(format) || 'png'}`, data: textOf(result) }
}

/** Of a thought that the model wants back; none of what else there is. */
export function signatureOf(item: JsonObject): string[] {
  const own = item['type'] === 'reasoning' ? textOf(item['encrypted_content']) : ''
  return own === '' ? [] : [signedBy('openai', own)]
}

function readEnd(response: JsonObject): ChatEvent[] {
  const { usage } = response
  return [
    ...(isResponsesUsage(usage) ? [{ kind: 'usage', usage: responsesUsage(usage) } as const] : []),
    { kind: 'stop', choice: 0, stop: responsesStop(response) },
    { kind: 'end' },
  ]
}

// Calls that the caller answers.
const answeredTypes: ReadonlySet<unknown> = new Set(['function_call', 'custom_tool_call'])

function responsesStop(response: JsonObject): Stop {
  if (response['status'] === 'incomplete') {
    const reason = objectOf(response['incomplete_details'])['reason']
    return reason === 'content_filter' ? 'content-filter' : 'length'
  }
  const isCalling = listOf(response['output']).some((item) =>
    answeredTypes.has(objectOf(item)['type']),
  )
  return isCalling ? 'tool-calls' : 'stop'
}

/** False for what counts nothing. */
export function isResponsesUsage(usage: unknown): usage is JsonObject {
  return isObject(usage) && typeof usage['input_tokens'] === 'number'
}

export function responsesUsage(usage: JsonObject): Usage {
  const input = objectOf(usage['input_tokens_details'])
  return {
    input: countOf(usage['input_tokens']),
    output: countOf(usage['output_tokens']),
    cached: countOf(input['cached_tokens']),
    cacheWritten: countOf(input['cache_write_tokens']),
    reasoning: countOf(objectOf(usage['output_tokens_details'])['reasoning_tokens']),
  }
}

const saidTypes: ReadonlySet<unknown> = new Set(['message', 'reasoning', ...answeredTypes])

/** True for what every dialect has: texts, thoughts and calls. */
export function isSaidItem({ type }: JsonObject): boolean {
  return saidTypes.has(type)
}

/** A whole response in the neutral form. */
export function readResponsesAnswer(response: JsonObject): ChatAnswer {
  const items = listOf(response['output']).map(objectOf)
  const other = items.filter((item) => !isSaidItem(item)).map(lostItem)
  return {
    ...{ id: textOf(response['id']), model: textOf(response['model']) },
    ...other.find(({ lost }) => lost !== undefined),
    parts: items.flatMap(partsOf),
    ...{ stop: responsesStop(response), usage: responsesUsage(objectOf(response['usage'])) },
  }
}

function partsOf(item: JsonObject): Part[] {
  switch (item['type']) {
    case 'message':
      return listOf(item['content']).map((part) => {
        const { text, refusal, annotations } = objectOf(part)
        if (typeof refusal === 'string') return { kind: 'text', text: refusal, isRefusal: true }
        const cited = readAnnotations(annotations, textOf(text))
        return { kind: 'text', text: textOf(text), ...cited }
      })
    case 'reasoning': {
      const textsOf = (parts: unknown) => listOf(parts).map((one) => textOf(objectOf(one)['text']))
      const text = textsOf(item['summary']).join(betweenParts) + textsOf(item['content']).join('')
      const [signature] = signatureOf(item)
      if (signature !== undefined) return [{ kind: 'thinking', text, signature }]
      return text === '' ? [] : [{ kind: 'thinking', text }]
    }
    case 'function_call': {
      const id = textOf(item['call_id'])
      const args = textOf(item['arguments'])
      return [{ kind: 'tool-call', id, name: textOf(item['name']), arguments: args }]
    }
    case 'custom_tool_call': {
      const [id, name] = [textOf(item['call_id']), textOf(item['name'])]
      return [{ kind: 'tool-call', id, name, arguments: textOf(item['input']) }]
    }
    default: {
      const source = imageOf(item)
      return source === null ? [] : [{ kind: 'image', source }]
    }
  }
}
