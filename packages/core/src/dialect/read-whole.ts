// Read whole
//
// Whether the body of a 200 is a complete answer in its dialect. A proxy's error page, an empty object or an answer
// without a stop reason is none (I6). Routers in OpenAI's dialect answer 200 with an error, whose status it tells.

import { exactJsonOf } from '../resource/index.ts'
import { anthropicUsage, isAnthropicUsage } from './anthropic-stream.ts'
import { bedrockStop, bedrockUsage, isBedrockUsage } from './bedrock-stream.ts'
import type { Usage, WholeReading } from './chat.ts'
import { geminiStop, geminiUsage, isGeminiUsage } from './gemini-stream.ts'
import { isObject, type JsonObject, jsonOf, listOf, objectOf } from './json.ts'
import { type ErrorEvent, openaiError } from './openai-error.ts'
import { isOpenaiUsage, openaiStop, openaiUsage, withDigits } from './openai-stream.ts'
import { isResponsesUsage, responsesUsage } from './responses-stream.ts'

export type WholeReader = (text: string) => WholeReading

function incomplete(reason: string): WholeReading {
  return { kind: 'incomplete', reason }
}

interface Reading {
  readonly errorIn?: (body: JsonObject) => ErrorEvent | null
  readonly parse?: (text: string) => unknown
}

// Where arguments of calls are objects; in OpenAI's dialect some engines give such.
const exactly: Reading = { parse: exactJsonOf }

/** A reader that wants a JSON object in which `why` finds nothing missing. */
export function reader(
  why: (body: JsonObject) => string | null,
  usage: (body: JsonObject) => Usage | null,
  { errorIn = () => null, parse = jsonOf }: Reading = {},
): WholeReader {
  return (text) => {
    const body = parse(text)
    if (!isObject(body)) return incomplete(`expected a JSON object, got ${text.slice(0, 80)}`)
    const error = errorIn(body)
    if (error !== null) return error
    const reason = why(body)
    if (reason !== null) return incomplete(reason)
    return { kind: 'complete', usage: usage(body), parsed: body }
  }
}

export function openaiUsageIn({ usage }: JsonObject): Usage | null {
  return isOpenaiUsage(usage) ? openaiUsage(usage) : null
}

export function geminiUsageIn({ usageMetadata: usage }: JsonObject): Usage | null {
  return isGeminiUsage(usage) ? geminiUsage(usage) : null
}

/** Null where it names none, or has begun to answer: that is paid, and judged as what it is. */
export function openaiErrorIn(body: JsonObject): ErrorEvent | null {
  const hasBegun = listOf(body['choices']).length > 0
  if (hasBegun || body['error'] === undefined || body['error'] === null) return null
  const error = openaiError(body, 502)
  return error.code === '' && error.message === '' ? null : error
}

/** Chat completions and legacy completions: every choice has its finish reason. */
export const readOpenaiWhole = reader(
  (body) => {
    const choices = listOf(body['choices'])
    if (choices.length === 0) return 'an answer without choices'
    const reasons = choices.map((one) => objectOf(one)['finish_reason'])
    for (const reason of reasons) {
      if (typeof reason !== 'string') return 'a choice without a finish_reason'
      if (openaiStop(reason) === null) return `an answer that stopped with ${reason}`
    }
    return null
  },
  openaiUsageIn,
  { errorIn: openaiErrorIn, parse: (text) => withDigits(text, 'message') },
)

export const readAnthropicWhole = reader(
  (body) => {
    if (!Array.isArray(body['content'])) return 'an answer without content'
    return typeof body['stop_reason'] === 'string' ? null : 'an answer without a stop_reason'
  },
  ({ usage }) => (isAnthropicUsage(usage) ? anthropicUsage(usage) : null),
  exactly,
)

export const readResponsesWhole = reader(
  (body) => {
    const { status } = body
    if (!Array.isArray(body['output'])) return 'a response without output'
    return status === 'completed' || status === 'incomplete' ? null : `a response that is ${status}`
  },
  ({ usage }) => (isResponsesUsage(usage) ? responsesUsage(usage) : null),
)

export const readGeminiWhole = reader(
  (body) => {
    if (objectOf(body['promptFeedback'])['blockReason'] !== undefined) return null
    const candidates = listOf(body['candidates'])
    if (candidates.length === 0) return 'an answer without candidates'
    for (const { finishReason: reason } of candidates.map(objectOf)) {
      if (typeof reason !== 'string') return 'a candidate without a finishReason'
      if (geminiStop(reason) === null) return `an answer that stopped with ${reason}`
    }
    return null
  },
  geminiUsageIn,
  exactly,
)

export const readBedrockWhole = reader(
  (body) => {
    const message = objectOf(objectOf(body['output'])['message'])
    if (!Array.isArray(message['content'])) return 'an answer without content'
    const { stopReason: reason } = body
    if (typeof reason !== 'string') return 'an answer without a stopReason'
    return bedrockStop(reason) === null ? `an answer that stopped with ${reason}` : null
  },
  ({ usage }) => (isBedrockUsage(usage) ? bedrockUsage(usage) : null),
  exactly,
)
