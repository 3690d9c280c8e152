// Chat
//
// The neutral form of a conversation with a model: what every dialect is parsed into and written from. It is the
// union of what the dialects can say; what a dialect cannot say is refused by its writer, never dropped.

import { exactJsonOf } from '../resource/index.ts'
import { isObject, type JsonObject } from './json.ts'

/** The ways to speak to a chat model that a gateway knows. */
export const chatDialects = ['openai', 'openai-responses', 'anthropic', 'gemini'] as const
export type ChatDialect = (typeof chatDialects)[number]

/** Those and what only Providers speak: callers are answered in the others. */
export const engineDialects = [...chatDialects, 'bedrock'] as const
export type EngineDialect = (typeof engineDialects)[number]

export type MediaSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'data'; readonly mediaType: string; readonly data: string }

/** Where it is from what an answer says between two places of its text. */
export interface Citation {
  /** Of a page; absent for a document or a file. */
  readonly url?: string
  readonly title: string
  /** The source's own words. */
  readonly quote?: string
  readonly fileId?: string
  /** In characters, the first of them. */
  readonly start: number
  /** The first one after it. */
  readonly end: number
}

export type Part =
  | {
      readonly kind: 'text'
      readonly text: string
      /** OpenAI's models say apart why they do not answer; elsewhere it is a text. */
      readonly isRefusal?: true
      /** Of an answer; counted from the beginning of this text. */
      readonly citations?: readonly Citation[]
    }
  | {
      readonly kind: 'image'
      readonly source: MediaSource
      readonly detail?: 'low' | 'high'
    }
  /** A PDF, which every dialect takes; `name` is its file's, or its title. */
  | { readonly kind: 'document'; readonly source: MediaSource; readonly name?: string }
  /** Of the user; in Base64. */
  | { readonly kind: 'audio'; readonly format: 'wav' | 'mp3'; readonly data: string }
  /** Signed, it is wanted back before whatever follows it; alone, it is of what follows. */
  | { readonly kind: 'thinking'; readonly text: string; readonly signature?: string }
  | ToolCall
  | {
      readonly kind: 'tool-result'
      readonly id: string
      readonly parts: readonly Part[]
      readonly isError: boolean
    }

export interface ToolCall {
  readonly kind: 'tool-call'
  readonly id: string
  readonly name: string
  /** JSON text, as the model wrote it. */
  readonly arguments: string
}

/** A call's arguments; null where they are no JSON object. A call without any says nothing. */
export function argumentsOf({ arguments: text }: ToolCall): JsonObject | null {
  const value = text === '' ? {} : exactJsonOf(text)
  return isObject(value) ? value : null
}

/** What is said of arguments that are none. */
export function notAnObject({ name }: Pick<ToolCall, 'name'>): string {
  return `the arguments of ${name} are no JSON object`
}

/** Results of tools are parts of the user's; of the system's, those that come after others. */
export interface Message {
  readonly role: 'user' | 'assistant' | 'system'
  readonly parts: readonly Part[]
}

export interface Tool {
  readonly name: string
  readonly description?: string
  /** JSON Schema. */
  readonly parameters: Readonly<Record<string, unknown>>
  readonly strict?: boolean
}

export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'tool'; readonly name: string }

/** A caller may let a model call some of his tools alone: the others are not told of. */
export function allowedTools(
  tools: readonly Tool[],
  names: readonly string[] | null,
): readonly Tool[] {
  if (names === null) return tools
  const allowed = new Set(names)
  return tools.filter(({ name }) => allowed.has(name))
}

export type AnswerFormat =
  | { readonly kind: 'json' }
  | {
      readonly kind: 'json-schema'
      readonly name: string
      readonly schema: Readonly<Record<string, unknown>>
      readonly strict: boolean
    }

export interface ChatRequest {
  readonly model: string
  readonly system: string
  readonly messages: readonly Message[]
  readonly tools: readonly Tool[]
  readonly stream: boolean
  /** Whether the caller wants usage in a stream; only OpenAI's chat dialect makes it optional. */
  readonly streamUsage: boolean
  readonly toolChoice?: ToolChoice
  readonly parallelToolCalls?: boolean
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  /** `none`: the model is not to think. */
  readonly effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  readonly thinkingTokens?: number
  /** How much an answer is to say; by itself a model of OpenAI's says `medium`. */
  readonly verbosity?: 'low' | 'medium' | 'high'
  /**
   * True where the caller wants to read what the model thought; false where it need not think, as
   * Anthropic's models do by default.
   */
  readonly thoughts?: boolean
  readonly format?: AnswerFormat
  /** What is said may be kept for the next turn, where a provider wants to be told so. */
  readonly keepsPrompt?: true
  /** Whose the answers so far are said to be; told to no target of another dialect. */
  readonly speaker?: string
  /** The field of the first message of the system's that comes after others, where one does. */
  readonly late?: string
  /** An opaque id of the end user, for the provider's abuse detection. */
  readonly user?: string
}

/** `other` is an end that only its own dialect knows: callers of another one are not told of it. */
export type Stop = 'stop' | 'stop-sequence' | 'length' | 'tool-calls' | 'content-filter' | 'other'

/** Tokens; `input` counts the cached ones too and `output` the reasoning ones. */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly cached: number
  readonly cacheWritten: number
  /** Of those, the ones that are kept longer than usual, which cost more. */
  readonly cacheWrittenLong?: number
  readonly reasoning: number
}

export const noUsage: Usage = { input: 0, output: 0, cached: 0, cacheWritten: 0, reasoning: 0 }

/**
 * What a stream has counted so far: its counts only grow, so that one which tells less than before
 * takes nothing back.
 */
export function grownUsage(before: Usage, news: Partial<Usage>): Usage {
  const { cacheWrittenLong: long = 0 } = before
  const cacheWrittenLong = Math.max(long, news.cacheWrittenLong ?? 0)
  return {
    input: Math.max(before.input, news.input ?? 0),
    output: Math.max(before.output, news.output ?? 0),
    cached: Math.max(before.cached, news.cached ?? 0),
    cacheWritten: Math.max(before.cacheWritten, news.cacheWritten ?? 0),
    ...(cacheWrittenLong === 0 ? {} : { cacheWrittenLong }),
    reasoning: Math.max(before.reasoning, news.reasoning ?? 0),
  }
}

export interface ChatAnswer {
  readonly id: string
  readonly model: string
  /** Text, thinking and tool calls; of Gemini's, images too. */
  readonly parts: readonly Part[]
  readonly stop: Stop
  /** Which one it was, where the engine says so of a `stop-sequence`. */
  readonly sequence?: string
  /** The first of what its caller would miss in another dialect (`other`). */
  readonly lost?: string
  readonly usage: Usage
}

/** What one event of a stream says. */
export type ChatEvent =
  | { readonly kind: 'start'; readonly id: string; readonly model: string }
  | {
      readonly kind: 'text'
      readonly choice: number
      readonly text: string
      readonly isRefusal?: true
    }
  /** Of the first choice, and of text that came before; `of` is what its places are counted in. */
  | {
      readonly kind: 'citation'
      readonly citation: Citation
      readonly of: 'text' | 'bytes' | 'block' | 'whole block'
      /** What was cited before counts no more: Gemini tells all of it again. */
      readonly replaces?: true
    }
  /** A text, a thought or a call is over; said by some dialects alone. */
  | { readonly kind: 'block-end' }
  /** Content that only its own dialect has: sound, or a call that the provider answers itself. */
  | {
      readonly kind: 'other'
      /** Arguments of this index are its pieces, and of no call. */
      readonly index?: number
      /** What it is, where the answer is not whole without it; absent where it tells of the way. */
      readonly lost?: string
    }
  /** What that says, of a sound for one; `of` tells its texts apart. */
  | {
      readonly kind: 'other-text'
      readonly choice: number
      readonly of: string
      readonly text: string
    }
  /** `choice`, here and of calls: which of several; absent: the first. */
  | { readonly kind: 'thinking'; readonly choice?: number; readonly text: string }
  /** What is no text: an image, most often. */
  | { readonly kind: 'image'; readonly source: MediaSource }
  /** Of the thoughts before it, or of what follows (`signature.ts`). */
  | { readonly kind: 'signature'; readonly text: string }
  | {
      readonly kind: 'tool-start'
      /** Which call, as the dialect counts; -1: the next one. */
      readonly index: number
      readonly id: string
      readonly name: string
    }
  | {
      readonly kind: 'tool-arguments'
      readonly choice?: number
      readonly index: number
      readonly text: string
    }
  | {
      readonly kind: 'stop'
      readonly choice: number
      readonly stop: Stop
      readonly sequence?: string
    }
  | { readonly kind: 'usage'; readonly usage: Partial<Usage> }
  | { readonly kind: 'end' }
  | {
      readonly kind: 'error'
      readonly status: number
      readonly code: string
      readonly message: string
    }

/** One server-sent event, as it came. */
export interface StreamEvent {
  /** The `event` field; empty where there is none. */
  readonly event: string
  readonly data: string
}

/** What an upstream's whole answer is: complete, or why it must not pass for one. */
export type WholeReading =
  | { readonly kind: 'complete'; readonly usage: Usage | null; readonly parsed: unknown }
  | { readonly kind: 'incomplete'; readonly reason: string }
  | Extract<ChatEvent, { kind: 'error' }>
