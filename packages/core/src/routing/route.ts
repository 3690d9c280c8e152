// Route
//
// The name that clients call, and what may answer for it. A Deployment without a Route of its name is
// called by its own name.

import { z } from 'zod'
import { mayDrop } from '../dialect/index.ts'
import { guardSpec } from '../governance/index.ts'
import { dnsName } from '../resource/index.ts'
import { cacheSpec } from './cache-question.ts'
import { experiment } from './experiment.ts'
import { fallback } from './fallback.ts'
import { bodyRule } from './kept-request.ts'
import { targetPrice } from './price.ts'
import { capabilities, modalities } from './request-facts.ts'
import { strategy, weightsChange } from './score-target.ts'
import { shadow } from './shadow.ts'
import { responseDays } from './stored-response.ts'

const region = z.string().min(1).max(63)

// What is left out stays out: a gateway of before is not told of what it does not know.
const abilities = {
  /** What its model can do; absent: everything is tried there. */
  capabilities: z.array(z.enum(capabilities)).max(16).optional(),
  /** What its model takes besides text; absent: everything is tried there. */
  modalities: z.array(z.enum(modalities)).max(16).optional(),
  /** Where a Provider answers from; nodes say so by their label `region`. */
  region: region.optional(),
  /** How far it is trusted, 0 to 1: counts where `weights.trust` does. Absent: 1. */
  trust: z.number().min(0).max(1).optional(),
  /** A condition in CEL on the request: only then it is asked. */
  when: z.string().min(1).max(2_000).optional(),
  /** The arm of the route's experiment that it belongs to; absent: to all. */
  arm: dnsName.optional(),
}

const place = {
  ...abilities,
  weight: z.number().min(0).default(1),
  /** 0 is asked first; a higher tier only where the ones below cannot answer. */
  tier: z.int().min(0).max(16).default(0),
  /** Instead of the provider's list price; nodes and one's own engines are free without it. */
  price: targetPrice.optional(),
}

const kept = 'expected a member of the request, and none of what is said or bounds what it costs'
const droppedParam = z.string().max(128).refine(mayDrop, kept)

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
    /**
     * Members that a caller of another dialect may be answered without, where this target's dialect
     * has no counterpart: `thinking`, `generationConfig.topK`, `tools[]`. Absent: he is refused.
     */
    dropParams: z.array(droppedParam).max(32).optional(),
  }),
])
export type RouteTarget = z.infer<typeof routeTarget>

/**
 * How long each part of an attempt may take, in milliseconds, where another target is left to ask.
 */
export const routeTimers = z.strictObject({
  /**
   * Until a connection is there, TLS and a proxy's tunnel included; holds without another target
   * too. Absent: three seconds.
   */
  connectMs: z.int().min(1).max(60_000).optional(),
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

/** What requests are told apart by: the first of these that a request has. */
export const stickySource = z.union([
  z.enum(['user', 'conversation', 'key']),
  z.string().regex(/^header:[a-z0-9-]{1,64}$/, 'expected header: and a name in lower case'),
])
export type StickySource = z.infer<typeof stickySource>

export const routeSpec = z.strictObject({
  targets: z.array(routeTarget).min(1).max(64),
  strategy: strategy.default('weighted'),
  /** Instead of the strategy's own weights, where named. */
  weights: weightsChange.optional(),
  /** For `sticky` and experiments; absent: conversation, then key. */
  stickyBy: z.array(stickySource).min(1).max(8).optional(),
  /** What every target must hold to. */
  require: z
    .strictObject({
      /** Where answers may come from. */
      regions: z.array(region).min(1).max(64).optional(),
      /** The most that one attempt may cost at worst. */
      costDollarsMax: z.number().min(0).max(1_000_000).optional(),
    })
    .optional(),
  /** Where the next attempt goes, by class of failure. */
  fallback: fallback.optional(),
  experiment: experiment.optional(),
  /** Of the Responses API: which are kept, and for how long; absent: those that ask for it. */
  responses: z
    .strictObject({
      /** `always`: also where `store` is not said, as at OpenAI. */
      store: z.enum(['never', 'asked', 'always']).default('asked'),
      days: z.int().min(1).max(365).default(responseDays),
    })
    .optional(),
  shadow: shadow.optional(),
  /** Attempts in all, the first included, before a request fails. */
  attemptsMax: z.int().min(1).max(10).default(6),
  /** Until an answer is whole, or a stream has begun. */
  timeoutMs: z.int().min(1).max(3_600_000).default(30_000),
  timers: routeTimers.prefault({}),
  /** What is looked for in requests and answers, and what is done with what is found. */
  guard: guardSpec.optional(),
  /** Whether whole answers are given again, and to whom. */
  cache: cacheSpec.optional(),
  /** What is kept of requests beside their records; absent: nothing. */
  bodies: bodyRule.optional(),
})
export type RouteSpec = z.infer<typeof routeSpec>
