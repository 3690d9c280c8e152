// Score target
//
// What it costs to ask a target now: the work that waits there, the work that this prompt adds, its price, its
// latency. Each strategy of a Route is nothing but weights of these four.

import { z } from 'zod'

/**
 * `weighted` takes targets by their weight and endpoints by load; the others take the lowest score
 * of a tier. `prefix` counts blocks of prompts: those on their way there and not answered yet, and
 * those of this one that the target has not cached.
 */
export const strategy = z.enum(['weighted', 'least-load', 'cheapest', 'fastest', 'prefix'])
export type Strategy = z.infer<typeof strategy>

export interface ScoreWeights {
  /** Of a request on its way. */
  readonly load: number
  /** Of a block of a prompt on its way that is not worked on yet. */
  readonly pending: number
  /** Of a block of this prompt that is not cached there. */
  readonly uncached: number
  /** Of a milli-dollar. */
  readonly price: number
  /** Of a millisecond to the first token. */
  readonly latency: number
}

export interface TargetView {
  /** Requests on their way to it from here. */
  readonly inflight: number
  /** Blocks of prompts on their way to it that were not cached and have no first token yet. */
  readonly pendingBlocks: number
  /** Blocks of this prompt that it has not cached. */
  readonly uncachedBlocks: number
  /** What this request may cost there. */
  readonly priceNanos: number
  /** Usual time to the first token; 0 where nobody knows. */
  readonly latencyMs: number
}

const none: ScoreWeights = { load: 0, pending: 0, uncached: 0, price: 0, latency: 0 }

/** The weights of a strategy; null for `weighted`, which has no score. */
export function weightsOf(by: Strategy): ScoreWeights | null {
  switch (by) {
    case 'weighted':
      return null
    case 'least-load':
      return { ...none, load: 1 }
    case 'cheapest':
      // among equals the one with less to do: a thousandth of a cent is nothing
      return { ...none, price: 1, load: 0.000_01 }
    case 'fastest':
      return { ...none, latency: 1, load: 0.1 }
    case 'prefix':
      // An uncached block costs its work and the place of another one, which will be missed.
      return { ...none, pending: 1, uncached: 2, load: 0.01 }
  }
}

/** The lower, the better. */
export function scoreTarget(view: TargetView, weights: ScoreWeights): number {
  return (
    weights.load * view.inflight +
    weights.pending * view.pendingBlocks +
    weights.uncached * view.uncachedBlocks +
    weights.price * (view.priceNanos / 1_000_000) +
    weights.latency * view.latencyMs
  )
}
