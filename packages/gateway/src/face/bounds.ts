// Bounds
//
// The most tokens that a chat request can take: what a budget sets aside for it. What counts is what the dialect that
// it is asked in reads: members of other dialects are no bound there, they are passed over.
//
// Invariants:
//   B1. A bound that is told is one that the upstream keeps; where nobody knows one, it is null.

import {
  type ChatDialect,
  isEmbeddingPath,
  isItemReference,
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from '@tutti/core/dialect'
import { geminiConfigs, isThere, limitOf, outputLimit } from '@tutti/core/routing'
import type { Bounds } from '../routing/index.ts'
import { type ChatAsked, isCount } from './chat-body.ts'

// Of one image: OpenAI counts 2,833 and 8 times 5,667 for gpt-4o-mini, the others far fewer (its guide to vision).
const imageTokens = 49_152

/** A token is a byte of the body at least, in every tokenizer that works on bytes. */
export function boundsOf(asked: ChatAsked): Bounds | null {
  const { body, outline, path, dialect } = asked
  if (isCount(asked)) return null
  const { images, isElsewhere, dear } = look(outline, dialect)
  const brought = whatBrings(asked)
  const isBounded = !isElsewhere && brought === null
  const inputTokens = isBounded ? body.length + imageTokens * images : null
  const unpriced = brought ?? dearerIn(outline) ?? dear
  if (isEmbeddingPath(path)) return { inputTokens, outputTokens: 0, answers: 1, unpriced }
  return {
    inputTokens,
    outputTokens: outputLimit(outline, dialect),
    answers: answersTo(asked),
    unpriced,
  }
}

/** How many answers a stream is to have; what is no number says nothing. */
export function choicesOf(asked: ChatAsked): number {
  const { dialect, outline } = asked
  if (dialect !== 'openai') return answersTo(asked)
  return Math.max(1, Math.floor(limitOf(outline['n']) ?? 1)) * promptsIn(asked)
}

/** How many answers there are to be, each of them as long as is allowed. */
function answersTo(asked: ChatAsked): number {
  const { dialect, outline, path } = asked
  if (dialect === 'gemini') {
    const stated = geminiConfigs(outline).flatMap((config) => [
      answersIn(config['candidateCount']),
      answersIn(config['candidate_count']),
    ])
    return Math.max(1, ...stated)
  }
  if (dialect !== 'openai') return 1
  const choices = answersIn(outline['n'])
  if (path !== '/completions') return choices
  return Math.max(choices, answersIn(outline['best_of'])) * promptsIn(asked)
}

/** Legacy completions may have several; a list of numbers is one, in tokens. */
function promptsIn({ outline, path }: ChatAsked): number {
  if (path !== '/completions') return 1
  const prompts = listOf(outline['prompt']).filter((one) => typeof one !== 'number').length
  return Math.max(1, prompts)
}

// More than any engine gives; what is no number is refused there, or read in a way of its own.
const answersMax = 128

function answersIn(value: unknown): number {
  if (!isThere(value)) return 1
  return Math.max(1, limitOf(value) ?? answersMax)
}

// Members that name something which the provider holds, or fetches: how long that is, nobody knows here.
const elsewhere = new Set([
  ...['file_id', 'file_uri', 'fileUri', 'file_url', 'container', 'conversation'],
  ...['cachedContent', 'cached_content', 'previous_response_id', 'previous_message_id'],
])
// Parts whose data says little of how many tokens they are: compressed pages, films.
const dense = new Set(['document', 'file', 'input_file', 'video', 'video_url', 'input_video'])
const sound = 'sound that goes in'
const soundNames = new Set(['input_audio', 'audio_url', 'audio']) // in OpenAI's words
const mimeNames = new Set(['media_type', 'mimeType', 'mime_type'])
// What is said in words.
const words = new Set(['text', 'content', 'input', 'prompt', 'output', 'arguments', 'thinking'])
// What tools are given and may be given, and how answers are to be: no part of it is looked up.
const data = new Set([
  ...['tools', 'response_format', 'metadata', 'schema', 'responseSchema', 'response_schema'],
  ...['responseJsonSchema', 'response_json_schema'],
])
const geminiData = new Set([...data, 'args', 'response'])

interface Look {
  readonly dialect: ChatDialect
  images: number
  isElsewhere: boolean
  /** What costs more than the list says; null for nothing. */
  dear: string | null
}

function look(request: JsonObject, dialect: ChatDialect): Look {
  const isKept = isObject(request['prompt']) || listOf(request['input']).some(isItemReference)
  const seen: Look = { dialect, images: 0, isElsewhere: isKept, dear: null }
  const left: object[] = [request] // a hostile body is nested deeper than calls may be
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (Array.isArray(value)) lookIntoList(seen, value, left)
    else lookIntoObject(seen, objectOf(value), left)
  }
  return seen
}

function lookIntoList(seen: Look, list: readonly unknown[], left: object[]): void {
  for (const one of list) {
    if (typeof one === 'string') {
      if (isLink(one)) lookAtLink(seen, one)
    } else if (typeof one === 'object' && one !== null) left.push(one)
  }
}

function lookIntoObject(seen: Look, object: JsonObject, left: object[]): void {
  const skipped = seen.dialect === 'gemini' ? geminiData : data
  const isToolUse = seen.dialect === 'anthropic' && object['type'] === 'tool_use'
  // Every request comes through here, so no list of its members is made.
  for (const name in object) {
    const one = object[name]
    if (typeof one === 'string') {
      if (isLink(one) && !words.has(name)) lookAtLink(seen, one)
      lookAtName(seen, name, one)
    } else if (typeof one === 'object' && one !== null) {
      if (isToolUse && name === 'input') continue
      if (elsewhere.has(name)) seen.isElsewhere = true
      if (isSound(seen, name)) seen.dear = sound
      if (skipped.has(name)) continue
      if (Array.isArray(one) && words.has(name)) lookIntoWords(one, left)
      else left.push(one)
    }
  }
}

/** A list of texts, or of parts. */
function lookIntoWords(list: readonly unknown[], left: object[]): void {
  for (const one of list) if (typeof one === 'object' && one !== null) left.push(one)
}

function isLink(text: string): boolean {
  return text.startsWith('http') || text.startsWith('data:')
}

function lookAtLink(seen: Look, link: string): void {
  if (link.startsWith('data:audio/')) seen.dear = sound
  else seen.images += 1
}

/** Gemini's and Anthropic's parts say what they are by a type of media. */
function isSound({ dialect }: Look, name: string): boolean {
  return dialect.startsWith('openai') && soundNames.has(name)
}

/** Longer than usual: answers do not say how much was, or the list not what that costs. */
function isLong({ dialect }: Look, ttl: string): boolean {
  return dialect.startsWith('openai') && ttl !== '5m' && ttl !== '30m'
}

function lookAtName(seen: Look, name: string, value: string): void {
  if (elsewhere.has(name)) seen.isElsewhere = true
  if (name === 'type' && dense.has(value)) seen.isElsewhere = true
  if (name === 'type' && isSound(seen, value)) seen.dear = sound
  if (name === 'ttl' && isLong(seen, value)) {
    seen.dear = `a prompt that is kept for ${value.slice(0, nameMax)}`
  }
  if (!mimeNames.has(name)) return
  const type = value.toLowerCase()
  if (type.startsWith('image/')) seen.images += 1
  else if (type.startsWith('audio/')) seen.dear = sound
  else if (!type.startsWith('text/')) seen.isElsewhere = true
}

// Tools that a caller's own program runs; all others are run, and charged for, by the provider.
const callersTools: Readonly<Record<ChatDialect, RegExp>> = {
  openai: /^(function|custom)$/,
  'openai-responses': /^(function|custom|(local_)?shell|apply_patch|tool_search|computer.*)$/,
  anthropic: /^(custom|(computer|browser|bash|text_editor|memory)_.*)$/,
  gemini: /^$/, // its tools are named by their members
}
const charged = ['web_search_options', 'search_parameters', 'plugins', 'mcp_servers'] as const

/** What brings more input than was sent, which the provider charges for; null for nothing. */
function whatBrings({ dialect, outline }: ChatAsked): string | null {
  for (const name of charged) if (isThere(outline[name])) return name
  for (const tool of toolsIn(outline)) {
    const type = textOf(tool['type'])
    const isCallers = type === '' || callersTools[dialect].test(type)
    if (!isCallers || isRunThere(tool)) return `the tool ${type.slice(0, nameMax)}`
    const hosted = dialect === 'gemini' ? Object.keys(tool).find(isHosted) : undefined
    if (hosted !== undefined) return `the tool ${hosted.slice(0, nameMax)}`
  }
  const { context_management: managed } = outline
  const edits = [...listOf(managed), ...listOf(objectOf(managed)['edits'])]
  const isCompacted = edits.some((one) => textOf(objectOf(one)['type']).startsWith('compact'))
  return isCompacted ? 'compaction' : null // it is read, and written, once more
}

/** Some of OpenAI's are run by the caller or by OpenAI, as they say themselves. */
function isRunThere({ type, environment, execution }: JsonObject): boolean {
  if (type === 'tool_search') return execution !== 'client'
  const place = textOf(objectOf(environment)['type'])
  return type === 'shell' && place !== '' && place !== 'local'
}

/** Those of OpenAI's namespaces one by one. */
function toolsIn({ tools }: JsonObject): readonly JsonObject[] {
  if (!isThere(tools)) return []
  return listOf(tools).flatMap((one) => {
    const tool = objectOf(one)
    return tool['type'] === 'namespace' ? listOf(tool['tools']).map(objectOf) : [tool]
  })
}

/**
 * True where an answer is not of its request alone: the provider goes on with what it holds, or its
 * tools look something up, or do something.
 */
export function dependsOnProvider(asked: ChatAsked): boolean {
  const { outline } = asked
  const held = [outline['conversation'], outline['container'], outline['thread']]
  return held.some(isThere) || isObject(outline['prompt']) || whatBrings(asked) !== null
}

// What the list's prices are of, or more than is paid: `scale` was paid before, and `flex` waits.
const listedTiers = /^(auto|default|standard|standard_only|on_demand|flex|scale|unspecified)$/i

/** What makes tokens dearer than the list says; null for nothing. */
function dearerIn(outline: JsonObject): string | null {
  for (const name of ['service_tier', 'serviceTier']) {
    const tier = textOf(outline[name])
    if (tier !== '' && !listedTiers.test(tier))
      return `service_tier ${tier.slice(0, nameMax).toLowerCase()}`
  }
  // Anthropic's: answers from one region only, or sooner.
  for (const [name, usual] of [
    ['inference_geo', 'global'],
    ['speed', 'standard'],
  ] as const) {
    const said = textOf(outline[name])
    if (said !== '' && said !== usual) return `${name} ${said.slice(0, nameMax)}`
  }
  const shape = shapesIn(outline).find((one) => !/^text$/i.test(textOf(one)))
  return shape === undefined ? null : `answers of ${String(shape).slice(0, nameMax).toLowerCase()}`
}

const nameMax = 100 // characters of a caller's name in our sentence

/** What answers are to be besides texts, or instead of them. */
function shapesIn(outline: JsonObject): readonly unknown[] {
  const configs = geminiConfigs(outline)
  const stated = configs.flatMap((one) => [one['responseModalities'], one['response_modalities']])
  return [outline['modalities'], ...stated].filter(isThere).flat()
}

/** All of Gemini's tools are but the one that lists functions. */
function isHosted(member: string): boolean {
  return member !== 'functionDeclarations' && member !== 'function_declarations'
}
