// Route
//
// The name that clients call, and what may answer for it. A Deployment without a Route of its name is
// called by its own name.

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'
import { targetPrice } from './price.ts'
import { strategy } from './score-target.ts'

const place = {
  weight: z.number().min(0).default(1),
  /** 0 is asked first; a higher tier only where the ones below cannot answer. */
  tier: z.int().min(0).max(16).default(0),
  /** Instead of the provider's list price; nodes and one's own engines are free without it. */
  price: targetPrice.optional(),
}

export const routeTarget = z.union([
  z.strictObject({ deployment: dnsName, ...place }),
  z.strictObject({
    provider: dnsName,
    /** The provider's own name of the model. */
    model: z.string().min(1).max(256),
    ...place,
    /** Tokens that the model takes, prompt and answer together. */
    contextTokens: z.int().min(1).optional(),
    /**
     * True where a last message of the assistant is continued: then a stream that breaks can go on
     * here.
     */
    prefill: z.boolean().default(false),
  }),
])
export type RouteTarget = z.infer<typeof routeTarget>

/**
 * How long each part of an attempt may take, in milliseconds, where another target is left to ask.
 */
export const routeTimers = z.strictObject({
  /** From the request to the head of the answer; absent: an equal share of `timeoutMs`. */
  headersMs: z.int().min(1).optional(),
  /** From the head of a stream to its first content. */
  firstTokenMs: z.int().min(1).default(10_000),
  /** Between two events of a stream; holds without another target too. */
  idleMs: z.int().min(1).default(20_000),
  /** A whole stream; holds without another target too. */
  streamMs: z.int().min(1).default(900_000),
  /**
   * Characters a second, measured over ten seconds, below which a stream counts as stalled;
   * absent: no limit.
   */
  rateMin: z.number().min(0).optional(),
  /**
   * Asks a second target when the first has not answered for so long; the first answer counts.
   * Costs twice.
   */
  hedgeMs: z.int().min(1).optional(),
  /** Longest Retry-After that is waited for before the next tier is asked. */
  retryAfterMsMax: z.int().min(0).default(5_000),
})
export type RouteTimers = z.infer<typeof routeTimers>

export const routeSpec = z.strictObject({
  targets: z.array(routeTarget).min(1).max(64),
  strategy: strategy.default('weighted'),
  /** Attempts in all, the first included, before a request fails. */
  attemptsMax: z.int().min(1).max(10).default(6),
  /** Until an answer is whole, or a stream has begun. */
  timeoutMs: z.int().min(1).max(3_600_000).default(30_000),
  timers: routeTimers.prefault({}),
})
export type RouteSpec = z.infer<typeof routeSpec>
