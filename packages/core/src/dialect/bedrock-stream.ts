// Bedrock stream
//
// What answers of Amazon Bedrock's Converse say: the whole ones, and the events of a stream, each named by its frame:
// messageStart, contentBlock*, messageStop, metadata, or an exception.

import { exactJson } from '../resource/index.ts'
import { sourceOf } from './annotation.ts'
import { bedrockError } from './bedrock-error.ts'
import type {
  ChatAnswer,
  ChatEvent,
  Citation,
  MediaSource,
  Part,
  Stop,
  StreamEvent,
  Usage,
} from './chat.ts'
import { textEnd, within } from './cited-text.ts'
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
import { signatureEvents, signedBy } from './signature.ts'

/** What an event says, or what is wrong with it. */
export function readBedrockEvent({ event, data }: StreamEvent): readonly ChatEvent[] | string {
  const body = jsonOf(data)
  if (!isObject(body)) return `an event that is not JSON: ${data.slice(0, 80)}`
  switch (event) {
    case 'messageStart':
      return [{ kind: 'start', id: '', model: '' }]
    case 'contentBlockStart': {
      const [tool, index] = [objectOf(body['start'])['toolUse'], countOf(body['contentBlockIndex'])]
      if (!isObject(tool)) return otherEvents(objectOf(body['start']), ofStart)
      if (isProviders(tool)) return [{ kind: 'other', index }]
      const [id, name] = [textOf(tool['toolUseId']), textOf(tool['name'])]
      return [{ kind: 'tool-start', index, id, name }]
    }
    case 'contentBlockDelta':
      return readDelta(countOf(body['contentBlockIndex']), objectOf(body['delta']))
    case 'contentBlockStop':
      return [{ kind: 'block-end' }]
    case 'messageStop': {
      const stop = bedrockStop(textOf(body['stopReason']))
      return stop === null ? `the model stopped with ${body['stopReason']}` : [stopEvent(stop)]
    }
    case 'metadata':
      return [...usageEvents(body['usage']), { kind: 'end' }]
    default:
      // what is added later
      return event.toLowerCase().endsWith('exception') ? [bedrockError(body, 502, event)] : []
  }
}

function stopEvent(stop: Stop): ChatEvent {
  return { kind: 'stop', choice: 0, stop }
}

function readDelta(index: number, delta: JsonObject): ChatEvent[] {
  const { text, toolUse, reasoningContent, citation, image } = delta
  if (isObject(image)) return [{ kind: 'image', source: imageOf(image) }]
  if (isObject(citation)) {
    return [{ kind: 'citation', of: 'whole block', citation: readCitation(citation) }]
  }
  if (typeof text === 'string') return [{ kind: 'text', choice: 0, text }]
  if (isObject(toolUse)) return [{ kind: 'tool-arguments', index, text: textOf(toolUse['input']) }]
  if (!isObject(reasoningContent)) return otherEvents(delta, ofTheWay)
  const { text: thinking, signature, redactedContent } = reasoningContent
  if (typeof redactedContent === 'string') return signatureEvents('redacted', redactedContent)
  if (typeof signature === 'string') return signatureEvents('anthropic', signature)
  return typeof thinking === 'string' ? [{ kind: 'thinking', text: thinking }] : []
}

/** What Amazon calls and answers itself. */
function isProviders({ type }: JsonObject): boolean {
  return type === 'server_tool_use'
}

const ofTheWay: ReadonlySet<string> = new Set(['toolResult', 'searchResult', 'cachePoint'])
// The beginning of an image, which its pieces tell.
const ofStart: ReadonlySet<string> = new Set([...ofTheWay, 'image'])

/** Of a block that is none of the kinds we read: what its caller would miss elsewhere. */
function lostIn(block: JsonObject, known: ReadonlySet<string>): Pick<ChatAnswer, 'lost'> {
  const name = Object.keys(block).find((one) => !known.has(one))
  return name === undefined ? {} : { lost: kindName(name) }
}

function otherEvents(block: JsonObject, known: ReadonlySet<string>): ChatEvent[] {
  return Object.keys(block).length === 0 ? [] : [{ kind: 'other', ...lostIn(block, known) }]
}

/** Null for an answer that the model did not bring to an end. */
export function bedrockStop(reason: string): Stop | null {
  switch (reason) {
    case 'end_turn':
      return 'stop'
    case 'stop_sequence':
      return 'stop-sequence'
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'tool_use':
      return 'tool-calls'
    case 'guardrail_intervened':
    case 'content_filtered':
      return 'content-filter'
    default:
      return null // malformed_model_output, malformed_tool_use
  }
}

/** False for what counts nothing. */
export function isBedrockUsage(usage: unknown): usage is JsonObject {
  return isObject(usage) && typeof usage['inputTokens'] === 'number'
}

function usageEvents(usage: unknown): ChatEvent[] {
  return isBedrockUsage(usage) ? [{ kind: 'usage', usage: bedrockUsage(usage) }] : []
}

/** Bedrock counts cached input beside `inputTokens`; here it is part of the input. */
export function bedrockUsage(usage: JsonObject): Usage {
  const cached = countOf(usage['cacheReadInputTokens'])
  const cacheWritten = countOf(usage['cacheWriteInputTokens'])
  const input = countOf(usage['inputTokens']) + cached + cacheWritten
  return { input, output: countOf(usage['outputTokens']), cached, cacheWritten, reasoning: 0 }
}

/** A whole answer; its id is a header's and not here. */
export function readBedrock(body: JsonObject): ChatAnswer {
  const message = objectOf(objectOf(body['output'])['message'])
  const blocks = listOf(message['content']).map(objectOf)
  return {
    ...{ id: '', model: '', parts: blocks.flatMap(readBlock) },
    ...blocks.map((block) => lostIn(block, ofBlock)).find(({ lost }) => lost !== undefined),
    stop: bedrockStop(textOf(body['stopReason'])) ?? 'stop',
    usage: bedrockUsage(objectOf(body['usage'])),
  }
}

// What is read of a whole block.
const ofBlock: ReadonlySet<string> = new Set([
  ...ofTheWay,
  ...['text', 'toolUse', 'reasoningContent', 'citationsContent', 'image'],
])

function readBlock(block: JsonObject): Part[] {
  const { text, toolUse, reasoningContent, citationsContent, image } = block
  if (isObject(image)) return [{ kind: 'image', source: imageOf(image) }]
  if (isObject(citationsContent)) return [readCited(citationsContent)]
  if (typeof text === 'string') return [{ kind: 'text', text }]
  if (isObject(toolUse)) {
    if (isProviders(toolUse)) return []
    const [id, name] = [textOf(toolUse['toolUseId']), textOf(toolUse['name'])]
    return [{ kind: 'tool-call', id, name, arguments: exactJson(toolUse['input'] ?? {}) }]
  }
  const { reasoningText, redactedContent } = objectOf(reasoningContent)
  if (typeof redactedContent === 'string') {
    if (redactedContent === '') return []
    return [{ kind: 'thinking', text: '', signature: signedBy('redacted', redactedContent) }]
  }
  const { text: thought, signature: own } = objectOf(reasoningText)
  if (typeof thought !== 'string') return []
  const signature = textOf(own) === '' ? {} : { signature: signedBy('anthropic', textOf(own)) }
  return [{ kind: 'thinking', text: thought, ...signature }]
}

function readCited({ content, citations }: JsonObject): Part {
  const text = listOf(content)
    .map((one) => textOf(objectOf(one)['text']))
    .join('')
  const cited = within(listOf(citations).map(objectOf).map(readCitation), text)
  return { kind: 'text', text, ...(cited.length === 0 ? {} : { citations: cited }) }
}

function readCitation({ title, source, sourceContent, location }: JsonObject): Citation {
  const { url } = objectOf(objectOf(location)['web'])
  const quote = listOf(sourceContent)
    .map((one) => textOf(objectOf(one)['text']))
    .join('')
  return {
    ...sourceOf(textOf(url) || textOf(source), textOf(title)),
    ...(quote === '' ? {} : { quote }),
    ...{ start: 0, end: textEnd },
  }
}

/** A stream tells the format before, with the block that begins. */
function imageOf({ format, source }: JsonObject): MediaSource {
  const type = textOf(format)
  const mediaType = type === '' ? 'application/octet-stream' : `image/${type}`
  const { s3Location } = objectOf(source)
  if (isObject(s3Location)) return { kind: 'url', url: textOf(s3Location['uri']) }
  return { kind: 'data', mediaType, data: textOf(objectOf(source)['bytes']) }
}
