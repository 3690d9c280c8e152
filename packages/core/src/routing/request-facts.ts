// Request facts
//
// What of a chat request routes are decided by, in any dialect: what it wants of a model, how long it is, who asks.
// Read only where a Route has something to decide by it.

import {
  type ChatDialect,
  isEmbeddingPath,
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from '../dialect/index.ts'
import { ExactNumber } from '../resource/index.ts'
import { geminiConfigs, outputLimit } from './output-limit.ts'

export const modalities = ['image', 'audio', 'video', 'file'] as const
export type Modality = (typeof modalities)[number]

export const capabilities = ['tools', 'json-schema', 'reasoning'] as const
export type Capability = (typeof capabilities)[number]

export interface RequestFacts {
  /** What a model must be able to do to answer it. */
  readonly capabilities: readonly Capability[]
  /** What it holds besides text. */
  readonly modalities: readonly Modality[]
  /** Characters of its texts: not of the data of images and files. */
  readonly textLength: number
  /** Tokens that the answer may have; null where the request sets no bound. */
  readonly outputTokens: number | null
  readonly messages: number
  /** Names of its tools. */
  readonly tools: readonly string[]
  /** The end user that it names; empty where it names none. */
  readonly user: string
  /** Its `metadata`, as far as its values are texts. */
  readonly metadata: Readonly<Record<string, string>>
  /** The beginning of the text of the last message. */
  readonly lastText: string
  /** The same in all turns of a conversation: all up to the first message of the user. */
  readonly opening: string
}

// Lists and texts that conditions look at: more would let a caller choose what a condition costs.
const toolsMax = 128
const lastTextMax = 16_384
const openingMax = 65_536
const metadataMax = 64

/** Which endpoint's words it is in: members of other dialects say nothing there. */
export interface ChatFace {
  readonly dialect: ChatDialect
  /** Below /v1, or the name of Gemini's method; also of completions and embeddings. */
  readonly path: string
}

export function readFacts(body: JsonObject, face: ChatFace): RequestFacts {
  const list = messagesOf(body, face)
  const seen = walk(body)
  const tools = toolsOf(body)
  const wanted: Capability[] = []
  if (tools.length > 0) wanted.push('tools')
  if (wantsSchema(body)) wanted.push('json-schema')
  if (wantsReasoning(body)) wanted.push('reasoning')
  return {
    capabilities: wanted,
    modalities: [...seen.modalities],
    textLength: seen.textLength,
    outputTokens: outputLimit(body, face.dialect),
    messages: list.length,
    tools: tools.slice(0, toolsMax),
    user: textOf(body['user']) || textOf(objectOf(body['metadata'])['user_id']),
    metadata: textsOf(objectOf(body['metadata'])),
    lastText: textIn(list.at(-1)).slice(0, lastTextMax),
    opening: openingOf(body, list),
  }
}

const members = {
  ...{ '/completions': 'prompt', '/embeddings': 'input' },
  ...{ embedContent: 'content', batchEmbedContents: 'requests' },
  ...{ openai: 'messages', 'openai-responses': 'input', anthropic: 'messages', gemini: 'contents' },
} as const

/** An input that is one text is one message. */
function messagesOf(body: JsonObject, { dialect, path }: ChatFace): readonly unknown[] {
  const isOther = path === '/completions' || isEmbeddingPath(path)
  const list = body[members[isOther ? path : dialect]]
  return typeof list === 'string' || isObject(list) ? [list] : listOf(list)
}

function toolsOf(body: JsonObject): string[] {
  return [...listOf(body['tools']), ...listOf(body['functions'])].flatMap((one) => {
    const tool = objectOf(one)
    const lists = [tool['functionDeclarations'], tool['function_declarations']]
    const declared = lists.flatMap(listOf).map((each) => objectOf(each)['name'])
    if (declared.length > 0) return declared.map(textOf)
    return [textOf(tool['name']) || textOf(objectOf(tool['function'])['name'])]
  })
}

function wantsSchema(body: JsonObject): boolean {
  const schemas = geminiConfigs(body).flatMap((config) =>
    ['responseSchema', 'responseJsonSchema', 'response_schema', 'response_json_schema'].map(
      (name) => config[name],
    ),
  )
  const formats = [
    objectOf(body['response_format']),
    objectOf(objectOf(body['text'])['format']),
    objectOf(objectOf(body['output_config'])['format']),
  ]
  return (
    formats.some(({ type }) => type === 'json_schema') || schemas.some((one) => one !== undefined)
  )
}

function wantsReasoning(body: JsonObject): boolean {
  const { thinking, reasoning, reasoning_effort: effort } = body
  return (
    geminiConfigs(body).some(thinks) ||
    (typeof effort === 'string' && effort !== 'none') ||
    (isObject(reasoning) && reasoning['effort'] !== 'none') ||
    (isObject(thinking) && thinking['type'] !== 'disabled')
  )
}

function thinks(config: JsonObject): boolean {
  return [config['thinkingConfig'], config['thinking_config']].map(objectOf).some((thinking) => {
    const budget = thinking['thinkingBudget'] ?? thinking['thinking_budget']
    const level = thinking['thinkingLevel'] ?? thinking['thinking_level']
    const isNumber = typeof budget === 'number' || budget instanceof ExactNumber
    return (isNumber && Number(budget) !== 0) || typeof level === 'string'
  })
}

const byType: Readonly<Record<string, Modality>> = {
  image: 'image',
  image_url: 'image',
  input_image: 'image',
  audio: 'audio',
  input_audio: 'audio',
  video_url: 'video',
  video: 'video',
  file: 'file',
  input_file: 'file',
  document: 'file',
}

// Members that hold data or a link to it.
const dataMembers = new Set([
  'data',
  'url',
  'image_url',
  'file_data',
  'file_url',
  'fileUri',
  'file_uri',
])

/** A list of its own instead of calls: a hostile body is nested deeper than calls may be. */
function walk(body: JsonObject): { readonly modalities: Set<Modality>; textLength: number } {
  const seen = { modalities: new Set<Modality>(), textLength: 0 }
  const left: unknown[] = [
    ...[body['messages'], body['input'], body['contents'], body['prompt'], body['system']],
    ...[body['instructions'], body['systemInstruction'], body['system_instruction']],
    body['tools'],
  ]
  while (left.length > 0) {
    const value = left.pop()
    if (typeof value === 'string') seen.textLength += value.length
    else if (Array.isArray(value)) for (const one of value) left.push(one)
    else if (isObject(value)) {
      noteModality(value, seen.modalities)
      for (const [name, one] of Object.entries(value)) {
        if (typeof one !== 'string' || !dataMembers.has(name)) left.push(one)
      }
    }
  }
  return seen
}

function noteModality(part: JsonObject, found: Set<Modality>): void {
  const { type } = part
  const named = typeof type === 'string' && Object.hasOwn(byType, type) ? byType[type] : undefined
  if (named !== undefined) found.add(named)
  for (const member of ['inlineData', 'fileData', 'inline_data', 'file_data']) {
    if (!isObject(part[member])) continue
    const type = textOf(part[member]['mimeType'] ?? part[member]['mime_type'])
    const [kind] = type.toLowerCase().split('/')
    const known = modalities.find((one) => one === kind)
    found.add(known ?? 'file')
  }
}

/** The texts of one message. */
function textIn(message: unknown): string {
  if (typeof message === 'string') return message
  const { content, parts, text } = objectOf(message)
  if (typeof content === 'string') return content
  if (typeof text === 'string') return text
  const inner = [...listOf(content), ...listOf(parts)].map((part) => textOf(objectOf(part)['text']))
  return inner.filter((one) => one !== '').join('\n')
}

function openingOf(body: JsonObject, list: readonly unknown[]): string {
  const isUsers = (one: unknown) => typeof one === 'string' || objectOf(one)['role'] === 'user'
  const first = list.findIndex(isUsers)
  const { systemInstruction, system_instruction: other } = body
  const system = [body['system'], body['instructions'], systemInstruction, other].map(textIn)
  const begun = list.slice(0, first === -1 ? 1 : first + 1).map(textIn)
  return [...system, ...begun].join('\n').slice(0, openingMax)
}

function textsOf(metadata: JsonObject): Record<string, string> {
  const texts = Object.entries(metadata).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts.slice(0, metadataMax))
}
