// Told texts
//
// What a streamed response has told so far, text by text, and of which of them a whole text is the end. Engines number
// their items and parts with care, in some events alone, or in each event in another way: a whole is found by its
// number, else by what it says, and in doubt it was told.

import { type JsonObject, listOf, objectOf, textOf } from './json.ts'

/** By the beginning of its events’ types, what a text is, and where its end says all of it. */
export const textKinds = {
  'response.output_text': { family: 'said', member: 'text' },
  'response.refusal': { family: 'said', member: 'refusal' },
  'response.reasoning_summary_text': { family: 'thought', member: 'text' },
  'response.reasoning_text': { family: 'thought', member: 'text' },
  'response.function_call_arguments': { family: 'call', member: 'arguments' },
  'response.custom_tool_call_input': { family: 'call', member: 'input' },
  'response.mcp_call_arguments': { family: 'call', member: 'arguments' },
} as const
export type TextKind = keyof typeof textKinds

/** Which text it is: a part of an item, or the arguments of a call. */
export interface TextName {
  readonly kind: TextKind
  /** Of which item; -1 where nobody says. */
  readonly place: number
  readonly part: number
  /** Of a call; empty where nobody says. */
  readonly id: string
}

export interface WholeText extends TextName {
  readonly whole: string
  /** Of the tool that is called; null where it is no call, or nobody says. */
  readonly name: string | null
  /** Of what is said. */
  readonly annotations: readonly unknown[]
}

/** One that grows. */
export interface ToldText extends TextName {
  /** Of a call. */
  id: string
  text: string
  /** How many of its annotations were told. */
  cited: number
  /** That its end was told. */
  isOver: boolean
  /** That its call was told; until then its text waits. */
  hasBegun: boolean
  /** That its call began with no arguments, which others may follow. */
  isBlank: boolean
}

export function isTextKind(kind: string): kind is TextKind {
  return Object.hasOwn(textKinds, kind)
}

/** By the type of an item that calls a tool, what its arguments are. */
const callKinds: ReadonlyMap<unknown, TextKind> = new Map([
  ['function_call', 'response.function_call_arguments'],
  ['custom_tool_call', 'response.custom_tool_call_input'],
  ['mcp_call', 'response.mcp_call_arguments'],
])

/** The texts of an item; none of what only its own dialect has. */
export function textsOfItem(item: JsonObject, place: number): WholeText[] {
  const { type, summary, content } = item
  const kind = callKinds.get(type)
  if (kind !== undefined) {
    const id = textOf(item['call_id']) || textOf(item['id'])
    const whole = textOf(item[textKinds[kind].member])
    return [{ kind, place, part: 0, id, name: textOf(item['name']), whole, annotations: [] }]
  }
  if (type !== 'message' && type !== 'reasoning') return []
  const texts = (parts: unknown) =>
    listOf(parts).map((part, i) => textOfPart(objectOf(part), { place, part: i }))
  return [...texts(summary), ...texts(content)].filter((text) => text !== null)
}

/** Null for what is no text. */
export function textOfPart(
  part: JsonObject,
  of: Pick<TextName, 'place' | 'part'>,
): WholeText | null {
  const kind = partKinds.get(part['type'])
  if (kind === undefined) return null
  const whole = textOf(part[textKinds[kind].member])
  return { kind, ...of, id: '', name: null, whole, annotations: listOf(part['annotations']) }
}

const partKinds: ReadonlyMap<unknown, TextKind> = new Map([
  ['output_text', 'response.output_text'],
  ['refusal', 'response.refusal'],
  ['summary_text', 'response.reasoning_summary_text'],
  ['reasoning_text', 'response.reasoning_text'],
])

/** Of an answer, told so far or at once: more than any has, and as many as may be compared. */
export const textsMax = 2_000

export type Ends = ReadonlyMap<WholeText, ToldText | null>

/** Of what whole texts are told together: one of them, those of an item, or all. */
export type Scope = 'text' | 'item' | 'response'

/** Lives as long as one stream. */
export class ToldTexts {
  /** In the order in which they came; written by `add`. */
  readonly all: ToldText[] = []
  /** By each number that they go by; written by `add` and `endsOf`. */
  readonly #named = new Map<string, ToldText>()

  of(name: TextName): ToldText | undefined {
    return this.#named.get(keyOf(name))
  }

  add({ kind, place, part, id }: TextName): ToldText {
    const begun = { text: '', cited: 0, isOver: false, hasBegun: false, isBlank: false }
    const told = { kind, place, part, id, ...begun }
    this.all.push(told)
    this.#named.set(keyOf(told), told)
    return told
  }

  /**
   * Of each whole text the one that it ends, of which it is the end alone: null where it was told
   * in doubt, and none where it is new.
   */
  endsOf(texts: readonly WholeText[], scope: Scope): Ends {
    const free = new Set(
      this.all.filter((one) => texts.some((text) => this.#mayEnd(text, one, scope))),
    )
    const ends = new Map<WholeText, ToldText | null>()
    const claim = (text: WholeText, told: ToldText | undefined) => {
      if (ends.has(text) || told === undefined || !free.delete(told)) return
      this.#named.set(keyOf(text), told)
      ends.set(text, told)
    }
    for (const text of texts) {
      const own = this.of(text)
      if (own !== undefined && !isOther(text, own)) claim(text, own)
    }
    for (const text of texts) {
      if (!ends.has(text))
        claim(
          text,
          firstOf(free, (one) => fits(text, one)),
        )
    }
    const saidOtherwise = new Map<Family, boolean>()
    const isSaidOtherwise = (text: WholeText) => {
      if (text.name !== null) return false
      const { family } = textKinds[text.kind]
      const isSaid = saidOtherwise.get(family) ?? this.#isSaidOtherwise(text, texts)
      saidOtherwise.set(family, isSaid)
      return isSaid
    }
    for (const text of texts) {
      if (ends.has(text)) continue
      const left = firstOf(free, (one) => {
        return isAlike(text, one) && (scope === 'response' || one.place === -1)
      })
      if (left !== undefined) free.delete(left)
      if (left !== undefined || isSaidOtherwise(text)) ends.set(text, null)
    }
    return ends
  }

  /** Texts that nobody numbers are one. */
  #isSaidOtherwise(text: WholeText, texts: readonly WholeText[]): boolean {
    const told = this.all.filter((one) => isAlike(text, one)).map((one) => one.text)
    const whole = texts.filter((one) => isAlike(text, one)).map((one) => one.whole)
    return told.join('') === whole.join('')
  }

  #mayEnd(text: WholeText, one: ToldText, scope: Scope): boolean {
    if (!isAlike(text, one)) return false
    if (scope === 'response' || one.place === -1 || one === this.of(text)) return true
    if (scope === 'item' && one.place === text.place) return true
    if (text.id !== '') return text.id === one.id
    return !one.isOver && one.text !== '' && one.text === text.whole
  }
}

type Family = (typeof textKinds)[TextKind]['family']

function firstOf(list: Iterable<ToldText>, isIt: (one: ToldText) => boolean): ToldText | undefined {
  for (const one of list) if (isIt(one)) return one
  return undefined
}

/** A refusal is a part among the texts; of thoughts there are two lists. */
function keyOf({ kind, place, part }: TextName): string {
  const { family } = textKinds[kind]
  return `${family === 'thought' ? kind : family} ${place} ${part}`
}

function isAlike(text: TextName, one: TextName): boolean {
  return textKinds[text.kind].family === textKinds[one.kind].family
}

function isOther(text: TextName, one: TextName): boolean {
  return text.id !== '' && one.id !== '' && text.id !== one.id
}

function fits(text: WholeText, one: ToldText): boolean {
  if (!isAlike(text, one) || isOther(text, one)) return false
  return (text.id !== '' && text.id === one.id) || text.whole.startsWith(one.text)
}
