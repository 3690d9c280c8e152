// Read whole
//
// Whether the body of a 200 is a complete answer in its dialect. A proxy's error page, an empty object or an answer
// without a stop reason is none (I6).

import { anthropicUsage } from './anthropic-stream.ts'
import { bedrockStop, bedrockUsage } from './bedrock-stream.ts'
import type { WholeReading } from './chat.ts'
import { geminiUsage } from './gemini-stream.ts'
import { isObject, type JsonObject, jsonOf, listOf, objectOf } from './json.ts'
import { openaiUsage } from './openai-stream.ts'
import { readResponsesAnswer } from './responses-stream.ts'

export type WholeReader = (text: string) => WholeReading

function incomplete(reason: string): WholeReading {
  return { kind: 'incomplete', reason }
}

/** A reader that wants a JSON object in which `why` finds nothing missing. */
function reader(
  why: (body: JsonObject) => string | null,
  usage: (body: JsonObject) => WholeReading & { kind: 'complete' },
): WholeReader {
  return (text) => {
    const body = jsonOf(text)
    if (!isObject(body)) return incomplete(`expected a JSON object, got ${text.slice(0, 80)}`)
    const reason = why(body)
    return reason === null ? usage(body) : incomplete(reason)
  }
}

function withOpenaiUsage(body: JsonObject): WholeReading & { kind: 'complete' } {
  const usage = isObject(body['usage']) ? openaiUsage(body['usage']) : null
  return { kind: 'complete', usage, parsed: body }
}

/** Chat completions and legacy completions: every choice has its finish reason. */
export const readOpenaiWhole = reader((body) => {
  const choices = listOf(body['choices'])
  if (choices.length === 0) return 'an answer without choices'
  const isFinished = choices.every((one) => typeof objectOf(one)['finish_reason'] === 'string')
  return isFinished ? null : 'a choice without a finish_reason'
}, withOpenaiUsage)

export const readEmbeddingsWhole = reader(
  (body) => (listOf(body['data']).length === 0 ? 'an answer without data' : null),
  withOpenaiUsage,
)

export const readAnthropicWhole = reader(
  (body) => {
    if (!Array.isArray(body['content'])) return 'an answer without content'
    return typeof body['stop_reason'] === 'string' ? null : 'an answer without a stop_reason'
  },
  (body) => ({ kind: 'complete', usage: anthropicUsage(objectOf(body['usage'])), parsed: body }),
)

export const readResponsesWhole = reader(
  (body) => {
    const { status } = body
    if (!Array.isArray(body['output'])) return 'a response without output'
    return status === 'completed' || status === 'incomplete' ? null : `a response that is ${status}`
  },
  (body) => ({ kind: 'complete', usage: readResponsesAnswer(body).usage, parsed: body }),
)

export const readGeminiWhole = reader(
  (body) => {
    const candidate = objectOf(listOf(body['candidates'])[0])
    const isBlocked = objectOf(body['promptFeedback'])['blockReason'] !== undefined
    return typeof candidate['finishReason'] === 'string' || isBlocked
      ? null
      : 'a candidate without a finishReason'
  },
  (body) => ({
    kind: 'complete',
    usage: geminiUsage(objectOf(body['usageMetadata'])),
    parsed: body,
  }),
)

export const readBedrockWhole = reader(
  (body) => {
    const message = objectOf(objectOf(body['output'])['message'])
    if (!Array.isArray(message['content'])) return 'an answer without content'
    const { stopReason: reason } = body
    if (typeof reason !== 'string') return 'an answer without a stopReason'
    return bedrockStop(reason) === null ? `an answer that stopped with ${reason}` : null
  },
  (body) => ({ kind: 'complete', usage: bedrockUsage(objectOf(body['usage'])), parsed: body }),
)
