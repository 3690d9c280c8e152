// Write Responses
//
// A neutral request as one of OpenAI's Responses API, and a neutral answer as a response object.

import { writeAnnotation } from './annotation.ts'
import { isRefusal } from './answer-events.ts'
import type { ChatAnswer, ChatRequest, Citation, Message, Part, Stop, Usage } from './chat.ts'
import { charactersOf, movedCitation } from './cited-text.ts'
import { customInput, customTools } from './custom-tool.ts'
import type { JsonObject } from './json.ts'
import { carriedSignature, ownSignature } from './signature.ts'
import { calledIn } from './tool-namespace.ts'
import { type Unsayable, unsayable } from './unsayable.ts'
import { asLiked, mediaUrl, resultText, saidEffort, unnamed } from './write-openai.ts'

export function writeResponses(request: ChatRequest): object | Unsayable {
  const without = ['topK', 'stop', 'seed', 'presencePenalty', 'frequencyPenalty']
  const isCounted = (request.thinkingTokens ?? asLiked) !== asLiked
  const missing = isCounted ? 'thinkingTokens' : without.find((name) => name in request)
  if (missing !== undefined) return unsayable(missing, 'OpenAI Responses has no counterpart of it')
  const input: object[] = []
  for (const message of request.messages) {
    input.push(...writeMessage(message))
  }
  const { maxTokens, temperature, topP, thoughts, user, format, verbosity } = request
  const text = {
    ...(verbosity === undefined ? {} : { verbosity }),
    ...(format === undefined ? {} : { format: writeFormat(format) }),
  }
  const reasoning = {
    ...saidEffort(request),
    ...(thoughts === true ? { summary: 'auto' } : {}),
  }
  return {
    ...{ model: request.model, input, store: false },
    ...(request.system === '' ? {} : { instructions: request.system }),
    ...(request.stream ? { stream: true } : {}),
    ...writeTools(request),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(Object.keys(reasoning).length === 0 ? {} : { reasoning }),
    ...(user === undefined ? {} : { user }),
    ...(Object.keys(text).length === 0 ? {} : { text }),
  }
}

function writeMessage({ role, parts }: Message): readonly object[] {
  const items: object[] = []
  let content: object[] = []
  const flush = () => {
    if (content.length > 0) items.push({ type: 'message', role, content })
    content = []
  }
  for (const part of parts) {
    const inside = writeContent(role, part)
    if (inside !== null) {
      content.push(inside)
      continue
    }
    flush()
    if (part.kind === 'tool-call') {
      const { id, name, arguments: args } = part
      items.push({ type: 'function_call', call_id: id, name, arguments: args })
    } else if (part.kind === 'thinking') {
      const encrypted_content = ownSignature('openai', part.signature)
      if (encrypted_content === null) continue // no model reads another's
      const summary = part.text === '' ? [] : [{ type: 'summary_text', text: part.text }]
      items.push({ type: 'reasoning', summary, encrypted_content })
    } else if (part.kind === 'tool-result') {
      const isText = part.parts.every(({ kind }) => kind === 'text')
      const output = isText ? resultText(part) : resultContent(part)
      items.push({ type: 'function_call_output', call_id: part.id, output })
    }
  }
  flush()
  return items
}

/** Of a result with images; a failed one says so, as this dialect has no other sign. */
function resultContent({ parts, isError }: Extract<Part, { kind: 'tool-result' }>): object[] {
  const content = parts.flatMap((part) => writeContent('user', part) ?? [])
  return isError ? [{ type: 'input_text', text: 'Error:' }, ...content] : content
}

function writeContent(role: Message['role'], part: Part): object | null {
  if (part.kind === 'text') {
    if (part.isRefusal === true) return { type: 'refusal', refusal: part.text }
    return { type: role === 'assistant' ? 'output_text' : 'input_text', text: part.text }
  }
  if (part.kind === 'document') return writeFile(part)
  if (part.kind !== 'image') return null
  return { type: 'input_image', image_url: mediaUrl(part.source), detail: part.detail ?? 'auto' }
}

function writeFile({ source, name }: Extract<Part, { kind: 'document' }>): object {
  const named = name === undefined ? {} : { filename: name }
  if (source.kind === 'url') return { type: 'input_file', file_url: source.url, ...named }
  return { type: 'input_file', filename: unnamed, ...named, file_data: mediaUrl(source) }
}

function writeTools({ tools, toolChoice, parallelToolCalls }: ChatRequest): object {
  const choice =
    toolChoice?.kind === 'tool' ? { type: 'function', name: toolChoice.name } : toolChoice?.kind
  return {
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map((tool) => ({
            ...{ type: 'function', ...tool },
            strict: tool.strict === true,
          })),
        }),
    ...(choice === undefined || tools.length === 0 ? {} : { tool_choice: choice }),
    ...(parallelToolCalls === undefined ? {} : { parallel_tool_calls: parallelToolCalls }),
  }
}

function writeFormat(format: NonNullable<ChatRequest['format']>): object {
  if (format.kind === 'json') return { type: 'json_object' }
  const { name, schema, strict } = format
  return { type: 'json_schema', name, schema, strict }
}

// Members of a response that say what was asked, where it was.
const saidBack = ['reasoning', 'truncation', 'user', 'safety_identifier', 'prompt_cache_key']

/** What a response says back of its request. */
export function responseFrame(
  request: JsonObject,
  about: { readonly id: string; readonly model: string; readonly createdS: number },
): Record<string, unknown> {
  return {
    ...{ id: about.id, object: 'response', created_at: about.createdS, model: about.model },
    ...{ error: null, incomplete_details: null, instructions: request['instructions'] ?? null },
    metadata: request['metadata'] ?? {},
    parallel_tool_calls: request['parallel_tool_calls'] ?? true,
    temperature: request['temperature'] ?? null,
    top_p: request['top_p'] ?? null,
    tool_choice: request['tool_choice'] ?? 'auto',
    tools: request['tools'] ?? [],
    ...(request['text'] === undefined ? {} : { text: request['text'] }),
    max_output_tokens: request['max_output_tokens'] ?? null,
    previous_response_id: null,
    store: false,
    ...Object.fromEntries(
      saidBack
        .filter((name) => (request[name] ?? null) !== null)
        .map((name) => [name, request[name]]),
    ),
  }
}

/** A whole response. */
export function writeResponsesAnswer(
  answer: ChatAnswer,
  request: JsonObject,
  createdS: number,
): object {
  const { id, model, stop } = answer
  const isCut = isCutBy(stop)
  const reason = stop === 'content-filter' ? 'content_filter' : 'max_output_tokens'
  return {
    ...responseFrame(request, { id, model, createdS }),
    status: isCut ? 'incomplete' : 'completed',
    ...(isCut ? { incomplete_details: { reason } } : {}),
    output: outputItems(answer, request),
    usage: writeResponsesUsage(answer.usage),
  }
}

/** True for an answer that did not come to its own end. */
export function isCutBy(stop: Stop): boolean {
  return stop === 'length' || stop === 'content-filter' || stop === 'other'
}

/** In the order in which they were said; texts that follow each other are one message. */
function outputItems({ id, parts }: ChatAnswer, request: JsonObject): object[] {
  const custom = customTools(request)
  const items: object[] = []
  let content: object[] = []
  const flush = () => {
    if (content.length > 0) {
      const about = { id: `msg_${id}_${items.length}`, type: 'message', status: 'completed' }
      items.push({ ...about, role: 'assistant', content })
    }
    content = []
  }
  for (const part of joinedTexts(parts)) {
    if (part.kind === 'text') {
      if (part.text !== '') content.push(outputText(part))
      continue
    }
    flush()
    if (part.kind === 'thinking') items.push(reasoningItem(`rs_${id}_${items.length}`, part))
    if (part.kind !== 'tool-call') continue
    const isCustom = custom.has(part.name)
    const given = isCustom ? customInput(part.arguments) : part.arguments
    const own = { id: `${callPrefix(isCustom)}_${id}_${items.length}`, status: 'completed' }
    items.push(callItem(request, { ...own, isCustom, call: part, given }))
  }
  flush()
  return items
}

export function callPrefix(isCustom: boolean): string {
  return isCustom ? 'ctc' : 'fc'
}

/** A call as an item; `given` are its arguments, or the text that it is given. */
export function callItem(
  request: JsonObject,
  item: {
    readonly id: string
    readonly status: string
    readonly isCustom: boolean
    readonly call: { readonly id: string; readonly name: string }
    readonly given: string
  },
): object {
  const { id, status, isCustom, call, given } = item
  const about = { id, type: isCustom ? 'custom_tool_call' : 'function_call', status }
  const called = { call_id: call.id, ...calledIn(request, call.name) }
  return { ...about, ...called, ...(isCustom ? { input: given } : { arguments: given }) }
}

function joinedTexts(parts: readonly Part[]): Part[] {
  const joined: Part[] = []
  let length = 0 // characters of the last one, where it is a text
  let citations: Citation[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    const isOn =
      part.kind === 'text' && last?.kind === 'text' && isRefusal(part) === isRefusal(last)
    if (!isOn) [length, citations] = [0, []]
    if (part.kind !== 'text') joined.push(part)
    else {
      for (const one of part.citations ?? []) citations.push(movedCitation(one, length))
      length += charactersOf(part.text)
      const text = (isOn ? last.text : '') + part.text
      const cited = citations.length === 0 ? {} : { citations }
      const { citations: _, ...said } = part
      const made = { ...said, text, ...cited }
      if (isOn) joined[joined.length - 1] = made
      else joined.push(made)
    }
  }
  return joined
}

export function outputText({ text, isRefusal, citations = [] }: Omit<TextPart, 'kind'>): object {
  if (isRefusal === true) return { type: 'refusal', refusal: text }
  return { type: 'output_text', text, annotations: citations.map(writeAnnotation), logprobs: [] }
}

type TextPart = Extract<Part, { kind: 'text' }>

export function reasoningItem(
  id: string,
  { text, signature }: { readonly text: string; readonly signature?: string },
): object {
  const summary = text === '' ? [] : [{ type: 'summary_text', text }]
  const item = { id, type: 'reasoning', summary }
  if (signature === undefined) return item
  return { ...item, encrypted_content: carriedSignature('openai', signature) }
}

export function writeResponsesUsage(usage: Usage): object {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.cacheWritten },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
  }
}
