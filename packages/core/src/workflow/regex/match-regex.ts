// Match regex
//
// Finds matches by trying one way after the other, as Perl does, and remembers which ways failed:
//
//   R1. A split is tried at most once at each place of the text, so that work grows with the text's length alone.
//   R2. Where that cannot be remembered (a pattern that refers to what a group has matched; inside lookarounds) every step is
//       still paid for, so that the search ends when the budget does.

import { assert } from '../../assert.ts'
import type { Anchor } from './regex-node.ts'
import type { Instruction, RegexProgram } from './regex-program.ts'

/** What the search may spend; each throws where nothing is left. */
export interface Purse {
  step(count: number): void
  allot(bytes: number): void
}

type Apart = Extract<Instruction, { op: 'atomic' | 'look' }>

/** Where the whole and each group begin and end: a pair each, -1 where it matched nothing. */
export type Spans = readonly number[]

const stepsPerPayment = 64
const instructionsPerStep = 4 // a step is ten to fifty nanoseconds
const nestMax = 400 // within each other, as deep as the parser lets them be

export class RegexSearch {
  readonly #program: RegexProgram
  readonly #text: string
  readonly #purse: Purse
  readonly #skipsEmpty: boolean
  /** The splits that were tried, a bit for each at each place; written by `#isTried`. */
  #tried: Uint8Array | null = null
  readonly #slots: Int32Array
  /** Instructions that are not yet paid for. */
  #unpaid = 0
  #depth = 0

  constructor(
    program: RegexProgram,
    text: string,
    { purse, skipsEmpty }: { readonly purse: Purse; readonly skipsEmpty: boolean },
  ) {
    this.#program = program
    this.#text = text
    this.#purse = purse
    this.#skipsEmpty = skipsEmpty
    this.#slots = new Int32Array(program.slots).fill(-1)
  }

  /** The first match that begins at this place or after it. */
  find(from: number): Spans | null {
    const { prefix, isAnchored, names } = this.#program
    this.#slots.fill(-1) // a way that failed leaves them as they were
    for (let start = from; start <= this.#text.length; start = this.#after(start)) {
      if (isAnchored && start > 0) return null
      if (prefix !== '') {
        const found = this.#text.indexOf(prefix, start)
        this.#pay((found < 0 ? this.#text.length : found) - start)
        if (found < 0) return null
        start = found
      }
      const end = this.#run(0, start, null)
      if (end >= 0) {
        this.#forget(end)
        return Array.from(this.#slots.subarray(0, (names.length + 1) * 2))
      }
    }
    return null
  }

  #after(at: number): number {
    return at + (isPairAt(this.#text, at) ? 2 : 1)
  }

  /** A way that succeeded may be taken again by the next match: only its end can be met again. */
  #forget(end: number): void {
    const tried = this.#tried
    if (tried === null) return
    const { splits } = this.#program
    for (let bit = end * splits; bit < (end + 1) * splits; bit++) {
      tried[bit >> 3] = (tried[bit >> 3] ?? 0) & ~(1 << (bit & 7))
    }
  }

  /** R1 */
  #isTried(mark: number, at: number): boolean {
    const { splits, hasAgain } = this.#program
    if (this.#depth > 1 || hasAgain) return false
    if (this.#tried === null) {
      const bytes = ((this.#text.length + 1) * splits + 7) >> 3
      this.#purse.allot(bytes)
      this.#tried = new Uint8Array(bytes)
    }
    const bit = at * splits + mark
    const held = this.#tried[bit >> 3] ?? 0
    if ((held & (1 << (bit & 7))) !== 0) return true
    this.#tried[bit >> 3] = held | (1 << (bit & 7))
    return false
  }

  /** R2 */
  #pay(instructions: number): void {
    this.#unpaid += instructions
    if (this.#unpaid < stepsPerPayment * instructionsPerStep) return
    this.#purse.step(Math.ceil(this.#unpaid / instructionsPerStep))
    this.#unpaid = 0
  }

  /** The end of a match from here, -1 without one; `mustEnd` is where a look behind must end. */
  #run(from: number, start: number, mustEnd: number | null): number {
    this.#depth += 1
    assert(this.#depth <= nestMax, 'the parser bounds how deep patterns are')
    const { code } = this.#program
    // Pairs: an instruction and a place to go on with, or ~slot and what it held. Some ten megabytes when
    // all steps are spent.
    const ways: number[] = []
    let pc = from
    let at = start
    for (;;) {
      this.#pay(1)
      const instruction = code[pc]
      assert(instruction !== undefined, 'instructions lead to instructions')
      if (instruction.op === 'done' && this.#isDone(from, { start, at, mustEnd })) {
        this.#depth -= 1
        return at
      }
      if (instruction.op === 'split') {
        if (!this.#isTried(instruction.mark, at)) {
          ways.push(instruction.second, at)
          pc = instruction.first
          continue
        }
      } else {
        const next = this.#go(instruction, at, ways)
        if (next >= 0) {
          at = next
          pc = this.#to(instruction, pc, at)
          continue
        }
      }
      let way = this.#back(ways)
      while (way < 0 && ways.length > 0) way = this.#back(ways)
      if (way < 0) {
        this.#depth -= 1
        return -1
      }
      pc = way
      at = ways.pop() ?? 0
    }
  }

  #isDone(
    from: number,
    { start, at, mustEnd }: { readonly start: number; readonly at: number; mustEnd: number | null },
  ): boolean {
    if (mustEnd !== null) return at === mustEnd
    return !(from === 0 && this.#skipsEmpty && at === start)
  }

  /** Takes back one thing; gives the instruction of a way, whose place is left on top, else -1. */
  #back(ways: number[]): number {
    const value = ways.pop()
    const what = ways.pop()
    if (what === undefined || value === undefined) return -1
    if (what < 0) {
      this.#slots[~what] = value
      return -1
    }
    ways.push(value)
    return what
  }

  #to(instruction: Instruction, pc: number, at: number): number {
    switch (instruction.op) {
      case 'jump':
      case 'atomic':
      case 'look':
        return instruction.to
      case 'leaveIfEmpty':
        return this.#slots[instruction.slot] === at ? instruction.to : pc + 1
      default:
        return pc + 1
    }
  }

  /** The place after an instruction, -1 where it does not match. */
  #go(instruction: Instruction, at: number, ways: number[]): number {
    const text = this.#text
    switch (instruction.op) {
      case 'literal': {
        const { codepoint } = instruction
        if (at >= text.length || text.codePointAt(at) !== codepoint) return -1
        return at + (codepoint > 0xffff ? 2 : 1)
      }
      case 'set': {
        const codepoint = text.codePointAt(at)
        if (codepoint === undefined || !instruction.set.has(codepoint)) return -1
        return at + (codepoint > 0xffff ? 2 : 1)
      }
      case 'save':
        ways.push(~instruction.slot, this.#slots[instruction.slot] ?? -1)
        this.#slots[instruction.slot] = at
        return at
      case 'anchor':
        return holds(instruction.anchor, text, at) ? at : -1
      case 'again':
        return this.#again(instruction, at)
      case 'atomic':
        return this.#apart(instruction, at, { ways, mustEnd: null, start: at })
      case 'look':
        return this.#look(instruction, at, ways)
      case 'done':
        return -1
      case 'split':
      case 'jump':
      case 'leaveIfEmpty':
        return at
    }
  }

  #again({ groups, ignoresCase }: Extract<Instruction, { op: 'again' }>, at: number): number {
    for (const group of groups.toReversed()) {
      const start = this.#slots[group * 2] ?? -1
      const end = this.#slots[group * 2 + 1] ?? -1
      if (start < 0 || end < start) continue
      const wanted = this.#text.slice(start, end)
      this.#pay(wanted.length)
      const found = this.#text.slice(at, at + wanted.length)
      const isSame = found === wanted || (ignoresCase && folded(found) === folded(wanted))
      return isSame ? at + wanted.length : -1
    }
    return -1
  }

  /** Runs what is inside on its own; what it saved can be taken back as a whole. */
  #apart(
    instruction: Apart,
    at: number,
    { ways, start, mustEnd }: { ways: number[]; start: number; mustEnd: number | null },
  ): number {
    const before = this.#slots.slice()
    this.#pay(before.length)
    const end = this.#run(instruction.body, start, mustEnd)
    if (end < 0) {
      this.#slots.set(before)
      return -1
    }
    for (const [slot, held] of before.entries()) {
      if (this.#slots[slot] !== held) ways.push(~slot, held)
    }
    return mustEnd === null ? end : at
  }

  #look(instruction: Extract<Instruction, { op: 'look' }>, at: number, ways: number[]): number {
    const { isNot, side } = instruction
    const own: number[] = []
    const found =
      side === 'ahead' ? this.#ahead(instruction, at, own) : this.#behind(instruction, at, own)
    if (!isNot) {
      ways.push(...own)
      return found ? at : -1
    }
    while (own.length > 0) this.#back(own)
    return found ? -1 : at
  }

  #ahead(instruction: Apart, at: number, ways: number[]): boolean {
    return this.#apart(instruction, at, { ways, start: at, mustEnd: null }) >= 0
  }

  #behind(instruction: Extract<Instruction, { op: 'look' }>, at: number, ways: number[]): boolean {
    const { least, most } = instruction.width
    let start = at
    for (let back = 0; back <= most; back++) {
      if (back >= least) {
        if (this.#apart(instruction, at, { ways, start, mustEnd: at }) >= 0) return true
      }
      if (start <= 0) return false
      start -= isPairAt(this.#text, start - 2) ? 2 : 1
    }
    return false
  }
}

function folded(text: string): string {
  return text.toLowerCase()
}

function isPairAt(text: string, at: number): boolean {
  return at >= 0 && (text.codePointAt(at) ?? 0) > 0xffff
}

const wordCharacter = /^[\p{L}\p{M}\p{N}\p{Pc}]$/u

function isWordAt(text: string, at: number): boolean {
  const codepoint = at < 0 ? undefined : text.codePointAt(at)
  return codepoint !== undefined && wordCharacter.test(String.fromCodePoint(codepoint))
}

function holds(anchor: Anchor, text: string, at: number): boolean {
  switch (anchor) {
    case 'textStart':
      return at === 0
    case 'textEnd':
      return at === text.length
    case 'lastLineEnd':
      return at === text.length || (at === text.length - 1 && text[at] === '\n')
    case 'lineStart':
      return at === 0 || text[at - 1] === '\n'
    case 'lineEnd':
      return at === text.length || text[at] === '\n'
    case 'word':
    case 'notWord': {
      const before = isWordAt(text, isPairAt(text, at - 2) ? at - 2 : at - 1)
      return (before !== isWordAt(text, at)) === (anchor === 'word')
    }
  }
}
