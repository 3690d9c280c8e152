// Gemini stream
//
// What the chunks of streamGenerateContent say, and what a whole response says: both have the same form.

import { exactJson, exactJsonOf } from '../resource/index.ts'
import { sourceOf } from './annotation.ts'
import type { ChatEvent, Citation, Stop, StreamEvent, Usage } from './chat.ts'
import { textEnd } from './cited-text.ts'
import { countOf, isObject, type JsonObject, kindName, listOf, objectOf, textOf } from './json.ts'
import type { ErrorEvent } from './openai-error.ts'
import { endMark } from './openai-stream.ts'
import { signedBy } from './signature.ts'

export function readGeminiEvent({ data }: StreamEvent): readonly ChatEvent[] | string {
  if (data.startsWith(endMark)) return [{ kind: 'end' }] // of a proxy that speaks OpenAI's, too
  const chunk = exactJsonOf(data)
  if (!isObject(chunk)) return `an event that is not JSON: ${data.slice(0, 80)}`
  if (isObject(chunk['error'])) return [geminiError(chunk, 502)]
  const wrong = listOf(chunk['candidates'])
    .map(whyFailed)
    .find((why) => why !== null)
  return wrong ?? geminiEvents(chunk)
}

function whyFailed(candidate: unknown): string | null {
  const reason = textOf(objectOf(candidate)['finishReason'])
  return reason !== '' && geminiStop(reason) === null ? `the model stopped with ${reason}` : null
}

export function geminiEvents(chunk: JsonObject): ChatEvent[] {
  const events: ChatEvent[] = [
    { kind: 'start', id: textOf(chunk['responseId']), model: textOf(chunk['modelVersion']) },
  ]
  const candidates = listOf(chunk['candidates']).map(objectOf)
  for (const candidate of candidates) {
    const choice = countOf(candidate['index'])
    for (const part of listOf(objectOf(candidate['content'])['parts'])) {
      readPart(objectOf(part), choice, events)
    }
    for (const event of choice === 0 ? citationEvents(candidate) : []) events.push(event)
  }
  const metadata = chunk['usageMetadata']
  if (isGeminiUsage(metadata)) events.push({ kind: 'usage', usage: geminiUsage(metadata) })
  const { blockReason, blockReasonMessage } = objectOf(chunk['promptFeedback'])
  if (textOf(blockReason) !== '') return [...events, ...refused(0, blockReasonMessage)]
  for (const { index, finishReason, finishMessage } of candidates) {
    const [choice, stop] = [countOf(index), geminiStop(textOf(finishReason))]
    if (stop === 'content-filter') events.push(...refused(choice, finishMessage))
    else if (stop !== null) events.push({ kind: 'stop', choice, stop })
  }
  return events
}

/** Why is said apart, as OpenAI's models say it; some do not say it. */
function refused(choice: number, why: unknown): ChatEvent[] {
  const text = textOf(why)
  const said: ChatEvent[] = text === '' ? [] : [{ kind: 'text', choice, text, isRefusal: true }]
  return [...said, { kind: 'stop', choice, stop: 'content-filter' }]
}

function readPart(part: JsonObject, choice: number, events: ChatEvent[]): void {
  const of = choice > 0 ? { choice } : undefined
  const call = part['functionCall']
  const own = textOf(part['thoughtSignature'])
  const signed: ChatEvent[] =
    own === '' ? [] : [{ kind: 'signature', text: signedBy('gemini', own) }]
  if (part['thought'] !== true) events.push(...signed)
  if (isObject(call)) {
    events.push(
      { kind: 'tool-start', index: -1, id: textOf(call['id']), name: textOf(call['name']) },
      { kind: 'tool-arguments', ...of, index: -1, text: exactJson(objectOf(call['args'])) },
    )
  } else if (isObject(part['inlineData']) && part['thought'] !== true) {
    const { mimeType, data } = part['inlineData']
    const source = { kind: 'data', mediaType: textOf(mimeType), data: textOf(data) } as const
    events.push({ kind: 'image', source })
  } else if (isObject(part['fileData'])) {
    const url = textOf(part['fileData']['fileUri'])
    events.push({ kind: 'image', source: { kind: 'url', url } })
  } else if (typeof part['text'] === 'string') {
    const text = part['text']
    if (part['thought'] === true) events.push({ kind: 'thinking', ...of, text }, ...signed)
    else events.push({ kind: 'text', choice, text })
  } else if (part['thought'] !== true) {
    const name = Object.keys(part).find((one) => !marks.has(one))
    if (name === undefined) return
    const text = textOf(objectOf(part['audioTranscription'])['text'])
    events.push({ kind: 'other', ...(ofTheWay.has(name) ? {} : { lost: kindName(name) }) })
    if (text !== '') events.push({ kind: 'other-text', choice, of: 'audio', text })
  }
}

// Members of a part that are about another one; what else there is is content: code that ran, say.
const marks: ReadonlySet<string> = new Set(['thought', 'thoughtSignature', 'partMetadata'])

// What Google's own tools were asked and gave: of the way to an answer.
const ofTheWay: ReadonlySet<string> = new Set([
  ...['executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse'],
])

/** Places are bytes there, and of all the text; a later chunk tells all of them again. */
function citationEvents({ groundingMetadata, citationMetadata }: JsonObject): ChatEvent[] {
  const { citationSources, citations } = objectOf(citationMetadata)
  const quoted = [...listOf(citationSources), ...listOf(citations)].map(objectOf).map((one) => ({
    ...sourceOf(textOf(one['uri']), textOf(one['title'])),
    ...spanOf(one),
  }))
  const all = [...groundings(objectOf(groundingMetadata)), ...quoted]
  return all.map((citation, i) => ({
    ...{ kind: 'citation', of: 'bytes', citation },
    ...(i === 0 ? { replaces: true } : {}),
  }))
}

/** A source that supports no stretch by name is one of the whole. */
function groundings({ groundingChunks, groundingSupports }: JsonObject): Citation[] {
  const sources = listOf(groundingChunks).map((chunk) => {
    const { web, retrievedContext, maps, image } = objectOf(chunk)
    const one = objectOf(web ?? retrievedContext ?? maps ?? image)
    const quote = isObject(retrievedContext) ? textOf(retrievedContext['text']) : ''
    const source = sourceOf(textOf(one['uri']) || textOf(one['sourceUri']), textOf(one['title']))
    return quote === '' ? source : { ...source, quote }
  })
  const named = new Set<number>()
  const supported = listOf(groundingSupports).flatMap((one) => {
    const { segment, groundingChunkIndices } = objectOf(one)
    // Each source once: a few bytes for an index repeat a whole page otherwise.
    return [...new Set(listOf(groundingChunkIndices))].flatMap((index): Citation[] => {
      const place = typeof index === 'number' ? index : -1
      const source = sources[place]
      named.add(place)
      return source === undefined ? [] : [{ ...source, ...spanOf(objectOf(segment)) }]
    })
  })
  const others = sources.filter((_, i) => !named.has(i))
  return [...supported, ...others.map((source) => ({ ...source, ...spanOf({}) }))]
}

function spanOf({ startIndex, endIndex }: JsonObject): Pick<Citation, 'start' | 'end'> {
  return { start: countOf(startIndex), end: countOf(endIndex ?? textEnd) }
}

/** Null for an answer that the model did not bring to an end, such as a malformed call. */
export function geminiStop(reason: string): Stop | null {
  switch (reason) {
    case 'STOP':
      return 'stop'
    case 'MAX_TOKENS':
      return 'length'
    case 'SAFETY':
    case 'RECITATION':
    case 'LANGUAGE':
    case 'BLOCKLIST':
    case 'PROHIBITED_CONTENT':
    case 'SPII':
    case 'IMAGE_SAFETY':
    case 'IMAGE_PROHIBITED_CONTENT':
    case 'IMAGE_RECITATION':
    case 'MODEL_ARMOR':
      return 'content-filter'
    case 'CONTINUATION':
      return 'other' // the rest is asked for by a token that came with it
    default:
      return null
  }
}

/** False for what counts nothing. */
export function isGeminiUsage(usage: unknown): usage is JsonObject {
  return isObject(usage) && typeof usage['promptTokenCount'] === 'number'
}

/** Thoughts are counted beside the candidates' tokens there. */
export function geminiUsage(usage: JsonObject): Usage {
  const reasoning = countOf(usage['thoughtsTokenCount'])
  return {
    input: countOf(usage['promptTokenCount']) + countOf(usage['toolUsePromptTokenCount']),
    output: countOf(usage['candidatesTokenCount']) + reasoning,
    cached: countOf(usage['cachedContentTokenCount']),
    ...{ cacheWritten: 0, reasoning },
  }
}

export function geminiError(body: JsonObject, status: number): ErrorEvent {
  const error = objectOf(body['error'])
  const own = countOf(error['code'])
  return {
    kind: 'error',
    status: own >= 400 && own < 600 ? own : status,
    code: textOf(error['status']),
    message: textOf(error['message']),
  }
}
