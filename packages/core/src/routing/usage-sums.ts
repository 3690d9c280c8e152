// Usage sums
//
// Adds up rows of usage by dimensions, as they are read; a control plane has its database do the same.

import type { UsageDimension, UsageSum } from './usage-question.ts'
import { addUsage, noAmounts, type UsageAmounts, type UsageRow } from './usage-report.ts'

/** More is no answer to a person. */
export const usageSumsMax = 10_000

type Sum = { -readonly [Name in keyof UsageAmounts]: UsageAmounts[Name] }

export class UsageSums {
  readonly #by: readonly UsageDimension[]
  /** By the values of the dimensions, as JSON; written by `add`. */
  readonly #sums = new Map<string, Sum>()

  constructor(by: readonly UsageDimension[]) {
    this.#by = by
  }

  /** True once there are more than can be given: no need to add more. */
  get isTooMany(): boolean {
    return this.#sums.size > usageSumsMax
  }

  add(row: UsageRow): void {
    const name = JSON.stringify(this.#by.map((dimension) => dimensionOf(row, dimension)))
    const sum = this.#sums.get(name) ?? { ...noAmounts }
    addUsage(sum, row)
    this.#sums.set(name, sum)
  }

  /** The dearest first; null where there are more than can be given. */
  rows(): UsageSum[] | null {
    if (this.isTooMany) return null
    const sums = [...this.#sums].sort(
      ([, a], [, b]) => b.costNanos - a.costNanos || b.requests - a.requests,
    )
    return sums.map(([name, { costNanos, ...counts }]) => {
      const values: string[] = JSON.parse(name)
      const dimensions = this.#by.map((dimension, i) => [dimension, values[i] ?? ''])
      return { ...Object.fromEntries(dimensions), ...counts, costDollars: costNanos / 1e9 }
    })
  }
}

function dimensionOf(row: UsageRow, dimension: UsageDimension): string {
  if (dimension === 'day') return new Date(row.hourMs).toISOString().slice(0, 10)
  if (dimension === 'hour') return `${new Date(row.hourMs).toISOString().slice(0, 13)}:00:00Z`
  return row[dimension]
}
