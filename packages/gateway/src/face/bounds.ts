// Bounds
//
// The most tokens that a chat request can take: what a budget sets aside for it. What counts is what the dialect that
// it is asked in reads: members of other dialects are no bound there, they are passed over.
//
// Invariants:
//   B1. A bound that is told is one that the upstream keeps; where nobody knows one, it is null.

import { isObject, type JsonObject, listOf, objectOf, textOf } from '@tutti/core/dialect'
import type { Bounds } from '../routing/index.ts'
import type { ChatAsked } from './chat-body.ts'

// Of one image: OpenAI counts 2,833 and 8 times 5,667 for gpt-4o-mini, the others far fewer (its guide to vision).
const imageTokens = 49_152

/** A token is a byte of the body at least, in every tokenizer that works on bytes. */
export function boundsOf(asked: ChatAsked): Bounds | null {
  const { body, outline, path, dialect } = asked
  if (path === '/messages/count_tokens') return null
  const { images, isElsewhere } = look(outline)
  const inputTokens = isElsewhere ? null : body.length + imageTokens * images
  if (path === '/embeddings') return { inputTokens, outputTokens: 0, answers: 1, unpriced: null }
  const unpriced = unpricedIn(asked)
  if (dialect === 'gemini') {
    const config = mergedConfig(outline)
    const limit = config['maxOutputTokens'] ?? config['max_output_tokens']
    const answers = countOf(config['candidateCount'] ?? config['candidate_count'])
    return { inputTokens, outputTokens: highest([limit]), answers, unpriced }
  }
  return { inputTokens, outputTokens: statedIn(asked), answers: answersTo(asked), unpriced }
}

function statedIn({ dialect, outline }: ChatAsked): number | null {
  if (dialect === 'openai-responses') return highest([outline['max_output_tokens']])
  if (dialect === 'anthropic') return highest([outline['max_tokens']])
  // Of two, engines differ on which one they know.
  return highest([outline['max_completion_tokens'], outline['max_tokens']])
}

/** The highest of those that are there; null where there is none, or one that is no count. */
function highest(stated: readonly unknown[]): number | null {
  const there = stated.filter((one) => one !== undefined && one !== null)
  const counts = there.filter((one) => typeof one === 'number' && one >= 0) as number[]
  return there.length === 0 || counts.length < there.length ? null : Math.max(...counts)
}

/** How many answers there are to be, each of them as long as is allowed. */
function answersTo({ dialect, outline, path }: ChatAsked): number {
  if (dialect !== 'openai') return 1
  const choices = countOf(outline['n'])
  if (path !== '/completions') return choices
  const prompts = listOf(outline['prompt']).filter((one) => typeof one !== 'number').length
  return Math.max(choices, countOf(outline['best_of'])) * Math.max(1, prompts)
}

// More than any engine gives; what is no number is refused there, or read in a way of its own.
const answersMax = 128

function countOf(value: unknown): number {
  if (value === undefined || value === null) return 1
  return typeof value === 'number' && value >= 0 ? Math.max(1, value) : answersMax
}

/** It may be written in both ways; then neither is known to hold. */
function mergedConfig(body: JsonObject): JsonObject {
  const [camel, snake] = [body['generationConfig'], body['generation_config']]
  if (camel !== undefined && snake !== undefined) return {}
  const config = objectOf(camel ?? snake)
  const isTwice = 'maxOutputTokens' in config && 'max_output_tokens' in config
  return isTwice ? { candidateCount: answersMax } : config
}

// Members that name something which the provider holds, or fetches: how long that is, nobody knows here.
const elsewhere = new Set([
  ...['file_id', 'file_uri', 'fileUri', 'file_url', 'container', 'conversation'],
  ...['cachedContent', 'cached_content', 'previous_response_id'],
])
// Parts whose data says little of how many tokens they are: compressed pages, films.
const dense = new Set(['document', 'file', 'input_file', 'video', 'video_url', 'input_video'])
const mimeNames = new Set(['media_type', 'mimeType', 'mime_type'])
// What is said in words, and what tools are given: no part of it is looked up.
const words = new Set(['text', 'content', 'input', 'prompt', 'output', 'arguments', 'thinking'])
const data = new Set(['args', 'response', 'tools', 'response_format', 'metadata'])

interface Look {
  images: number
  isElsewhere: boolean
}

function look(request: JsonObject): Look {
  const seen = { images: 0, isElsewhere: isObject(request['prompt']) } // a template that is kept
  const left: object[] = [request] // a hostile body is nested deeper than calls may be
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (Array.isArray(value)) lookIntoList(seen, value, left)
    else lookIntoObject(seen, objectOf(value), left)
  }
  return seen
}

function lookIntoList(seen: Look, list: readonly unknown[], left: object[]): void {
  for (const one of list) {
    if (typeof one === 'string') seen.images += isLink(one) ? 1 : 0
    else if (typeof one === 'object' && one !== null) left.push(one)
  }
}

function lookIntoObject(seen: Look, object: JsonObject, left: object[]): void {
  const isToolUse = object['type'] === 'tool_use'
  // Every request comes through here, so no list of its members is made.
  for (const name in object) {
    const one = object[name]
    if (typeof one === 'string') {
      if (isLink(one) && !words.has(name)) seen.images += 1
      lookAtName(seen, name, one)
    } else if (typeof one === 'object' && one !== null) {
      if (isToolUse && name === 'input') continue
      if (elsewhere.has(name)) seen.isElsewhere = true
      if (!data.has(name)) left.push(one)
    }
  }
}

function isLink(text: string): boolean {
  return text.startsWith('http') || text.startsWith('data:')
}

function lookAtName(seen: Look, name: string, value: string): void {
  if (elsewhere.has(name)) seen.isElsewhere = true
  if (name === 'type' && dense.has(value)) seen.isElsewhere = true
  if (!mimeNames.has(name)) return
  if (value.startsWith('image/')) seen.images += 1
  else if (!value.startsWith('text/') && !value.startsWith('audio/')) seen.isElsewhere = true
}

// Tools that a caller's own program runs; all others are run, and charged for, by the provider.
const callersTools =
  /^(function|custom|local_shell|shell|apply_patch|computer.*|(bash|text_editor|memory)_.*)$/
const charged = ['web_search_options', 'search_parameters', 'plugins', 'mcp_servers'] as const

/** What of a request the provider charges for besides tokens of text; null for nothing. */
function unpricedIn({ dialect, outline }: ChatAsked): string | null {
  if (outline['service_tier'] === 'priority') return 'service_tier priority'
  for (const name of charged) if (outline[name] !== undefined) return name
  if (listOf(outline['modalities']).includes('audio')) return 'audio'
  for (const one of listOf(outline['tools'])) {
    const tool = objectOf(one)
    const type = textOf(tool['type'])
    if (type !== '' && !callersTools.test(type)) return `the tool ${type.slice(0, nameMax)}`
    const hosted = dialect === 'gemini' ? Object.keys(tool).find(isHosted) : undefined
    if (hosted !== undefined) return `the tool ${hosted.slice(0, nameMax)}`
  }
  return null
}

const nameMax = 100 // characters of a caller's name in our sentence

/** All of Gemini's tools are but the one that lists functions. */
function isHosted(member: string): boolean {
  return member !== 'functionDeclarations' && member !== 'function_declarations'
}
