// Pick endpoint
//
// Which of the endpoints that could answer is asked next: filter, score, pick. Of two that chance names, the
// one with less to do is taken (power of two choices); one's own region comes first where loads are alike.

/** An endpoint as the picker sees it. */
export interface PickCandidate {
  readonly url: string
  readonly region: string
  /** What answers there; empty where nobody knows. */
  readonly release: string
  /** Requests on their way to it from here. */
  readonly inflight: number
  /** False where its circuit is open. */
  readonly healthy: boolean
  /** True where it is reached by a connection that it made itself: dialled ones come first. */
  readonly isRelayed?: boolean
  /** What it costs to ask it now, where the route has a strategy: the lowest is taken. */
  readonly score?: number
}

export interface PickContext {
  readonly region: string
  /** URLs that this request was sent to already. */
  readonly tried: ReadonlySet<string>
  /** Releases that have failed on this very request: the next of them would fail on it too. */
  readonly failedReleases: ReadonlySet<string>
  /** Two numbers in [0, 1). */
  readonly chance: readonly [number, number]
}

const regionWorth = 2 // requests in flight that a hop to another region weighs as much as

/**
 * The candidate to ask, or null where there is none. One that was tried already, or whose circuit
 * is open, is taken only where no other is left: a doubtful answer is better than none. After a
 * failure of the model itself another release comes first: a canary that errs on an input errs on
 * it on every node (I5).
 */
export function pickEndpoint<C extends PickCandidate>(
  candidates: readonly C[],
  context: PickContext,
): C | null {
  const fresh = candidates.filter(({ url }) => !context.tried.has(url))
  const healthy = fresh.filter((candidate) => candidate.healthy)
  const others = healthy.filter(({ release }) => !context.failedReleases.has(release))
  const best = [others, healthy, fresh, candidates].find((some) => some.length > 0) ?? []
  const direct = best.filter(({ isRelayed }) => isRelayed !== true)
  const pool = direct.length > 0 ? direct : best
  const first = pool[Math.floor(context.chance[0] * pool.length)]
  if (first === undefined) return null
  if (first.score !== undefined) return lowest(pool, first)
  const rest = pool.filter((candidate) => candidate !== first)
  const second = rest[Math.floor(context.chance[1] * rest.length)]
  if (second === undefined) return first
  return costOf(second, context.region) < costOf(first, context.region) ? second : first
}

/** The lowest score; among equals the one that chance named first. */
function lowest<C extends PickCandidate>(pool: readonly C[], first: C): C {
  let best = first
  for (const candidate of pool) {
    if ((candidate.score ?? Infinity) < (best.score ?? Infinity)) best = candidate
  }
  return best
}

function costOf(candidate: PickCandidate, region: string): number {
  return candidate.inflight + (region === '' || candidate.region === region ? 0 : regionWorth)
}

/**
 * Puts weighted things in an order that chance decides: the heavier, the likelier to come first.
 */
export function orderByWeight<T extends { readonly weight: number }>(
  things: readonly T[],
  chance: () => number,
): T[] {
  if (things.length < 2) return things.filter(({ weight }) => weight > 0)
  // Exponential clocks: -ln(u) / weight is the time at which each one rings (Efraimidis, Spirakis 2006).
  return things
    .filter(({ weight }) => weight > 0)
    .map((thing) => ({ thing, rings: -Math.log(1 - chance()) / thing.weight }))
    .sort((a, b) => a.rings - b.rings)
    .map(({ thing }) => thing)
}
