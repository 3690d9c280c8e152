// Write OpenAI
//
// A neutral request as a chat completion request, and a neutral answer as a chat completion.

import { writeUrlCitations } from './annotation.ts'
import type { ChatAnswer, ChatRequest, MediaSource, Message, Part } from './chat.ts'
import { citationsOf } from './cited-text.ts'
import { customInput, customTools } from './custom-tool.ts'
import type { JsonObject } from './json.ts'
import { mediaApart } from './media-apart.ts'
import { isMistral } from './model-families.ts'
import { openaiReason, writeCallSignature, writeOpenaiUsage } from './openai-writer.ts'
import { callIdsOfNine } from './plain-call-ids.ts'
import { type Unsayable, unsayable } from './unsayable.ts'

// Gemini's word for as much as the model likes, which is how OpenAI's think by themselves.
export const asLiked = -1

/** As engines know it; at OpenAI itself the limit has another name (`inOpenaisWords`). */
export function writeOpenai(request: ChatRequest): object | Unsayable {
  if (request.topK !== undefined) return unsayable('topK', 'OpenAI has no counterpart of it')
  if ((request.thinkingTokens ?? asLiked) !== asLiked) {
    return unsayable('thinkingTokens', 'OpenAI takes an effort, not a number of tokens')
  }
  const messages: object[] =
    request.system === '' ? [] : [{ role: 'system', content: request.system }]
  const isOfNine = isMistral(request.model)
  const said = mediaApart(request.messages)
  for (const message of isOfNine ? callIdsOfNine(said) : said) {
    messages.push(...writeMessage(message))
  }
  return {
    ...{ model: request.model, messages },
    ...(request.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...writeTools(request),
    ...writeSettings(request),
  }
}

/** Empty for models before thoughts, which refuse the word and are without as they are. */
export function saidEffort({ model, effort }: ChatRequest): Pick<ChatRequest, 'effort'> {
  const isSaid = effort !== undefined && !(effort === 'none' && /gpt-[34]/.test(model))
  return isSaid ? { effort } : {}
}

/**
 * The same for OpenAI itself, whose newer models refuse the old name of the limit. Engines that
 * speak as it did pass over the new one without a word.
 */
export function inOpenaisWords(request: object): object {
  if (!('max_tokens' in request)) return request
  const { max_tokens: max_completion_tokens, ...rest } = request
  return { ...rest, max_completion_tokens }
}

function writeMessage({ role, parts }: Message): object[] {
  if (role === 'assistant') return [writeAssistant(parts)]
  if (role === 'system') return [{ role, content: writeContent(parts) }]
  const messages: object[] = []
  const rest: Part[] = []
  for (const part of parts) {
    if (part.kind !== 'tool-result') rest.push(part)
    else {
      const content = resultText(part)
      messages.push({ role: 'tool', tool_call_id: part.id, content })
    }
  }
  if (rest.length > 0 || messages.length === 0) {
    messages.push({ role: 'user', content: writeContent(rest) })
  }
  return messages
}

/** The texts of a tool's result; a failed one says so, as this dialect has no other sign. */
export function resultText(part: Extract<Part, { kind: 'tool-result' }>): string {
  const text = part.parts.flatMap((one) => (one.kind === 'text' ? [one.text] : [])).join('\n')
  return part.isError && !/^error/i.test(text) ? `Error: ${text}` : text
}

const noNames: ReadonlySet<string> = new Set()

/**
 * Thinking of former turns is not repeated: no model of this dialect reads it. `custom` are the
 * tools that are given a text.
 */
function writeAssistant(parts: readonly Part[], custom = noNames): object {
  const text = parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
  const calls = parts.flatMap((part, i) => {
    if (part.kind !== 'tool-call') return []
    const before = parts[i - 1]
    const signature = before?.kind === 'thinking' ? before.signature : undefined
    const { id, name, arguments: args } = part
    const call = custom.has(name)
      ? { id, type: 'custom', custom: { name, input: customInput(args) } }
      : { id, type: 'function', function: { name, arguments: args } }
    return [{ ...call, ...writeCallSignature(signature) }]
  })
  return {
    ...{ role: 'assistant', content: text === '' && calls.length > 0 ? null : text },
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

function writeContent(parts: readonly Part[]): string | object[] {
  const [only] = parts
  if (parts.length === 0) return ''
  if (parts.length === 1 && only?.kind === 'text') return only.text
  return parts.flatMap((part): object[] => {
    if (part.kind === 'text') return [{ type: 'text', text: part.text }]
    if (part.kind === 'document') {
      const file = { filename: part.name ?? unnamed, file_data: mediaUrl(part.source) }
      return [{ type: 'file', file }]
    }
    if (part.kind === 'audio') {
      return [{ type: 'input_audio', input_audio: { data: part.data, format: part.format } }]
    }
    if (part.kind !== 'image') return []
    const detail = part.detail === undefined ? {} : { detail: part.detail }
    return [{ type: 'image_url', image_url: { url: mediaUrl(part.source), ...detail } }]
  })
}

/** OpenAI wants a name of every file. */
export const unnamed = 'document.pdf'

export function mediaUrl(source: MediaSource): string {
  return source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`
}

function writeTools({ tools, toolChoice, parallelToolCalls }: ChatRequest): object {
  const choice =
    toolChoice?.kind === 'tool'
      ? { type: 'function', function: { name: toolChoice.name } }
      : toolChoice?.kind
  return {
    ...(tools.length === 0
      ? {}
      : { tools: tools.map((tool) => ({ type: 'function', function: tool })) }),
    ...(choice === undefined || tools.length === 0 ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  }
}

function writeSettings(request: ChatRequest): object {
  const { maxTokens, temperature, topP, stop, seed, user, format } = request
  const { presencePenalty, frequencyPenalty, verbosity } = request
  const { effort } = saidEffort(request)
  return {
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(stop === undefined ? {} : { stop }),
    ...(seed === undefined ? {} : { seed }),
    ...(presencePenalty === undefined ? {} : { presence_penalty: presencePenalty }),
    ...(frequencyPenalty === undefined ? {} : { frequency_penalty: frequencyPenalty }),
    ...(effort === undefined ? {} : { reasoning_effort: effort }),
    ...(verbosity === undefined ? {} : { verbosity }),
    ...(user === undefined ? {} : { user }),
    ...(format === undefined ? {} : { response_format: writeFormat(format) }),
  }
}

function writeFormat(format: NonNullable<ChatRequest['format']>): object {
  if (format.kind === 'json') return { type: 'json_object' }
  const { name, schema, strict } = format
  return { type: 'json_schema', json_schema: { name, schema, strict } }
}

type Refusal = Extract<Part, { kind: 'text' }> & { readonly isRefusal: true }

function isRefusal(part: Part): part is Refusal {
  return part.kind === 'text' && part.isRefusal === true
}

/** A whole chat completion. */
export function writeOpenaiAnswer(
  answer: ChatAnswer,
  request: JsonObject,
  createdS: number,
): object {
  const { id, model, parts, stop, usage } = answer
  const thinking = parts.map((part) => (part.kind === 'thinking' ? part.text : '')).join('')
  const refusal = parts.map((part) => (isRefusal(part) ? part.text : '')).join('')
  const others = parts.filter((part) => !isRefusal(part))
  const annotations = writeUrlCitations(citationsOf(others))
  const isMute = refusal !== '' && !others.some(({ kind }) => kind === 'text')
  const message = {
    ...writeAssistant(others, customTools(request)),
    ...(isMute ? { content: null } : {}),
    refusal: refusal === '' ? null : refusal,
    ...(annotations.length === 0 ? {} : { annotations }),
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
  }
  const choice = { index: 0, message, logprobs: null, finish_reason: openaiReason(stop) }
  return {
    ...{ id, object: 'chat.completion', created: createdS, model, choices: [choice] },
    usage: writeOpenaiUsage(usage),
  }
}
