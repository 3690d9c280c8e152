// Cache question
//
// Which requests ask the same: what an answer is kept under, and found again by.
//
// Invariants:
//   C1. What is kept for one project is found by no other; with the scope `key`, by no other key.
//   C2. An answer is found only by a request that says the same, to a route whose targets and releases are the same.

import { z } from 'zod'
import {
  type ChatDialect,
  type ChatRequest,
  isUnsayable,
  type JsonObject,
  parseChat,
} from '../dialect/index.ts'
import { canonicalJson, dnsName } from '../resource/index.ts'

export const cacheSpec = z.strictObject({
  /** Seconds that an answer is given again. */
  ttlS: z.int().min(1).max(604_800).default(300),
  /** Who shares answers: all keys of the project, or nobody. */
  scope: z.enum(['project', 'key']).default('project'),
  /** Answers questions that mean the same, too. */
  semantic: z
    .strictObject({
      /** The Route whose model gives embeddings. */
      route: dnsName,
      /** Cosine from which on two questions count as one. */
      threshold: z.number().min(0.5).max(1).default(0.95),
    })
    .optional(),
})
export type CacheSpec = z.infer<typeof cacheSpec>

export interface CacheAsked {
  readonly dialect: ChatDialect
  readonly path: string
  readonly model: string
  readonly stream: boolean
  /** What of Anthropic's is asked for by a header; absent: nothing. */
  readonly beta?: string
  readonly parsed: JsonObject
}

export interface CachePlace {
  readonly project: string
  readonly key: string
  readonly route: string
  readonly scope: CacheSpec['scope']
  /** Targets of the route and the releases that answer for them. */
  readonly identity: string
}

/** The texts that requests are compared by; long ones are hashed by whoever keeps them. */
export interface CacheQuestion {
  readonly exact: string
  /** All but the last question of the conversation; null where meaning is not compared. */
  readonly context: string | null
  /** The last question; null where meaning is not compared. */
  readonly text: string | null
  /** False where the answer can only be given again as it came: whole, or as a stream. */
  readonly isTranslatable: boolean
}

export function cacheQuestion(asked: CacheAsked, place: CachePlace): CacheQuestion {
  const { project, route, identity, scope } = place
  const fence = [project, scope === 'key' ? place.key : null, route, identity] // C1, C2
  const neutral = parseChat(asked.dialect, asked.parsed, asked)
  if (isUnsayable(neutral) || !isChat(asked)) {
    const { dialect, path, parsed, beta = null } = asked
    const exact = canonicalJson([fence, dialect, path, parsed, beta])
    return { exact, context: null, text: null, isTranslatable: false }
  }
  const exact = canonicalJson([fence, meaningOf(neutral), saidBack(asked)])
  const last = lastQuestion(neutral)
  if (last === null) return { exact, context: null, text: null, isTranslatable: true }
  const before = meaningOf({ ...neutral, messages: neutral.messages.slice(0, -1) })
  const context = canonicalJson([fence, before, saidBack(asked)])
  return { exact, context, text: last, isTranslatable: true }
}

const chatPaths: ReadonlySet<string> = new Set([
  ...['/chat/completions', '/responses', '/messages', 'generateContent', 'streamGenerateContent'],
])

/** False where the same request is to be counted, or has another end. */
function isChat({ path }: CacheAsked): boolean {
  return chatPaths.has(path)
}

/** What the answer depends on: not how it is sent, nor who says that he asks. */
function meaningOf({ model: _, stream: __, streamUsage: ___, user: ____, ...meant }: ChatRequest) {
  return meant
}

// A response says these back of its request, or has more in it for them.
const saidBackNames = [
  ...['metadata', 'user', 'safety_identifier', 'prompt_cache_key', 'service_tier', 'include'],
  ...['reasoning', 'truncation'],
] as const

/** What of one caller's request another one would read in the answer; nothing in most dialects. */
function saidBack({ dialect, parsed, beta }: CacheAsked): JsonObject {
  if (beta !== undefined) return { beta }
  if (dialect !== 'openai-responses') return {}
  const members = saidBackNames.map((name) => [name, parsed[name] ?? undefined] as const)
  return Object.fromEntries(members.filter(([, value]) => value !== undefined))
}

function lastQuestion({ messages }: ChatRequest): string | null {
  const last = messages.at(-1)
  if (last?.role !== 'user') return null
  const texts = last.parts.map((part) => (part.kind === 'text' ? part.text : null))
  return texts.includes(null) || texts.length === 0 ? null : texts.join('\n')
}
