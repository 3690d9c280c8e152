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
  /** Of the first choice's text. */
  readonly #places = new Places()
  /** How many characters there were when the block at hand began. */
  #blockStart: number
  /** Citations of the block at hand, as it is not over yet. */
  #ofBlock: Citation[] = []
  /** Those of the whole answer, which may be told anew until it is over. */
  #ofAll: Citation[] = []

  /** `sent` is what the caller has of the text already. */
  constructor(sent = '') {
    this.#places.take(sent)
    this.#blockStart = this.#places.characters
  }

  /** The events that may go on. */
  take(event: ChatEvent): readonly ChatEvent[] {
    switch (event.kind) {
      case 'text':
        if (event.choice === 0) this.#places.take(event.text)
        return [event]
      case 'citation':
        return this.#cite(event)
      case 'start':
      case 'usage':
        return [event]
      case 'stop':
      case 'end': {
        const isOver = event.kind === 'end' || event.choice === 0
        return [...this.#endBlock(), ...(isOver ? this.#tellAll() : []), event]
      }
      default:
        return [...this.#endBlock(), event]
    }
  }

  #cite({ citation, of, replaces }: CitationEvent): readonly ChatEvent[] {
    const { start, end } = citation
    switch (of) {
      case 'text':
        return [ofText(citation, start, end)]
      case 'block': {
        const before = this.#blockStart
        return [
          ofText(citation, before + start, end < textEnd ? before + end : this.#places.characters),
        ]
      }
      case 'whole block':
        this.#ofBlock.push(citation)
        return []
      case 'bytes':
        if (replaces === true) this.#ofAll = []
        this.#ofAll.push(citation)
        return []
    }
  }

  #endBlock(): readonly ChatEvent[] {
    const start = this.#blockStart
    const end = this.#places.characters
    this.#blockStart = end
    const cited = this.#ofBlock
    if (cited.length === 0) return []
    this.#ofBlock = []
    return cited.map((citation) => ofText(citation, start, end))
  }

  #tellAll(): readonly ChatEvent[] {
    const cited = this.#ofAll
    if (cited.length === 0) return []
    this.#ofAll = []
    const at = (byte: number) => this.#places.characterAt(byte)
    return cited.map((citation) => ofText(citation, at(citation.start), at(citation.end)))
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

/** A stretch of characters of which each has as many bytes. */
interface Run {
  /** How many characters, and bytes, there are before it. */
  readonly character: number
  readonly byte: number
  readonly width: number
}

/** Where the characters of a text begin in its UTF-8, without holding the text. */
export class Places {
  characters = 0
  #bytes = 0
  readonly #runs: Run[] = []
  /** The first half of a character of which the second has not come. */
  #half = ''

  take(text: string): void {
    const all = this.#half + text
    this.#half = endsInHalf(all) ? all.slice(-1) : ''
    for (const character of this.#half === '' ? all : all.slice(0, -1)) {
      const width = bytesOf(character.codePointAt(0) ?? 0)
      if (this.#runs.at(-1)?.width !== width) {
        this.#runs.push({ character: this.characters, byte: this.#bytes, width })
      }
      this.characters += 1
      this.#bytes += width
    }
  }

  /** The first character that begins there or later; their number where there are no so many. */
  characterAt(byte: number): number {
    const run = lastUpTo(this.#runs, (one) => one.byte <= byte)
    if (run === undefined || byte >= this.#bytes) return Math.min(byte, this.characters)
    return run.character + Math.ceil((byte - run.byte) / run.width)
  }

  byteAt(character: number): number {
    const run = lastUpTo(this.#runs, (one) => one.character <= character)
    if (run === undefined || character >= this.characters) return this.#bytes
    return run.byte + (character - run.character) * run.width
  }
}

/** By halves: they are in order, and the first ones fit. */
function lastUpTo(runs: readonly Run[], fits: (run: Run) => boolean): Run | undefined {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const run = runs[middle]
    if (run !== undefined && fits(run)) low = middle + 1
    else high = middle
  }
  return runs[low - 1]
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last < 0xdc00
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

/** Of a text that is whole: nothing is cited beyond it, and nothing backwards. */
export function within(citations: readonly Citation[], text: string): Citation[] {
  const all = charactersOf(text)
  return citations.map((one) => {
    const end = Math.min(one.end, all)
    return { ...one, start: Math.min(one.start, end), end }
  })
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
