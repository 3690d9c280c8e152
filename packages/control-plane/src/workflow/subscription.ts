// Subscription
//
// How many messages of a channel are taken: a number of them, while or until an expression says so, for some time. What a
// filter does not want does not count.

import type { Json } from '@tutti/core/resource'
import { compileJq, durationMs, evaluateJq, standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'

export const subscription = z.looseObject({
  filter: z.string().optional(),
  consume: z.looseObject({
    amount: z.int().optional(),
    while: z.string().optional(),
    until: z.string().optional(),
    for: z.json().optional(),
  }),
})

const messagesMax = 10_000 // as many as one listener takes
const forMsDefault = 600_000 // a step that takes longer belongs into several

/** Takes messages until there are enough. */
export class Subscription {
  readonly #given: z.infer<typeof subscription>
  readonly #names: readonly string[]
  readonly #globals: readonly Json[]
  readonly #nowMs: () => number
  /** Grown by `take` alone. */
  readonly messages: Json[] = []

  constructor(
    given: z.infer<typeof subscription>,
    sight: Readonly<Record<string, Json>>,
    nowMs: () => number,
  ) {
    this.#given = given
    this.#names = Object.keys(sight)
    this.#globals = Object.values(sight)
    this.#nowMs = nowMs
  }

  /** How long messages are taken at most. */
  get forMs(): number {
    const given = this.#given.consume.for
    return (given === undefined ? null : durationMs(given)) ?? forMsDefault
  }

  /** Takes a message; true: that was enough. */
  take(message: Json): boolean {
    const { filter, consume } = this.#given
    if (filter !== undefined && !this.#isTrue(filter, message)) return false
    this.messages.push(message)
    const { length } = this.messages
    if (length >= (consume.amount ?? messagesMax)) return true
    if (consume.until !== undefined) return this.#isTrue(consume.until, this.messages)
    return consume.while !== undefined && !this.#isTrue(consume.while, this.messages)
  }

  #isTrue(text: string, input: Json): boolean {
    const source = /^\s*\$\{([\s\S]*)\}\s*$/.exec(text)?.[1] ?? text
    const compiled = compileJq(source, this.#names)
    if (!compiled.ok) throw wrong(`${text}: ${compiled.reason}`)
    const given = { input, globals: this.#globals, nowMs: this.#nowMs() }
    const result = evaluateJq(compiled.expression, given)
    if (!result.ok) throw wrong(`${text}: ${result.reason}`)
    return result.value !== null && result.value !== false
  }
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('expression', detail))
}
