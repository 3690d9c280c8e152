// Cashier
//
// Sets aside what an attempt may cost before it is sent, and charges what it did cost after: on every path, whatever
// became of it (I6).
//
// Invariants:
//   K1. Nothing is sent to a target whose price is unknown on behalf of a budget.
//   K2. Every attempt is charged once: by the upstream's own count, else by what was sent and came.

import { noUsage } from '@tutti/core/dialect'
import { costNanos, type Price, worstNanos } from '@tutti/core/routing'
import type { Spent } from './attempt.ts'
import type { Call, Candidate } from './call.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import type { PriceBook } from './price-book.ts'
import type { BudgetEntry, Purses, Reservation, Reserved } from './purses.ts'

export interface CashierPorts {
  readonly prices: PriceBook
  readonly purses: Purses
}

// Where neither the request nor the target bounds an answer; longer ones than any model gives today.
const outputTokensMax = 131_072

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
    return price === null ? Infinity : worstOf(call, candidate, price)
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
    return 'spent' in reserved ? unaffordable(whySpent(reserved.spent, nanos)) : reserved
  }

  /** What is set aside for an attempt, or why it cannot be paid. */
  reserve(call: Call, candidate: Candidate): Paid | FailedAttempt | Promise<Paid | FailedAttempt> {
    const price = this.#ports.prices.priceOf(candidate)
    if (call.budgets.length === 0) return new Payment(call, candidate, { price, reserved: null })
    if (price === null) {
      return unaffordable('nobody knows its price: set one on the target of the Route') // K1
    }
    const worst = worstOf(call, candidate, price)
    const asked = this.#ports.purses.reserve(call.budgets, worst)
    const paid = (reserved: Reserved) =>
      'spent' in reserved
        ? unaffordable(whySpent(reserved.spent, worst))
        : new Payment(call, candidate, { price, reserved })
    return asked instanceof Promise ? asked.then(paid) : paid(asked)
  }
}

/** What is set aside for one attempt. */
export interface Paid {
  readonly settle: (spent: Spent | null) => void
}

class Payment implements Paid {
  readonly #call: Call
  readonly #candidate: Candidate
  readonly #of: { readonly price: Price | null; readonly reserved: Reservation | null }

  constructor(
    call: Call,
    candidate: Candidate,
    of: { readonly price: Price | null; readonly reserved: Reservation | null },
  ) {
    this.#call = call
    this.#candidate = candidate
    this.#of = of
  }

  /** K2. */
  settle(spent: Spent | null): void {
    const { price, reserved } = this.#of
    if (spent === null) return reserved?.settle(0)
    const usage = this.#call.bounds === null ? noUsage : spent.usage
    const cost = price === null ? null : costNanos(price, usage)
    reserved?.settle(cost ?? 0)
    const { isEstimated } = spent
    const candidate = this.#candidate
    this.#call.onCharge({ candidate, spent: { usage, isEstimated }, costNanos: cost })
  }
}

function worstOf(
  { bounds }: Pick<Call, 'bounds'>,
  { contextTokens }: Pick<Candidate, 'contextTokens'>,
  price: Price,
): number {
  const input = bounds?.inputTokens ?? 0
  const output = bounds?.outputTokens ?? contextTokens ?? outputTokensMax
  return worstNanos(price, { input, output: bounds === null ? 0 : output })
}

function whySpent({ name, window }: BudgetEntry, worst: number): string {
  const dollars = (worst / 1e9).toPrecision(3)
  return `budget ${name} of this ${window} does not hold the ${dollars} dollars that it may cost`
}

function unaffordable(reason: string): FailedAttempt {
  return { kind: 'failed', failure: 'unaffordable', reason }
}
