// Score target
//
// What it costs to ask a target now: the work that waits there, the work that this prompt adds, its price, its
// latency, how little it is trusted, and whether the request was there before. Each strategy of a Route is nothing
// but weights of these.

import { z } from 'zod'

/**
 * `weighted` takes targets by their weight and endpoints by load; the others take the lowest score
 * of a tier. `prefix` counts blocks of prompts: those on their way there and not answered yet, and
 * those of this one that the target has not cached. `sticky` keeps requests that are alike by
 * `stickyBy` at one endpoint, in the targets' shares; one that comes or goes moves only what it
 * must.
 */
export const strategy = z.enum([
  'weighted',
  'least-load',
  'cheapest',
  'fastest',
  'prefix',
  'sticky',
])
export type Strategy = z.infer<typeof strategy>

const weight = z.number().min(0).max(1_000_000)

export const scoreWeights = z.strictObject({
  /** Of a request on its way. */
  load: weight,
  /** Of a block of a prompt on its way that is not worked on yet. */
  pending: weight,
  /** Of a block of this prompt that is not cached there. */
  uncached: weight,
  /** Of a milli-dollar. */
  price: weight,
  /** Of a millisecond to the first token. */
  latency: weight,
  /** Of all the trust there is. */
  trust: weight,
  /** Of the clock by which a sticky request finds its endpoint: about 1 between neighbours. */
  sticky: weight,
})
export type ScoreWeights = Readonly<z.infer<typeof scoreWeights>>

/** A Route's own weights, as far as it names them. */
export const weightsChange = scoreWeights.partial()

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
  /** 0 to 1. */
  readonly trust: number
  /** Its clock for a sticky request (`clockOf`, by its weight); 0 where that plays no part. */
  readonly stickyClock: number
}

const none: ScoreWeights = {
  load: 0,
  pending: 0,
  uncached: 0,
  price: 0,
  latency: 0,
  trust: 0,
  sticky: 0,
}

type WeightsChange = z.infer<typeof weightsChange>

/** The weights of a route; null for one that goes by the targets' own alone: it has no score. */
export function weightsOf(by: Strategy, own?: WeightsChange): ScoreWeights | null {
  const preset = presetOf(by)
  if (own === undefined) return preset
  const { load, pending, uncached, price, latency, trust, sticky } = { ...(preset ?? none), ...own }
  return {
    load: load ?? 0,
    pending: pending ?? 0,
    uncached: uncached ?? 0,
    price: price ?? 0,
    latency: latency ?? 0,
    trust: trust ?? 0,
    sticky: sticky ?? 0,
  }
}

function presetOf(by: Strategy): ScoreWeights | null {
  switch (by) {
    case 'weighted':
      return null
    case 'sticky':
      return { ...none, sticky: 1 }
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
    weights.latency * view.latencyMs +
    weights.trust * (1 - view.trust) +
    weights.sticky * view.stickyClock
  )
}
