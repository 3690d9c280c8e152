// Kept tool call
//
// What is kept of one call of a tool whose server's Provider says so: the arguments that went to the server, and what
// came back, both as they were before a guard put anything back.

import type { GuardSide } from '@tutti/core/governance'
import { exactJson } from '@tutti/core/resource'
import type { RouteEntry } from '../routing/index.ts'
import { textsOf, withTexts } from '../tools/index.ts'
import type { Kept } from './kept-call.ts'

export class KeptToolCall implements Kept {
  readonly route: RouteEntry
  /** Written by `ask` and `answer`; undefined where there is nothing of it. */
  #asked: unknown
  #answered: unknown
  bytes = 0

  constructor(route: RouteEntry) {
    this.route = route
  }

  /** What the caller said, then what a guard let pass of it. */
  ask(asked: unknown): void {
    this.#asked = asked ?? {}
    this.#measure()
  }

  answer(answered: unknown): void {
    this.#answered = answered
    this.#measure()
  }

  /** Of arguments every text is looked through, whatever its member is called. */
  get input(): string {
    return JSON.stringify(textsOf(this.#asked))
  }

  output(): { readonly json: string; readonly isCut: boolean } | null {
    if (this.#answered === undefined) return null
    return { json: JSON.stringify(textsOf(this.#answered)), isCut: false }
  }

  shown(side: GuardSide, redacted: string): string {
    const texts: readonly string[] = JSON.parse(redacted)
    return exactJson(withTexts(side === 'input' ? this.#asked : this.#answered, texts))
  }

  #measure(): void {
    const all = [this.#asked, this.#answered].map((one) => JSON.stringify(one ?? null).length)
    this.bytes = all.reduce((sum, length) => sum + length, 0)
  }
}
