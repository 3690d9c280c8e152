// Translate
//
// The one table of chat dialects: how each is parsed, written, read and told. Every pair goes through the neutral
// form, so that a new dialect is one more row.

import { isRefusal } from './answer-events.ts'
import { AnthropicWriter } from './anthropic-writer.ts'
import { CallOrder } from './call-order.ts'
import {
  argumentsOf,
  type ChatAnswer,
  type ChatDialect,
  type ChatEvent,
  type ChatRequest,
  type EngineDialect,
  type Message,
  notAnObject,
  type Part,
} from './chat.ts'
import type { ChatWriter, WriterOptions } from './chat-writer.ts'
import { CitedText } from './cited-text.ts'
import { GeminiWriter } from './gemini-writer.ts'
import type { JsonObject } from './json.ts'
import { takesLateSystem } from './model-families.ts'
import { isFurtherCall, wantsOneCall, withOneCall } from './one-call.ts'
import { OpenaiWriter } from './openai-writer.ts'
import { parseAnthropic } from './parse-anthropic.ts'
import { parseGemini } from './parse-gemini.ts'
import { parseOpenai } from './parse-openai.ts'
import { parseResponses } from './parse-responses.ts'
import { ResponsesWriter } from './responses-writer.ts'
import { isSaidText, saidMessages } from './said-messages.ts'
import { strictWhereKept } from './strict-schema.ts'
import { isUnsayable, type Unsayable, unsayable } from './unsayable.ts'
import { writeAnthropic, writeAnthropicAnswer } from './write-anthropic.ts'
import { writeBedrock } from './write-bedrock.ts'
import { writeGemini, writeGeminiAnswer } from './write-gemini.ts'
import { writeOpenai, writeOpenaiAnswer } from './write-openai.ts'
import { writeResponses, writeResponsesAnswer } from './write-responses.ts'

/** A caller's request in the neutral form; `named` is what Gemini says in the path. */
export function parseChat(
  dialect: ChatDialect,
  body: JsonObject,
  named: { readonly model: string; readonly stream: boolean },
): ChatRequest | Unsayable {
  switch (dialect) {
    case 'openai':
      return parseOpenai(body)
    case 'openai-responses':
      return parseResponses(body)
    case 'anthropic':
      return parseAnthropic(body)
    case 'gemini':
      return parseGemini(body, named)
  }
}

/** A neutral request for a target; what it cannot say is named as the caller knows it. */
export function writeChat(
  to: EngineDialect,
  request: ChatRequest,
  from: ChatDialect,
): object | Unsayable {
  const { model, parallelToolCalls, ...more } = request
  const messages = saidMessages({ dialect: to, model }, request.messages)
  const system = isSaidText(to, request.system) ? request.system : ''
  // Without tools nothing is called, one after the other or not.
  const isKept = parallelToolCalls !== undefined && more.tools.length > 0
  const calling = isKept ? { parallelToolCalls } : {}
  const written =
    whyLost(to, request) ??
    whyLate(to, request, messages) ??
    whyMute(to, request.system, messages) ??
    writeRequest(to, {
      ...more,
      ...calling,
      model,
      system,
      messages,
      tools: toolsFor(to, request, from),
    })
  if (!isUnsayable(written)) return written
  return unsayable(fieldNames[from][written.field] ?? written.field, written.message)
}

/** Callers of OpenAI's dialects mean what they say of `strict`. */
function toolsFor(to: EngineDialect, { tools }: ChatRequest, from: ChatDialect) {
  return isOpenais(to) && !isOpenais(from) ? strictWhereKept(tools) : tools
}

function isOpenais(dialect: EngineDialect): boolean {
  return dialect === 'openai' || dialect === 'openai-responses'
}

const sides: Readonly<Record<Message['role'], readonly Part['kind'][]>> = {
  user: ['text', 'image', 'document', 'audio', 'tool-result'],
  assistant: ['text', 'thinking', 'tool-call'],
  system: ['text'],
}

/** What writers would have to leave out; null where there is nothing of it. */
function whyLost(
  to: EngineDialect,
  { messages, tools, toolChoice, verbosity = 'medium' }: ChatRequest,
): Unsayable | null {
  if (verbosity !== 'medium' && !isOpenais(to)) {
    return unsayable('verbosity', 'how much an answer says has no counterpart')
  }
  if (tools.length === 0 && ['required', 'tool'].includes(toolChoice?.kind ?? 'auto')) {
    return unsayable('toolChoice', 'there are no tools')
  }
  for (const { role, parts } of messages) {
    for (const part of parts) {
      const why = whyPartLost(to, role, part)
      if (why !== null) return unsayable('messages', why)
    }
  }
  return null
}

/** Where there is such a message, it follows one of the user’s and is the last, or answered. */
function whyLate(
  to: EngineDialect,
  { late, model }: ChatRequest,
  messages: readonly Message[],
): Unsayable | null {
  if (late === undefined || isOpenais(to)) return null
  const isTaken = (to === 'anthropic' || to === 'bedrock') && takesLateSystem(model)
  const isPlaced = messages.every(({ role }, i) => {
    if (role !== 'system') return true
    const after = messages[i + 1]?.role ?? 'assistant'
    return messages[i - 1]?.role === 'user' && after === 'assistant'
  })
  if (isTaken && isPlaced) return null
  return unsayable(late, 'a message of the system after others has no counterpart there')
}

function whyPartLost(to: EngineDialect, role: Message['role'], part: Part): string | null {
  if (!sides[role].includes(part.kind)) return `no ${part.kind} of the ${role} has a counterpart`
  if (part.kind === 'tool-result') {
    if (part.parts.some(({ kind }) => kind === 'audio'))
      return 'no sound of a tool has a counterpart'
    return part.parts.map((one) => whyPartLost(to, role, one)).find((why) => why !== null) ?? null
  }
  if (part.kind === 'image' || part.kind === 'document') return whyMediaLost(to, part)
  if (part.kind === 'audio') return isHeard(to) ? null : 'there is no place for sound there'
  const isLost = part.kind === 'tool-call' && !isOpenais(to) && argumentsOf(part) === null
  return isLost ? notAnObject(part) : null
}

function isHeard(to: EngineDialect): boolean {
  return to === 'openai' || to === 'gemini'
}

const mediaTypes = { image: /^image\//i, document: /^application\/pdf$/i } as const

function whyMediaLost(
  to: EngineDialect,
  part: Extract<Part, { kind: 'image' | 'document' }>,
): string | null {
  const { kind, source } = part
  if (source.kind === 'data' && !mediaTypes[kind].test(source.mediaType)) {
    return 'of what is not text only images and PDF have a counterpart'
  }
  if (kind === 'image' && part.detail === 'low' && !isOpenais(to)) {
    return 'images are looked at in full, their detail cannot be low'
  }
  const isLink = kind === 'document' && source.kind === 'url'
  const isFetched = ['openai-responses', 'anthropic', 'gemini'].includes(to)
  return isLink && !isFetched ? 'documents go there as data, no URL' : null
}

/** Engines of OpenAI's chat dialect answer a system's message alone. */
function whyMute(to: EngineDialect, system: string, messages: readonly Message[]) {
  if (messages.length > 0 || (to === 'openai' && system !== '')) return null
  return unsayable('messages', 'no message but the system’s says anything')
}

function writeRequest(to: EngineDialect, request: ChatRequest): object | Unsayable {
  switch (to) {
    case 'openai':
      return writeOpenai(request)
    case 'openai-responses':
      return writeResponses(request)
    case 'anthropic':
      return writeAnthropic(request)
    case 'gemini':
      return writeGemini(request)
    case 'bedrock':
      return writeBedrock(request)
  }
}

/**
 * Why an answer cannot be said in the caller's dialect; null where it can. A call that was cut with
 * its answer is left out: its stop says so.
 */
export function whyUnsaid(
  dialect: ChatDialect,
  { parts, stop, lost: other }: ChatAnswer,
): string | null {
  const hasImage = parts.some(({ kind }) => kind === 'image')
  if (hasImage && dialect !== 'gemini') return noImages
  if (other !== undefined) return noSuchContent(other)
  if (stop === 'other') return noSuchEnd
  if (dialect.startsWith('openai') || stop === 'length') return null
  const lost = parts.find((part) => part.kind === 'tool-call' && argumentsOf(part) === null)
  return lost?.kind === 'tool-call' ? notAnObject(lost) : null
}

// Answers of the other dialects are texts and calls.
const noImages = 'it holds an image, or other data that is no text'
// Without it he would take for whole what is not, or never answer what he is asked.
function noSuchContent(what: string): string {
  return `it holds what only its own dialect knows: ${what}`
}
// A plain end would have the caller take for whole what is to be gone on with.
const noSuchEnd = 'it stopped for a reason that only its own dialect knows'

/** A whole answer in the caller's dialect. */
export function writeAnswer(
  dialect: ChatDialect,
  whole: ChatAnswer,
  about: { readonly request: JsonObject; readonly createdS: number },
): object {
  const isOne = wantsOneCall(about.request)
  const answer = isOne ? { ...whole, parts: withOneCall(whole.parts) } : whole
  switch (dialect) {
    case 'openai':
      return writeOpenaiAnswer(answer, about.request, about.createdS)
    case 'openai-responses':
      return writeResponsesAnswer(answer, about.request, about.createdS)
    case 'anthropic':
      return writeAnthropicAnswer(withRefusal(answer))
    case 'gemini':
      return writeGeminiAnswer(withRefusal(answer))
  }
}

/** Where a refusal is a text as any other, the stop says that it is one. */
function withRefusal(answer: ChatAnswer): ChatAnswer {
  const isRefused = answer.parts.some(isRefusal) && answer.stop === 'stop'
  return isRefused ? { ...answer, stop: 'content-filter' } : answer
}

/** A writer of a streamed answer in the caller's dialect. */
export function newChatWriter(
  dialect: ChatDialect,
  options: WriterOptions,
  request: JsonObject,
): ChatWriter {
  const order = new CallOrder(options.id)
  const cited = new CitedText(options.sent?.text)
  const writer = writerOf(dialect, options, request)
  const isOne = wantsOneCall(request)
  let hasImage = false // these are written by `written`
  let isRefused = false
  let isOther = false
  let isCut = false
  let other: string | undefined
  const written = (event: ChatEvent) => {
    if (isOne && isFurtherCall(event)) return ''
    hasImage ||= event.kind === 'image'
    if (event.kind === 'other') other ??= event.lost
    isRefused ||= isRefusal(event) && !dialect.startsWith('openai')
    if (event.kind !== 'stop') return writer.write(event)
    isOther ||= event.stop === 'other'
    isCut ||= event.stop === 'length'
    const isFiltered = isRefused && event.stop === 'stop' // `withRefusal`
    return writer.write(isFiltered ? { ...event, stop: 'content-filter' } : event)
  }
  const write = (event: ChatEvent) =>
    order
      .take(event)
      .flatMap((one) => cited.take(one))
      .map(written)
      .join('')
  return {
    write,
    get wrong() {
      const noImage = hasImage && dialect !== 'gemini' ? noImages : null
      const lost = noImage ?? (other === undefined ? null : noSuchContent(other))
      const why = lost ?? (isOther ? noSuchEnd : null) ?? order.wrong ?? writer.wrong ?? null
      return why ?? (isCut || dialect.startsWith('openai') ? null : order.notObject)
    },
    end: () => write({ kind: 'end' }) + writer.end(),
  }
}

function writerOf(dialect: ChatDialect, options: WriterOptions, request: JsonObject): ChatWriter {
  switch (dialect) {
    case 'openai':
      return new OpenaiWriter(options, request)
    case 'openai-responses':
      return new ResponsesWriter(options, request)
    case 'anthropic':
      return new AnthropicWriter(options)
    case 'gemini':
      return new GeminiWriter(options)
  }
}

/** What each dialect calls the members of the neutral form. */
const fieldNames: Readonly<Record<ChatDialect, Readonly<Record<string, string>>>> = {
  openai: {
    stop: 'stop',
    presencePenalty: 'presence_penalty',
    frequencyPenalty: 'frequency_penalty',
    effort: 'reasoning_effort',
    noEffort: 'reasoning_effort',
    format: 'response_format',
    parallelToolCalls: 'parallel_tool_calls',
    toolChoice: 'tool_choice',
  },
  'openai-responses': {
    messages: 'input',
    verbosity: 'text.verbosity',
    effort: 'reasoning.effort',
    noEffort: 'reasoning.effort',
    format: 'text.format',
    parallelToolCalls: 'parallel_tool_calls',
    toolChoice: 'tool_choice',
  },
  anthropic: {
    topK: 'top_k',
    stop: 'stop_sequences',
    thinkingTokens: 'thinking.budget_tokens',
    effort: 'output_config.effort',
    noEffort: 'thinking.type',
    format: 'output_config.format',
    parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
    toolChoice: 'tool_choice',
  },
  gemini: {
    messages: 'contents',
    temperature: 'generationConfig.temperature',
    topK: 'generationConfig.topK',
    stop: 'generationConfig.stopSequences',
    seed: 'generationConfig.seed',
    presencePenalty: 'generationConfig.presencePenalty',
    frequencyPenalty: 'generationConfig.frequencyPenalty',
    thinkingTokens: 'generationConfig.thinkingConfig.thinkingBudget',
    effort: 'generationConfig.thinkingConfig.thinkingLevel',
    noEffort: 'generationConfig.thinkingConfig.thinkingBudget',
    format: 'generationConfig.responseMimeType',
    toolChoice: 'toolConfig.functionCallingConfig',
  },
}
