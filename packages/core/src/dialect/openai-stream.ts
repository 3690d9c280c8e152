// OpenAI stream
//
// What the chunks of a streamed chat completion, or of a legacy text completion, say.

import { exactJson, exactJsonOf } from '../resource/index.ts'
import { readAnnotation } from './annotation.ts'
import type { ChatAnswer, ChatEvent, Stop, StreamEvent, Usage } from './chat.ts'
import { countOf, isObject, type JsonObject, jsonOf, listOf, objectOf, textOf } from './json.ts'
import { openaiContent } from './openai-content.ts'
import { openaiError } from './openai-error.ts'
import { signedBy } from './signature.ts'

/** After it nothing comes; some write a space behind it. */
export const endMark = '[DONE]'

/** The events in a chunk, or what is wrong with it. */
export function readOpenaiEvent({ event, data }: StreamEvent): readonly ChatEvent[] | string {
  if (data.startsWith(endMark)) return [{ kind: 'end' }]
  const chunk = withDigits(data, 'delta')
  if (!isObject(chunk)) return `an event that is not JSON: ${data.slice(0, 80)}`
  const isError = event === 'error' || chunk['object'] === 'error' // engines say so
  if (isError || (chunk['error'] !== undefined && chunk['error'] !== null)) {
    return [openaiError(chunk, 502)]
  }
  const events: ChatEvent[] = []
  const id = textOf(chunk['id'])
  if (id !== '') events.push({ kind: 'start', id, model: textOf(chunk['model']) })
  for (const choice of listOf(chunk['choices'])) {
    const wrong = readChoice(objectOf(choice), events)
    if (wrong !== null) return wrong
  }
  if (isOpenaiUsage(chunk['usage']))
    events.push({ kind: 'usage', usage: openaiUsage(chunk['usage']) })
  return events
}

/** Arguments that are a text have their digits in it; of an object they are kept. */
export function withDigits(json: string, member: 'delta' | 'message'): unknown {
  const body = jsonOf(json)
  const isGivenObjects = listOf(objectOf(body)['choices']).some((choice) => {
    const calls = objectOf(objectOf(choice)[member])['tool_calls']
    return listOf(calls).some((call) => isObject(toolIn(objectOf(call))['arguments']))
  })
  return isGivenObjects ? exactJsonOf(json) : body
}

/** What is wrong with it; null where nothing is. */
function readChoice(choice: JsonObject, events: ChatEvent[]): string | null {
  const index = countOf(choice['index'])
  const delta = objectOf(choice['delta'])
  // Legacy completions have their text beside.
  for (const said of openaiContent(delta, delta['content'] ?? choice['text'])) {
    // Written out: it is made for every event.
    if (said.kind === 'text') events.push({ kind: 'text', choice: index, text: said.text })
    else events.push(index > 0 && said.kind === 'thinking' ? { ...said, choice: index } : said)
  }
  const refusal = textOf(delta['refusal'])
  if (refusal !== '') events.push({ kind: 'text', choice: index, text: refusal, isRefusal: true })
  for (const one of index === 0 ? listOf(delta['annotations']) : []) {
    const citation = readAnnotation(one)
    if (citation !== null) events.push({ kind: 'citation', of: 'text', citation })
  }
  const of = index > 0 ? { choice: index } : undefined
  for (const call of listOf(delta['tool_calls'])) readToolCall(objectOf(call), of, events)
  if (isObject(delta['audio'])) {
    const text = textOf(delta['audio']['transcript'])
    events.push(
      { kind: 'other', ...lostSound(delta) },
      { kind: 'other-text', choice: index, of: 'audio', text },
    )
  }
  if (isObject(delta['function_call'])) readOldCall(delta['function_call'], of, events)
  const reason = choice['finish_reason']
  if (typeof reason !== 'string' || reason === '') return null
  const stop = openaiStop(reason)
  if (stop === null) return `the model stopped with ${reason}`
  events.push({ kind: 'stop', choice: index, ...openaiEnd(stop, choice) })
  return null
}

type OfChoice = { readonly choice: number } | undefined

/** What callers of other dialects would miss. */
export function lostSound({ audio }: JsonObject): Pick<ChatAnswer, 'lost'> {
  const { data, transcript } = objectOf(audio)
  return textOf(data) === '' && textOf(transcript) === '' ? {} : { lost: 'audio' }
}

/** A call as it was before there could be several: it has no id, and no number. */
function readOldCall(call: JsonObject, of: OfChoice, events: ChatEvent[]): void {
  const [name, text] = [textOf(call['name']), textOf(call['arguments'])]
  if (name !== '') events.push({ kind: 'tool-start', index: -1, id: '', name })
  if (text !== '') events.push({ kind: 'tool-arguments', ...of, index: -1, text })
}

function readToolCall(call: JsonObject, of: OfChoice, events: ChatEvent[]): void {
  const index = countOf(call['index'])
  const { name, args: text } = calledIn(call)
  const signature = callSignature(call)
  if (signature !== null) events.push({ kind: 'signature', text: signature })
  if (name !== '') events.push({ kind: 'tool-start', index, id: textOf(call['id']), name })
  if (text !== '') events.push({ kind: 'tool-arguments', ...of, index, text })
}

/** Which tool is called, and with what: a custom one is given a text; some engines give objects. */
export function calledIn(call: JsonObject): { readonly name: string; readonly args: string } {
  const tool = toolIn(call)
  const { arguments: args } = tool
  const written = isObject(args) ? exactJson(args) : textOf(args)
  return { name: textOf(tool['name']), args: written || textOf(tool['input']) }
}

function toolIn(call: JsonObject): JsonObject {
  return objectOf(call['function'] ?? call['custom'])
}

/** Google's name for the signature of a call, where its models speak as OpenAI's do. */
export function callSignature({ extra_content: extra }: JsonObject): string | null {
  const { thought_signature: signature } = objectOf(objectOf(extra)['google'])
  return textOf(signature) === '' ? null : signedBy('gemini', textOf(signature))
}

/** Null for an answer that the engine gave up. Engines write what OpenAI has no word for. */
export function openaiStop(reason: string): Stop | null {
  switch (reason.toLowerCase()) {
    case 'abort':
    case 'cancelled':
    case 'error':
    case 'insufficient_system_resource':
    case 'network_error':
      return null // vLLM, OpenRouter, DeepSeek and GLM say so
    case '': // of a whole answer that tells none
    case 'stop':
    case 'eos':
    case 'eos_token':
    case 'end_turn':
    case 'complete':
      return 'stop'
    case 'stop_sequence':
      return 'stop-sequence'
    case 'length':
    case 'model_length':
    case 'max_tokens':
    case 'max_output_tokens':
      return 'length'
    case 'tool_calls':
    case 'tool_call':
    case 'tool_use':
    case 'function_call':
      return 'tool-calls'
    case 'content_filter':
    case 'safety':
    case 'sensitive':
    case 'refusal':
      return 'content-filter'
    default:
      return 'other'
  }
}

/** vLLM and SGLang tell apart, in members of their own, the sequence at which an answer stopped. */
export function openaiEnd(stop: Stop, choice: JsonObject): Pick<ChatAnswer, 'stop' | 'sequence'> {
  const sequence = choice['stop_reason'] ?? choice['matched_stop']
  // Others repeat the reason there.
  const isOne = typeof sequence === 'string' && openaiStop(sequence) === 'other'
  if (stop !== 'stop' || !isOne) return { stop }
  return { stop: 'stop-sequence', sequence }
}

/** False for what counts nothing. */
export function isOpenaiUsage(usage: unknown): usage is JsonObject {
  return isObject(usage) && typeof usage['prompt_tokens'] === 'number'
}

export function openaiUsage(usage: JsonObject): Usage {
  const input = objectOf(usage['prompt_tokens_details'])
  return {
    input: countOf(usage['prompt_tokens']),
    output: countOf(usage['completion_tokens']),
    cached: countOf(input['cached_tokens']),
    cacheWritten: countOf(input['cache_write_tokens']),
    reasoning: countOf(objectOf(usage['completion_tokens_details'])['reasoning_tokens']),
  }
}
