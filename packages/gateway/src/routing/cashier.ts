// Cashier
//
// Sets aside what an attempt may cost before it is sent, and charges what it did cost after: on every path, whatever
// became of it (I6).
//
// Invariants:
//   K1. Nothing is sent to a target on behalf of a budget where nobody knows what that costs.
//   K2. Every attempt is charged once: by the upstream's own count, else by what was sent and came.

import { noUsage, type Usage } from '@tutti/core/dialect'
import {
  costNanos,
  freePrice,
  isFree,
  outputLimitNames,
  type Price,
  worstNanos,
} from '@tutti/core/routing'
import type { Spent } from './attempt.ts'
import type { Bounds, Call, Candidate } from './call.ts'
import type { BudgetEntry } from './directory.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import type { PriceBook } from './price-book.ts'
import type { Purses, Reservation, Reserved, Short } from './purses.ts'

export interface CashierPorts {
  readonly nowMs: () => number
  readonly prices: PriceBook
  readonly purses: Purses
}

// Where neither the request nor the target bounds an answer: no model of these makers' gives a longer one, and of all
// others DeepSeek's give the longest (V4, api-docs.deepseek.com).
const bounded = { names: /claude|gemini|gpt-/i, outputTokensMax: 131_072 }
const outputTokensMax = 393_216
// As much as the model takes that takes the most of those with a list price.
const inputTokensMax = 2_097_152

export class Cashier {
  readonly #ports: CashierPorts

  constructor(ports: CashierPorts) {
    this.#ports = ports
  }

  /** The most that an attempt can cost; Infinity where nobody knows its price. */
  worst(
    call: Pick<Call, 'bounds'>,
    candidate: Pick<Candidate, 'target' | 'provider' | 'contextTokens'>,
  ): number {
    const price = this.#ports.prices.priceOf(candidate)
    if (price === null || unpricedOf(call, candidate, price) !== null) return Infinity
    return worstOf(call, candidate, price)
  }

  /** A budget that is over its soft limit; null where none of these is. */
  overSoft(budgets: readonly BudgetEntry[]): string | null {
    return this.#ports.purses.overSoft(budgets)
  }

  /** What is set aside for something that costs the same however it ends, or why it cannot be. */
  async reserveCall(
    budgets: readonly BudgetEntry[],
    nanos: number,
  ): Promise<Reservation | FailedAttempt> {
    const reserved = await this.#ports.purses.reserve(budgets, nanos)
    return 'spent' in reserved ? short(reserved, whyShort(reserved, nanos)) : reserved
  }

  /** What is set aside for an attempt, or why it cannot be paid. */
  reserve(call: Call, candidate: Candidate): Paid | FailedAttempt | Promise<Paid | FailedAttempt> {
    const { nowMs, prices } = this.#ports
    const price = prices.priceOf(candidate)
    if (call.budgets.length === 0) {
      return new Payment(call, candidate, { price, reserved: null, nowMs })
    }
    const unknown = price === null ? 'its price' : unpricedOf(call, candidate, price)
    if (price === null || unknown !== null) {
      return unaffordable(`nobody knows ${unknown}: set a price on the target of the Route`) // K1
    }
    // What is free is left of a Budget that is used up, and of one that nobody can say anything of.
    if (isFree(price)) return new Payment(call, candidate, { price, reserved: null, nowMs })
    const worst = worstOf(call, candidate, price)
    const asked = this.#ports.purses.reserve(call.budgets, worst)
    const paid = (reserved: Reserved) =>
      'spent' in reserved
        ? short(reserved, whyShort(reserved, worst, hintOf(call, candidate, price)))
        : new Payment(call, candidate, { price, reserved, nowMs })
    return asked instanceof Promise ? asked.then(paid) : paid(asked)
  }
}

/** What is set aside for one attempt. */
export interface Paid {
  /** However long it takes, and whatever comes. */
  readonly isFree: boolean
  readonly settle: (spent: Spent | null) => void
}

interface PaymentTerms {
  readonly price: Price | null
  readonly reserved: Reservation | null
  readonly nowMs: () => number
}

class Payment implements Paid {
  readonly #call: Call
  readonly #candidate: Candidate
  readonly #of: PaymentTerms
  /** When it was sent, where its time costs something. */
  readonly #sinceMs: number

  constructor(call: Call, candidate: Candidate, of: PaymentTerms) {
    this.#call = call
    this.#candidate = candidate
    this.#of = of
    this.#sinceMs = isTimed(of.price) ? of.nowMs() : 0
  }

  get isFree(): boolean {
    const { price } = this.#of
    return price !== null && isFree(price)
  }

  /** K2. */
  settle(spent: Spent | null): void {
    const { price, reserved, nowMs } = this.#of
    if (spent === null) return reserved?.settle(0)
    const { bounds } = this.#call
    const usage = bounds === null ? noUsage : reckoned(spent, bounds)
    const ms = isTimed(price) ? nowMs() - this.#sinceMs : 0
    const cost = price === null ? null : costNanos(price, usage, ms)
    reserved?.settle(cost ?? 0)
    const { isEstimated } = spent
    const candidate = this.#candidate
    const priceList = price === null ? null : price.list
    this.#call.onCharge({ candidate, spent: { usage, isEstimated }, costNanos: cost, priceList })
  }
}

/** What nobody counted is no more than what was asked for allows. */
function reckoned({ usage, isEstimated }: Spent, bounds: Bounds): Usage {
  if (!isEstimated) return usage
  const { inputTokens, outputTokens, answers } = bounds
  const outputMax = outputTokens === null ? Infinity : outputTokens * answers
  const inputMax = inputTokens ?? Infinity
  return {
    ...usage,
    input: Math.min(usage.input, inputMax),
    output: Math.min(usage.output, outputMax),
  }
}

function isTimed(price: Price | null): boolean {
  return price !== null && price.perSecond > 0
}

/** What a list price of tokens does not hold; a price of one's own is taken for all there is. */
function unpricedOf(
  { bounds }: Pick<Call, 'bounds'>,
  { target }: Pick<Candidate, 'target'>,
  price: Price,
): string | null {
  const isListed = target.price === undefined && price !== freePrice
  const what = bounds?.unpriced ?? null
  return isListed && what !== null ? `the price of ${what}` : null
}

function worstOf(
  { bounds }: Pick<Call, 'bounds'>,
  candidate: Pick<Candidate, 'contextTokens' | 'target'>,
  price: Price,
): number {
  if (bounds === null) return worstNanos(price, { input: 0, output: 0 })
  const input = bounds.inputTokens ?? candidate.contextTokens ?? inputTokensMax
  const output = bounds.outputTokens ?? longestAnswer(candidate)
  return worstNanos(price, { input, output: output * bounds.answers })
}

function longestAnswer({ target, contextTokens }: Pick<Candidate, 'contextTokens' | 'target'>) {
  const isKnown = 'provider' in target && bounded.names.test(target.model)
  if (!isKnown) return contextTokens ?? outputTokensMax
  return Math.min(contextTokens ?? Infinity, bounded.outputTokensMax)
}

function whyShort({ spent, isAway }: Short, worst: number, hint = ''): string {
  const { name, window } = spent
  const dollars = `the ${(worst / 1e9).toPrecision(3)} dollars that it may cost`
  if (isAway === true) {
    return `nobody grants ${dollars} of budget ${name}: who keeps its accounts does not answer`
  }
  const of = window === 'total' ? name : `${name} of this ${window}`
  return `budget ${of} does not hold ${dollars}${hint}`
}

const noTokens = { input: 0, output: 0 }
const oneToken = { input: 1, output: 1 }

/** What can be done about it: nobody foresees what nothing bounds. */
function hintOf(
  { bounds, dialect }: Pick<Call, 'bounds' | 'dialect'>,
  { contextTokens }: Pick<Candidate, 'contextTokens'>,
  price: Price,
): string {
  if (worstNanos(price, oneToken) === worstNanos(price, noTokens)) return '' // nothing to bound
  if (bounds?.outputTokens === null) return `: bound its answer (${outputLimitNames[dialect]})`
  const isOpen = bounds?.inputTokens === null && contextTokens === undefined
  return isOpen ? ': say on its target how much that takes (contextTokens)' : ''
}

const awayMs = 1_000 // until who keeps the accounts is asked again

function short({ isAway }: Short, reason: string): FailedAttempt {
  const failed = unaffordable(reason)
  return isAway === true ? { ...failed, retryAfterMs: awayMs } : failed
}

function unaffordable(reason: string): FailedAttempt {
  return { kind: 'failed', failure: 'unaffordable', reason }
}
