// Run
//
// One evaluation: what it may still spend, the time it sees, the values of its global variables. Every
// loop and every value that can grow pays here, so that no expression runs away with the process.

import type { Json } from '../../resource/index.ts'
import type { Regex } from '../regex/index.ts'
import { BudgetExceeded } from './jq-error.ts'

export interface Budget {
  /** Turns of loops, calls, and elements copied; some ten to fifty nanoseconds each. */
  readonly stepsMax: number
  /** Bytes of all values made, freed ones included: an upper bound on what is live. */
  readonly bytesMax: number
}

/** Well beyond any expression of a sane workflow, and below a quarter of a second. */
export const defaultBudget: Budget = { stepsMax: 1_000_000, bytesMax: 256 * 1024 * 1024 }

export class Run {
  readonly nowMs: number
  readonly globals: readonly Json[]
  /** Regular expressions that were read, by flags and source; `pattern.ts` writes. */
  readonly regexes = new Map<string, Regex>()
  /** Written by `step` alone. */
  #stepsLeft: number
  /** Written by `allot` alone. */
  #bytesLeft: number
  /** Written by `number` alone. */
  #madeNonFinite = false

  constructor(globals: readonly Json[], budget: Budget, nowMs: number) {
    this.globals = globals
    this.nowMs = nowMs
    this.#stepsLeft = budget.stepsMax
    this.#bytesLeft = budget.bytesMax
  }

  /** Pays for work. */
  step(count: number): void {
    this.#stepsLeft -= count
    if (this.#stepsLeft < 0) throw new BudgetExceeded('the expression takes too many steps')
  }

  /** Pays for memory before it is taken. */
  allot(bytes: number): void {
    this.#bytesLeft -= bytes
    if (this.#bytesLeft < 0) throw new BudgetExceeded('the expression takes too much memory')
  }

  /** Pays for a container of that many members: eight bytes each, and the time to fill it. */
  container(members: number): void {
    this.allot(16 + members * 8)
    this.step(1 + (members >> 3))
  }

  /** Pays for a text. */
  text(text: string): string {
    this.allot(16 + text.length)
    this.step(1 + (text.length >> 8))
    return text
  }

  /** Notes numbers that JSON cannot say, so that outputs are looked through only where needed. */
  number(value: number): number {
    if (!Number.isFinite(value)) this.#madeNonFinite = true
    return value
  }

  get madeNonFinite(): boolean {
    return this.#madeNonFinite
  }
}
