// Gemini stream
//
// What the chunks of streamGenerateContent say, and what a whole response says: both have the same form.

import type { ChatEvent, Stop, StreamEvent, Usage } from './chat.ts'
import { countOf, isObject, type JsonObject, jsonOf, listOf, objectOf, textOf } from './json.ts'
import type { ErrorEvent } from './openai-error.ts'

export function readGeminiEvent({ data }: StreamEvent): readonly ChatEvent[] | string {
  const chunk = jsonOf(data)
  if (!isObject(chunk)) return `an event that is not JSON: ${data.slice(0, 80)}`
  if (isObject(chunk['error'])) return [geminiError(chunk, 502)]
  return readGeminiResponse(chunk)
}

export function readGeminiResponse(chunk: JsonObject): ChatEvent[] {
  const events: ChatEvent[] = [
    { kind: 'start', id: textOf(chunk['responseId']), model: textOf(chunk['modelVersion']) },
  ]
  const candidate = objectOf(listOf(chunk['candidates'])[0])
  for (const part of listOf(objectOf(candidate['content'])['parts'])) {
    readPart(objectOf(part), events)
  }
  const metadata = chunk['usageMetadata']
  if (isGeminiUsage(metadata)) events.push({ kind: 'usage', usage: geminiUsage(metadata) })
  const blocked = objectOf(chunk['promptFeedback'])['blockReason']
  const reason = textOf(candidate['finishReason'] ?? blocked)
  if (reason !== '') events.push({ kind: 'stop', choice: 0, stop: geminiStop(reason) })
  return events
}

function readPart(part: JsonObject, events: ChatEvent[]): void {
  const call = part['functionCall']
  if (isObject(call)) {
    const signature = textOf(part['thoughtSignature'])
    events.push(
      {
        ...{ kind: 'tool-start', index: -1, id: textOf(call['id']), name: textOf(call['name']) },
        ...(signature === '' ? {} : { signature }),
      },
      { kind: 'tool-arguments', index: -1, text: JSON.stringify(objectOf(call['args'])) },
    )
  } else if (typeof part['text'] === 'string') {
    const text = part['text']
    events.push(
      part['thought'] === true ? { kind: 'thinking', text } : { kind: 'text', choice: 0, text },
    )
  }
}

function geminiStop(reason: string): Stop {
  switch (reason) {
    case 'MAX_TOKENS':
      return 'length'
    case 'SAFETY':
    case 'RECITATION':
    case 'BLOCKLIST':
    case 'PROHIBITED_CONTENT':
    case 'SPII':
      return 'content-filter'
    default:
      return 'stop'
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
