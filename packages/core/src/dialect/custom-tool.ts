// Custom tool
//
// OpenAI has tools that are given a text in a form of their own, which elsewhere is no tool's input: there it is the one
// member of an object. Calls find their way back by the request that they answer.

import { isObject, type JsonObject, listOf, objectOf, textOf } from './json.ts'
import { joinedName } from './tool-namespace.ts'

const member = 'input'

/** JSON Schema of what such a tool is given where tools are given objects. */
export const customParameters = {
  type: 'object',
  properties: { [member]: { type: 'string', description: 'The text itself, as it is' } },
  required: [member],
  additionalProperties: false,
}

export function customArguments(input: string): string {
  return JSON.stringify({ [member]: input })
}

/** The names of a request's tools that are given a text, as other dialects have them. */
export function customTools({ tools }: JsonObject): ReadonlySet<string> {
  return new Set(listOf(tools).flatMap((one) => namesOf(objectOf(one), undefined)))
}

function namesOf(tool: JsonObject, namespace: string | undefined): string[] {
  const { type, name, custom, tools } = tool
  if (type === 'namespace') {
    return listOf(tools).flatMap((one) => namesOf(objectOf(one), textOf(name)))
  }
  if (type !== 'custom') return []
  return [joinedName(textOf(isObject(custom) ? custom['name'] : name), namespace)]
}

/** What a call was given; arguments of another form as they are. */
export function customInput(args: string): string {
  const input = new CustomInput()
  return input.take(args) + input.rest()
}

const opening = ['{', `"${member}"`, ':', '"'] as const
const openingMax = 1_000 // characters: it may have spaces

/** Reads the text out of a call's arguments while they come; lives as long as one call. */
export class CustomInput {
  #phase: 'opening' | 'text' | 'over' | 'other' = 'opening'
  /** What is not understood yet; written by `take`. */
  #held = ''

  /** The text that this piece brings. */
  take(piece: string): string {
    if (this.#phase === 'over') return ''
    if (this.#phase === 'other') return piece
    this.#held += piece
    return this.#phase === 'opening' ? this.#open() : this.#read()
  }

  /** What is left where nothing more comes. */
  rest(): string {
    const isOther = this.#phase === 'opening'
    const rest = isOther ? this.#held : ''
    this.#phase = 'over'
    return rest
  }

  #open(): string {
    const end = openingEnd(this.#held)
    if (end === 'not yet' && this.#held.length <= openingMax) return ''
    const held = this.#held
    if (typeof end === 'string') {
      this.#phase = 'other'
      this.#held = ''
      return held
    }
    this.#phase = 'text'
    this.#held = held.slice(end)
    return this.#read()
  }

  #read(): string {
    const held = this.#held
    const end = textEnd(held)
    if (held[end] === '"') this.#phase = 'over'
    this.#held = held.slice(end)
    return unescaped(held.slice(0, end))
  }
}

/** Where the text begins, if it is of the form. */
function openingEnd(text: string): number | 'not yet' | 'never' {
  let at = 0
  for (const token of opening) {
    at += text.slice(at).search(/\S|$/)
    const there = text.slice(at, at + token.length)
    if (there !== token) return token.startsWith(there) ? 'not yet' : 'never'
    at += token.length
  }
  return at
}

/** How much of a JSON string's inside is whole: up to its end, or to an escape that is not. */
function textEnd(text: string): number {
  const special = /["\\]/g
  for (;;) {
    const at = special.exec(text)?.index ?? text.length
    if (text[at] !== '\\') return at
    const next = at + (text[at + 1] === 'u' ? 6 : 2)
    if (next > text.length) return at
    special.lastIndex = next
  }
}

/** Models write line ends into strings as they are, and escapes that JSON has not. */
function unescaped(inside: string): string {
  if (!/[\\\p{Cc}]/u.test(inside)) return inside
  const whole = inside.replaceAll(/\p{Cc}/gu, (one) => JSON.stringify(one).slice(1, -1))
  try {
    return textOf(JSON.parse(`"${whole}"`))
  } catch {
    return inside
  }
}
