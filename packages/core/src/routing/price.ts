// Price
//
// What an answer costs, in whole nano-dollars: integers add up exactly, in any order. Rates are dollars per million
// tokens, which is pico-dollars times a million: one token of a 0.15-dollar model is 150 nano-dollars.
//
// Invariants:
//   P1. A cost is a non-negative integer, and grows with every count of the usage.
//   P2. The worst case of a request costs at least as much as any usage within its bounds.

import { z } from 'zod'
import type { Usage } from '../dialect/index.ts'
import { chargedNanosOf, wholeUp } from './nanos.ts'

const dollars = z.number().min(0).max(1_000_000)

/** One's own price of a target, instead of the provider's list price. */
export const targetPrice = z.strictObject({
  inputPerMillion: dollars.default(0),
  outputPerMillion: dollars.default(0),
  /** Of the input that the provider had cached; absent: as other input. */
  cachedPerMillion: dollars.optional(),
  perCall: dollars.default(0),
  /** Of the time from sending it to its end: of nodes that are rented. */
  perSecond: dollars.default(0),
  /** Longer ones cost as much: what is set aside before anybody knows how long it takes. */
  secondsMax: z.number().min(1).max(86_400).default(600),
})
export type TargetPrice = z.infer<typeof targetPrice>

/**
 * Dollars per million tokens; above `start` tokens of input another price holds for all of them.
 */
export interface Rate {
  readonly base: number
  readonly tiers: readonly { readonly start: number; readonly price: number }[]
}

export interface Price {
  readonly input: Rate
  readonly output: Rate
  readonly cached: Rate
  readonly cacheWritten: Rate
  readonly cacheWrittenLong: Rate
  readonly perCall: number
  readonly perSecond: number
  readonly secondsMax: number
  /** The list of prices that it is from, and the day for which; null for a price of one's own. */
  readonly list: string | null
}

export function flatRate(base: number): Rate {
  return { base, tiers: [] }
}

export function priceOfTarget(own: TargetPrice): Price {
  return {
    input: flatRate(own.inputPerMillion),
    output: flatRate(own.outputPerMillion),
    cached: flatRate(own.cachedPerMillion ?? own.inputPerMillion),
    cacheWritten: flatRate(own.inputPerMillion),
    cacheWrittenLong: flatRate(own.inputPerMillion),
    perCall: own.perCall,
    perSecond: own.perSecond,
    secondsMax: own.secondsMax,
    list: null,
  }
}

export const freePrice: Price = priceOfTarget(targetPrice.parse({}))

/** True where nothing of it costs anything: nobody has to set anything aside for it. */
export function isFree(price: Price): boolean {
  const { input, output, cached, cacheWritten, cacheWrittenLong, perCall, perSecond } = price
  const rates = [input, output, cached, cacheWritten, cacheWrittenLong]
  return perCall === 0 && perSecond === 0 && rates.every((rate) => highest(rate) === 0)
}

/** What a usage costs that took so long. */
export function costNanos(price: Price, usage: Usage, ms = 0): number {
  const cached = Math.min(usage.cached, usage.input)
  const written = Math.min(usage.cacheWritten, usage.input - cached)
  const long = Math.min(usage.cacheWrittenLong ?? 0, written)
  const plain = usage.input - cached - written
  const picos =
    plain * picosAt(price.input, usage.input) +
    cached * picosAt(price.cached, usage.input) +
    (written - long) * picosAt(price.cacheWritten, usage.input) +
    long * picosAt(price.cacheWrittenLong, usage.input) +
    usage.output * picosAt(price.output, usage.input)
  const nanos = Math.ceil(picos / 1_000) + fixedNanos(price, ms / 1_000)
  return Math.min(nanos, Number.MAX_SAFE_INTEGER) // P1
}

/** The most that a request of these bounds can cost. */
export function worstNanos(
  price: Price,
  bounds: { readonly input: number; readonly output: number },
): number {
  const { input, cached, cacheWritten, cacheWrittenLong } = price
  const dearest = Math.max(...[input, cached, cacheWritten, cacheWrittenLong].map(highest))
  const picos = bounds.input * dearest + bounds.output * highest(price.output)
  return Math.ceil(picos / 1_000) + fixedNanos(price, price.secondsMax) // P2
}

function fixedNanos({ perCall, perSecond, secondsMax }: Price, seconds: number): number {
  const timed = perSecond * Math.min(Math.max(0, seconds), secondsMax)
  return chargedNanosOf(perCall) + chargedNanosOf(timed)
}

/** Pico-dollars of one token: a rate of 1 dollar per million is a million of them. */
function picosAt({ base, tiers }: Rate, input: number): number {
  let rate = base
  let from = -1
  for (const { start, price } of tiers) {
    if (input > start && start > from) {
      rate = price
      from = start
    }
  }
  return wholeUp(rate * 1_000_000)
}

function highest({ base, tiers }: Rate): number {
  let dearest = base
  for (const { price } of tiers) dearest = Math.max(dearest, price)
  return wholeUp(dearest * 1_000_000)
}
