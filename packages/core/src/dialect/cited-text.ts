// Cited text
//
// Which stretch of an answer a citation is about, where dialects count in their own ways: characters of the whole text,
// its bytes, characters of the block at hand, or that block as a whole. What comes out counts characters of the text.

import type { ChatEvent, Citation, Part } from './chat.ts'

/** An end that nobody named: all that the text has. More than there is of any (`countOf`). */
export const textEnd = 1_000_000_000

type CitationEvent = Extract<ChatEvent, { kind: 'citation' }>

/** Lives as long as one stream. */
export class CitedText {
  /** Of the first choice, in UTF-16 as the language counts. */
  #length: number
  readonly #places = new Places()
  /** Where the block at hand began in the text, in UTF-16 as the language counts. */
  #blockAt: number
  /** The same in characters, once somebody asked. */
  #blockStart: number | null = null
  /** Citations of the block at hand, as it is not over yet. */
  #held: Citation[] = []

  /** `sent` is what the caller has of the text already. */
  constructor(sent = '') {
    this.#length = sent.length
    this.#places.take(sent)
    this.#blockAt = sent.length
  }

  /** The events that may go on. */
  take(event: ChatEvent): readonly ChatEvent[] {
    switch (event.kind) {
      case 'text':
        if (event.choice === 0) this.#takeText(event.text)
        return [event]
      case 'citation':
        if (event.of !== 'whole block') return [this.#placed(event)]
        this.#held.push(event.citation)
        return []
      case 'start':
      case 'usage':
        return [event]
      default:
        return [...this.#endBlock(), event]
    }
  }

  #takeText(text: string): void {
    this.#length += text.length
    this.#places.take(text)
  }

  #placed({ citation, of }: CitationEvent): CitationEvent {
    const { start, end } = citation
    switch (of) {
      case 'text':
      case 'whole block':
        return ofText(citation, start, end)
      case 'block': {
        const before = this.#startOfBlock()
        if (end < textEnd) return ofText(citation, before + start, before + end)
        const all = this.#places.charactersTo(this.#length)
        return ofText(citation, before + start, all)
      }
      case 'bytes': {
        const from = this.#places.characterAt(start)
        return ofText(citation, from, this.#places.characterAt(end))
      }
    }
  }

  #startOfBlock(): number {
    this.#blockStart ??= this.#places.charactersTo(this.#blockAt)
    return this.#blockStart
  }

  #endBlock(): readonly ChatEvent[] {
    const held = this.#held
    const start = held.length === 0 ? 0 : this.#startOfBlock()
    this.#blockAt = this.#length
    this.#blockStart = null
    if (held.length === 0) return []
    this.#held = []
    const end = this.#startOfBlock()
    return held.map((citation) => ofText(citation, start, end))
  }
}

/**
 * Of an answer that goes on for another one: its places count a text of its own, which is the whole
 * where it begins anew, and its blocks are not those that the caller has.
 */
export function unplaced(event: ChatEvent, isAnew: boolean): ChatEvent {
  if (event.kind !== 'citation') return event
  if (isAnew && (event.of === 'text' || event.of === 'bytes')) return event
  return { ...event, of: 'block', citation: { ...event.citation, start: 0, end: textEnd } }
}

function ofText(citation: Citation, start: number, end: number): CitationEvent {
  return { kind: 'citation', of: 'text', citation: { ...citation, start, end } }
}

/** Where the characters of a text begin in its UTF-8. */
export class Places {
  /** By character, as far as anybody asked. */
  readonly #bytes: number[] = []
  #bytesAll = 0
  /** Up to where the text is counted, in UTF-16. */
  #counted = 0
  /** What follows: the whole would be made one text anew at each question. */
  #uncounted = ''

  take(text: string): void {
    this.#uncounted += text
  }

  /** How many characters there are before a place in UTF-16; places are asked for in order. */
  charactersTo(place: number): number {
    this.#countTo(place)
    return this.#bytes.length
  }

  /** The character to which a byte belongs; their number where there are no so many bytes. */
  characterAt(byte: number): number {
    this.#countTo(Infinity)
    let [low, high] = [0, this.#bytes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#bytes[middle] ?? 0) < byte) low = middle + 1
      else high = middle
    }
    return low
  }

  byteAt(character: number): number {
    this.#countTo(Infinity)
    return this.#bytes[character] ?? this.#bytesAll
  }

  #countTo(place: number): void {
    const fresh = this.#uncounted.slice(0, Math.max(0, place - this.#counted))
    if (fresh === '') return
    this.#uncounted = this.#uncounted.slice(fresh.length)
    this.#counted += fresh.length
    for (const character of fresh) {
      this.#bytes.push(this.#bytesAll)
      this.#bytesAll += bytesOf(character.codePointAt(0) ?? 0)
    }
  }
}

function bytesOf(code: number): number {
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x1_00_00 ? 3 : 4
}

/** How many characters a text has. */
export function charactersOf(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** The same citation where more text stands before. */
export function movedCitation(citation: Citation, by: number): Citation {
  return { ...citation, start: citation.start + by, end: citation.end + by }
}

/** Of a text that is whole: nothing is cited beyond it. */
export function within(citations: readonly Citation[], text: string): Citation[] {
  const end = charactersOf(text)
  return citations.map((one) => ({ ...one, end: Math.min(one.end, end) }))
}

/** All that an answer's texts cite, counted from the beginning of the first. */
export function citationsOf(parts: readonly Part[]): Citation[] {
  const all: Citation[] = []
  if (!parts.some(isCited)) return all
  let before = 0
  for (const part of parts) {
    if (part.kind !== 'text') continue
    for (const citation of part.citations ?? []) all.push(movedCitation(citation, before))
    before += charactersOf(part.text)
  }
  return all
}

function isCited(part: Part): boolean {
  return part.kind === 'text' && part.citations !== undefined
}

/** The parts with each citation at the text that it begins in. */
export function withCitations(parts: readonly Part[], citations: readonly Citation[]): Part[] {
  if (citations.length === 0) return [...parts]
  const sorted = [...citations].sort((a, b) => a.start - b.start)
  let next = 0 // which of them
  const last = parts.findLastIndex((part) => part.kind === 'text')
  let before = 0 // characters of the texts that were passed
  return parts.map((part, i) => {
    if (part.kind !== 'text') return part
    const own: Citation[] = []
    const after = before + charactersOf(part.text)
    for (; next < sorted.length; next++) {
      const citation = sorted[next]
      if (citation === undefined || (citation.start >= after && i !== last)) break
      own.push(movedCitation(citation, -before))
    }
    before = after
    return own.length === 0 ? part : { ...part, citations: own }
  })
}
