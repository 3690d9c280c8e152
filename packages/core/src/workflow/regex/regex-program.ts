// Regex program
//
// A regular expression as instructions: each goes on with the one after it, or says where.

import {
  type Anchor,
  type CharacterSet,
  type RegexNode,
  type RepeatNode,
  type Side,
  type Width,
  widthOf,
} from './regex-node.ts'
import { RegexSyntaxError } from './regex-syntax-error.ts'

export type Instruction =
  | { readonly op: 'literal'; readonly codepoint: number }
  | { readonly op: 'set'; readonly set: CharacterSet }
  /** First the one way, and where that does not end well the other; `mark` numbers the splits. */
  | { readonly op: 'split'; first: number; second: number; readonly mark: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  /** Leaves a loop whose body has matched nothing since that slot was saved. */
  | { readonly op: 'leaveIfEmpty'; readonly slot: number; to: number }
  | { readonly op: 'anchor'; readonly anchor: Anchor }
  | { readonly op: 'again'; readonly groups: readonly number[]; readonly ignoresCase: boolean }
  /** What is inside ends with `done`; `to` is where it goes on after it. */
  | { readonly op: 'atomic'; readonly body: number; to: number }
  | {
      readonly op: 'look'
      readonly side: Side
      readonly isNot: boolean
      readonly width: Width
      readonly body: number
      to: number
    }
  | { readonly op: 'done' }

export interface RegexProgram {
  readonly code: readonly Instruction[]
  readonly splits: number
  /** Two for each group and the whole, and one for each loop that may match nothing. */
  readonly slots: number
  readonly names: readonly (string | null)[]
  /** Whether what came before decides on what comes: then a way that failed may be tried again. */
  readonly hasAgain: boolean
  /** The text that every match begins with; empty where there is none. */
  readonly prefix: string
  /** Whether a match begins where the text does. */
  readonly isAnchored: boolean
}

const codeMax = 20_000 // instructions: `(a{100}){100}` has 10,000
const writesMax = 100_000 // what repeats nothing makes no instructions, and takes time all the same

/** @throws RegexSyntaxError where the pattern is too large. */
export function programOf(root: RegexNode, names: readonly (string | null)[]): RegexProgram {
  const writer = new Writer(names.length)
  writer.write({ kind: 'group', index: 0, body: root })
  writer.add({ op: 'done' })
  const { code, splits, slots, hasAgain } = writer
  const first = code[1]
  const isAnchored = first?.op === 'anchor' && first.anchor === 'textStart'
  return { code, splits, slots, names, hasAgain, prefix: prefixOf(code), isAnchored }
}

function prefixOf(code: readonly Instruction[]): string {
  let prefix = ''
  for (const instruction of code.slice(1)) {
    if (instruction.op !== 'literal') break
    prefix += String.fromCodePoint(instruction.codepoint)
  }
  return prefix
}

class Writer {
  readonly code: Instruction[] = []
  splits = 0
  slots: number
  hasAgain = false
  #writes = 0

  constructor(groups: number) {
    this.slots = (groups + 1) * 2
  }

  add<One extends Instruction>(instruction: One): One {
    if (this.code.length >= codeMax) throw new RegexSyntaxError('the pattern is too large')
    this.code.push(instruction)
    return instruction
  }

  write(node: RegexNode): void {
    this.#writes += 1
    if (this.#writes > writesMax) throw new RegexSyntaxError('the pattern is too large')
    switch (node.kind) {
      case 'empty':
        return
      case 'literal':
        this.add({ op: 'literal', codepoint: node.codepoint })
        return
      case 'set':
        this.add({ op: 'set', set: node.set })
        return
      case 'anchor':
        this.add({ op: 'anchor', anchor: node.anchor })
        return
      case 'again':
        this.hasAgain = true
        this.add({ op: 'again', groups: node.groups, ignoresCase: node.ignoresCase })
        return
      case 'sequence':
        for (const part of node.parts) this.write(part)
        return
      case 'choice':
        this.#choice(node.options)
        return
      case 'group':
        this.add({ op: 'save', slot: node.index * 2 })
        this.write(node.body)
        this.add({ op: 'save', slot: node.index * 2 + 1 })
        return
      case 'atomic':
        this.#apart(this.add({ op: 'atomic', body: this.code.length + 1, to: 0 }), node.body)
        return
      case 'look': {
        const { side, isNot, body } = node
        const width = widthOf(body)
        if (side === 'behind' && !Number.isFinite(width.most)) {
          throw new RegexSyntaxError('invalid pattern in look-behind')
        }
        const from = this.code.length + 1
        this.#apart(this.add({ op: 'look', side, isNot, width, body: from, to: 0 }), body)
        return
      }
      case 'repeat':
        this.#repeat(node)
    }
  }

  #apart(instruction: { to: number }, body: RegexNode): void {
    this.write(body)
    this.add({ op: 'done' })
    instruction.to = this.code.length
  }

  #split() {
    this.splits += 1
    return this.add({ op: 'split', first: 0, second: 0, mark: this.splits - 1 })
  }

  #choice(options: readonly RegexNode[]): void {
    const jumps: { to: number }[] = []
    for (const [index, option] of options.entries()) {
      if (index === options.length - 1) this.write(option)
      else {
        const split = this.#split()
        split.first = this.code.length
        this.write(option)
        jumps.push(this.add({ op: 'jump', to: 0 }))
        split.second = this.code.length
      }
    }
    for (const jump of jumps) jump.to = this.code.length
  }

  #repeat({ body, least, most, isLazy }: RepeatNode): void {
    for (let i = 0; i < least; i++) this.write(body)
    if (most === null) {
      this.#loop(body, isLazy)
      return
    }
    const leaves: ((to: number) => void)[] = []
    for (let i = least; i < most; i++) {
      leaves.push(this.#maybe(isLazy))
      this.write(body)
    }
    for (const leave of leaves) leave(this.code.length)
  }

  /** A split between what follows and what is yet to be told. */
  #maybe(isLazy: boolean): (to: number) => void {
    const split = this.#split()
    if (isLazy) split.second = this.code.length
    else split.first = this.code.length
    return (to) => {
      if (isLazy) split.first = to
      else split.second = to
    }
  }

  #loop(body: RegexNode, isLazy: boolean): void {
    const start = this.code.length
    const leave = this.#maybe(isLazy)
    const canBeEmpty = widthOf(body).least === 0
    const slot = this.slots
    if (canBeEmpty) {
      this.slots += 1
      this.add({ op: 'save', slot })
    }
    this.write(body)
    const check = canBeEmpty ? this.add({ op: 'leaveIfEmpty', slot, to: 0 }) : null
    this.add({ op: 'jump', to: start })
    leave(this.code.length)
    if (check !== null) check.to = this.code.length
  }
}
