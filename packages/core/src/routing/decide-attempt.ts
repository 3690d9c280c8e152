// Decide attempt
//
// Who is asked next for one request, and when: the targets tier by tier, within a tier the endpoints by load, the
// same endpoint again only where that may help. Written as data, so that the router has no choice left.
//
// Invariants:
//   A1. While an endpoint is left that was not asked, a request is not given up for a failure of a target (I5).
//   A2. The caller's mistake and what a content filter refused are asked of nobody else.
//   A3. A target that fell silent, or does not take the request's length, is not asked again for this request.
//   A4. At most `attemptsMax` attempts.
//   A5. What the Route says about a class of failure (`fallback`) goes before A1, and never against A2 and A3.

import type { FailureClass } from './classify-failure.ts'
import { actionFor, type Fallback, tierFloor } from './fallback.ts'
import { type PickCandidate, pickEndpoint } from './pick-endpoint.ts'

export interface AttemptCandidate extends PickCandidate {
  /** 0 is asked first; the next tier where the one before cannot answer. */
  readonly tier: number
  /** Place of its target in the order that weights and chance gave. */
  readonly order: number
  /** Tokens that its model takes; undefined where nobody knows. */
  readonly contextTokens?: number | undefined
}

/** A try that is over, or still on its way. */
export interface PastAttempt {
  readonly url: string
  readonly tier: number
  readonly release: string
  readonly contextTokens?: number | undefined
  /** Null while it is on its way. */
  readonly failure: FailureClass | null
  readonly retryAfterMs?: number
}

export interface AttemptContext {
  readonly region: string
  readonly attemptsMax: number
  /** Milliseconds that are left for the request. */
  readonly leftMs: number
  /** Longest Retry-After that is waited for before the next tier is asked. */
  readonly retryAfterMsMax: number
  /** False where the route's retry budget is spent: then nobody is asked twice. */
  readonly mayRetry: boolean
  /** What the Route says about failures; absent: nothing. */
  readonly fallback?: Fallback | undefined
  /** Numbers in [0, 1). */
  readonly chance: readonly [number, number]
}

export type AttemptDecision<C> =
  | {
      readonly kind: 'ask'
      readonly candidate: C
      readonly afterMs: number
      readonly isRetry: boolean
    }
  | { readonly kind: 'stop' }

const retriesMax = 1 // of one endpoint: a second failure in a row is not chance
// A retry waits so long that what was restarting has a chance, and so short that nobody notices.
const pauseMs = 150
const rateLimitPauseMs = 1_000 // without a Retry-After

/** Who is asked next, after what became of the request so far. */
export function decideAttempt<C extends AttemptCandidate>(
  candidates: readonly C[],
  past: readonly PastAttempt[],
  context: AttemptContext,
): AttemptDecision<C> {
  const [only] = candidates
  if (past.length === 0 && candidates.length === 1 && only?.healthy && context.leftMs > 0) {
    return { kind: 'ask', candidate: only, afterMs: 0, isRetry: false } // by far the most frequent
  }
  if (past.some(({ failure }) => isNobodyElses(failure))) return { kind: 'stop' } // A2
  if (past.length >= context.attemptsMax || context.leftMs <= 0) return { kind: 'stop' } // A4
  const { fallback } = context
  const isStop = past.some(({ failure }) => actionFor(fallback, failure) === 'stop')
  if (isStop) return { kind: 'stop' } // A5
  const floor = tierFloor(fallback, past)
  const able = candidates.filter(
    (candidate) => candidate.tier >= floor && isLargeEnough(candidate, past),
  )
  const fresh = able.filter(({ url }) => !past.some((one) => one.url === url))
  for (const tier of tiersOf(able)) {
    const healthy = fresh.filter((one) => one.tier === tier && one.healthy)
    const picked = pickOf(healthy, past, context)
    if (picked !== null) return { kind: 'ask', candidate: picked, afterMs: 0, isRetry: false }
    const again = retryIn(
      able.filter((one) => one.tier === tier),
      past,
      context,
    )
    if (again !== null) return again
  }
  // A1: a doubtful answer is better than none.
  const doubtful = pickOf(lowestTier(fresh), past, context)
  if (doubtful === null) return { kind: 'stop' }
  return { kind: 'ask', candidate: doubtful, afterMs: 0, isRetry: false }
}

/** Whoever else is on their way beside the one who said so. */
function isNobodyElses(failure: PastAttempt['failure']): boolean {
  return failure === 'caller' || failure === 'content-filter'
}

function pickOf<C extends AttemptCandidate>(
  pool: readonly C[],
  past: readonly PastAttempt[],
  { region, chance }: AttemptContext,
): C | null {
  const order = Math.min(...pool.map((candidate) => candidate.order))
  const failed = past.filter(({ failure }) => failure === 'failing' || failure === 'malformed')
  return pickEndpoint(
    pool.filter((candidate) => candidate.order === order),
    {
      region,
      chance,
      tried: new Set<string>(),
      failedReleases: new Set(failed.map(({ release }) => release)),
    },
  )
}

/** The endpoint of a tier that is asked a second time, if any. */
function retryIn<C extends AttemptCandidate>(
  tier: readonly C[],
  past: readonly PastAttempt[],
  context: AttemptContext,
): AttemptDecision<C> | null {
  if (!context.mayRetry) return null
  for (const candidate of tier) {
    const tries = past.filter(({ url }) => url === candidate.url)
    const last = tries.at(-1)
    if (last === undefined || tries.length > retriesMax || !candidate.healthy) continue
    if (actionFor(context.fallback, last.failure) !== undefined) continue // A5
    const afterMs = retryPauseMs(last)
    if (afterMs === null || afterMs > context.retryAfterMsMax || afterMs >= context.leftMs) continue
    return { kind: 'ask', candidate, afterMs, isRetry: true }
  }
  return null
}

/** How long to wait before the same endpoint is asked again; null where that does not help. */
function retryPauseMs({ failure, retryAfterMs }: PastAttempt): number | null {
  switch (failure) {
    case 'unreachable':
    case 'truncated':
    case 'malformed':
    case 'failing':
      return retryAfterMs ?? pauseMs
    case 'rate-limited':
      return retryAfterMs ?? rateLimitPauseMs
    case 'silent': // A3
    case 'unauthorized':
    case 'absent':
    case 'context-length':
    case 'content-filter':
    case 'caller':
    case 'impossible':
    case 'unaffordable':
    case null:
      return null
  }
}

function isLargeEnough(candidate: AttemptCandidate, past: readonly PastAttempt[]): boolean {
  return past.every(({ failure, url, contextTokens }) => {
    if (failure !== 'context-length') return true
    if (url === candidate.url) return false // A3
    return (candidate.contextTokens ?? Infinity) > (contextTokens ?? 0)
  })
}

function tiersOf(candidates: readonly AttemptCandidate[]): number[] {
  return [...new Set(candidates.map(({ tier }) => tier))].sort((a, b) => a - b)
}

function lowestTier<C extends AttemptCandidate>(candidates: readonly C[]): C[] {
  const [first] = tiersOf(candidates)
  return candidates.filter(({ tier }) => tier === first)
}
