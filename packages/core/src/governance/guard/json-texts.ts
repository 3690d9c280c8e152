// JSON texts
//
// Rewrites what a JSON document says, where something has to be rewritten, and leaves every other byte as it is:
// numbers that a parser would round, repeated members and odd spacing stay.
//
// Invariants:
//   J1. Where no text is rewritten, the document is the very same.
//   J2. Names of members are never rewritten.
//   J3. In the arguments and results of tools everything is said, whatever its member is called, numbers too; so it is
//       in what fills the places of a stored prompt, and in a document that is plain text.
//   J4. A file that is text in Base64 is a text like others, and stays in Base64.

import { type JsonObject, jsonOf, objectOf } from '../../dialect/index.ts'
import { heldFile } from './held-file.ts'

/**
 * Members whose values are no texts that a model reads or says: names, ids, addresses, marks,
 * contents in base64.
 */
const notTexts: ReadonlySet<string> = new Set([
  ...['model', 'role', 'type', 'object', 'name', 'id', 'tool_call_id', 'tool_use_id', 'call_id'],
  ...['toolUseId', 'container', 'conversation', 'cachedContent', 'embedding', 'encrypted_index'],
  ...[
    'item_id',
    'file_id',
    'response_id',
    'previous_response_id',
    'responseId',
    'prompt_cache_key',
  ],
  ...['signature', 'thoughtSignature', 'encrypted_content', 'thought_signature', 'service_tier'],
  ...[
    'redactedContent',
    'system_fingerprint',
    'data',
    'file_data',
    'media_type',
    'mimeType',
    'url',
    'image_url',
    'fileUri',
    'format',
  ],
  ...['uri', 'file_url', 'file_uri', 'mime_type'],
  ...['finish_reason', 'stop_reason', 'finishReason', 'modelVersion', 'status', 'detail', 'effort'],
])

/**
 * The document with every text as `rewrite` gives it; `unread` is told of each file that is none,
 * and what it is. The document must be valid JSON.
 */
export function rewriteJsonTexts(
  json: string,
  rewrite: (text: string) => string,
  unread: (what: string) => void = () => {},
): string {
  const parts: string[] = []
  let kept = 0 // where what is not in `parts` yet begins
  const objectAt = objectsIn(json)
  for (const value of jsonValues(json)) {
    const { start, end, name, isFree } = value
    const isText = isFree || !notTexts.has(name) // J3
    const rewritten = isText
      ? changed(textAt(json, start, end), rewrite)
      : rewrittenFile(json, value, { rewrite, unread, objectAt })
    if (rewritten === null) continue // J1
    parts.push(json.slice(kept, start), JSON.stringify(rewritten))
    kept = end
  }
  return parts.length === 0 ? json : parts.join('') + json.slice(kept)
}

/** Objects by where they begin; members of one, however many, ask for it one after the other. */
function objectsIn(json: string): (start: number) => JsonObject {
  let last: { readonly start: number; readonly object: JsonObject } | null = null
  return (start) => {
    if (last?.start !== start) last = { start, object: objectAt(json, start) }
    return last.object
  }
}

function changed(text: string, rewrite: (text: string) => string): string | null {
  const rewritten = rewrite(text)
  return rewritten === text ? null : rewritten
}

/** J4. Null where it is no file, or stays as it is. */
function rewrittenFile(
  json: string,
  { start, end, name, owner, ownerStart }: JsonValue,
  to: {
    readonly rewrite: (text: string) => string
    readonly unread: (what: string) => void
    readonly objectAt: (start: number) => JsonObject
  },
): string | null {
  const value = () => textAt(json, start, end)
  const object = () => to.objectAt(ownerStart)
  const file = heldFile({ name, owner, value, object })
  if (file?.kind === 'unread') to.unread(file.what)
  if (file?.kind !== 'text') return null
  const rewritten = changed(file.text, to.rewrite)
  return rewritten === null ? null : file.written(rewritten)
}

/** What a document says, text by text. */
export function jsonTexts(json: string): readonly string[] {
  const texts: string[] = []
  rewriteJsonTexts(json, (text) => {
    texts.push(text)
    return text
  })
  return texts
}

/** What a string says, or a number is. */
function textAt(json: string, start: number, end: number): string {
  if (json[start] !== '"') return json.slice(start, end)
  const inner = json.slice(start + 1, end - 1)
  return inner.includes('\\') ? String(JSON.parse(json.slice(start, end))) : inner
}

interface JsonValue {
  readonly start: number
  readonly end: number
  /** Of the member that it is the value of, or that holds the list in which it stands. */
  readonly name: string
  /** True where it is said, whatever its member is called. */
  readonly isFree: boolean
  /** Of the object or list that it stands in. */
  readonly owner: string
  readonly ownerStart: number
}

/** An object or a list; `name` is the member's that it is the value of. */
interface Container {
  readonly name: string
  readonly start: number
  readonly isList: boolean
  /** J3: of which of its values that holds. */
  readonly free: 'none' | 'own' | 'all'
}

const outermost: Container = { name: '', start: 0, isList: false, free: 'none' }
const numberForm = /-?\d[\d.eE+-]*/y

/** The strings that are values, in order; where all is free, the numbers too. */
function* jsonValues(json: string): Generator<JsonValue> {
  const outer: Container[] = []
  let inside = outermost
  let name = ''
  for (let at = 0; at < json.length; at++) {
    const character = json[at]
    if (character === '{' || character === '[') {
      const free = freedomOf(json, at, { name, inside })
      outer.push(inside)
      inside = { name, start: at, isList: character === '[', free }
    } else if (character === '}' || character === ']') {
      name = inside.name
      inside = outer.pop() ?? outermost
    } else if (character === '"') {
      const end = stringEnd(json, at)
      const next = afterBlanks(json, end)
      if (json[next] === ':') {
        name = textAt(json, at, end) // J2
        at = next
      } else {
        yield { start: at, end, name, ...placeIn(inside) }
        at = end - 1
      }
    } else if (inside.free !== 'none' && isDigit(character)) {
      const end = numberEnd(json, at)
      yield { start: at, end, name, ...placeIn(inside) }
      at = end - 1
    }
  }
}

function placeIn({ name, start, free }: Container) {
  return { owner: name, ownerStart: start, isFree: free !== 'none' }
}

/** J3: of the object or list that begins at `start`. */
function freedomOf(
  json: string,
  start: number,
  { name, inside }: { readonly name: string; readonly inside: Container },
): Container['free'] {
  if (inside.free === 'all') return 'all'
  if (json[start] === '[' || inside.isList) return 'none'
  if (isOfTool(name, inside)) return 'all'
  const isFilling = name === 'variables' && inside.name === 'prompt'
  return isFilling || (name === 'source' && isPlainText(json, start)) ? 'own' : 'none'
}

/** True for the object that a tool is given (Anthropic, Bedrock; Gemini), or gives (Gemini). */
function isOfTool(name: string, { name: owner }: Container): boolean {
  const isGeminis = owner === 'functionResponse' || owner === 'function_response'
  return name === 'input' || name === 'args' || (name === 'response' && isGeminis)
}

/** True for a source of Anthropic's whose `data` is no base64, or who could tell otherwise. */
function isPlainText(json: string, start: number): boolean {
  for (let at = start + 1; at < json.length; at++) {
    const character = json[at]
    if (character === '"') at = stringEnd(json, at) - 1
    else if (character === '{' || character === '[')
      return true // nobody nests a source
    else if (character === '}') return objectAt(json, start)['type'] === 'text'
  }
  return true
}

function objectAt(json: string, start: number): JsonObject {
  return objectOf(jsonOf(json.slice(start, valueEnd(json, start))))
}

const tokenLists = /(?<!\\)"(?:logprobs|logprobsResult)"\s*:\s*(?=[[{])/g

/** The document without its tokens one by one: they say what its texts may no longer say. */
export function withoutTokens(json: string): string {
  const parts: string[] = []
  let kept = 0 // where what is not in `parts` yet begins
  for (const match of json.matchAll(tokenLists)) {
    const start = match.index + match[0].length
    if (start < kept) continue
    parts.push(json.slice(kept, start), json[start] === '[' ? '[]' : 'null')
    kept = valueEnd(json, start)
  }
  return parts.length === 0 ? json : parts.join('') + json.slice(kept)
}

/** Where the object or list that begins at `start` is over. */
function valueEnd(json: string, start: number): number {
  let depth = 0
  for (let at = start; at < json.length; at++) {
    const character = json[at]
    if (character === '"') at = stringEnd(json, at) - 1
    else if (character === '{' || character === '[') depth += 1
    else if (character === '}' || character === ']') depth -= 1
    if (depth === 0) return at + 1
  }
  return json.length
}

function isDigit(character = ''): boolean {
  return character >= '0' && character <= '9'
}

function numberEnd(json: string, start: number): number {
  numberForm.lastIndex = start
  return numberForm.test(json) ? numberForm.lastIndex : start + 1
}

/** Where the string that begins at `start` is over. */
function stringEnd(json: string, start: number): number {
  let at = json.indexOf('"', start + 1)
  while (at !== -1) {
    let slashes = 0
    while (json[at - 1 - slashes] === '\\') slashes += 1
    if (slashes % 2 === 0) return at + 1
    at = json.indexOf('"', at + 1)
  }
  return json.length
}

function afterBlanks(json: string, from: number): number {
  let at = from
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at += 1
  return at
}
