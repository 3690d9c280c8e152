// Limiter
//
// Rate limits of keys: requests and tokens a minute, calls at a time. Each worker of a gateway counts its own and hears
// what the others count, so that together they let through what one would.

import {
  type Bucket,
  filled,
  fullBucket,
  type KeyLimits,
  resized,
  taken,
  waitMs,
} from '@tutti/core/routing'
import type { KeyEntry } from './directory.ts'

/** What one worker let a key use. */
export interface KeyUse {
  readonly project: string
  readonly id: string
  readonly limits: KeyLimits
  /** Since it was said last. */
  readonly requests: number
  readonly tokens: number
  /** Now. */
  readonly inflight: number
}

interface Counts {
  readonly project: string
  readonly id: string
  /** By which the buckets are filled; written by `holdTo`. */
  limits: KeyLimits
  requests: Bucket
  tokens: Bucket
  inflight: number
  /** Not yet told to the others. */
  unsaid: { requests: number; tokens: number; inflight: boolean }
  /** Calls on their way at other workers, by worker. */
  readonly elsewhere: Map<number, number>
}

const keysMax = 100_000 // more than one gateway serves

export class Limiter {
  readonly #nowMs: () => number
  /** By key; written by `enter`, `leave`, `count` and `hear`. */
  readonly #counts = new Map<string, Counts>()
  /** The same by entry of a snapshot: names need not be put together for every request. */
  readonly #byEntry = new WeakMap<KeyEntry, Counts>()
  /** Those with something unsaid; written with them. */
  readonly #changed = new Set<Counts>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Seconds until the key may call again; 0 where it may, and then `leave` is called once. */
  enter(key: KeyEntry): number {
    const { limits } = key
    if (limits === undefined) return 0
    const counts = this.#of(key, limits)
    if (counts.limits !== limits) holdTo(counts, limits) // a new snapshot may have others
    const nowMs = this.#nowMs()
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = limits
    const { concurrent = Infinity } = limits
    if (counts.inflight + sumOf(counts.elsewhere) >= concurrent) return 1
    if (requestsPerMinute < Infinity) {
      counts.requests = filled(counts.requests, requestsPerMinute, nowMs)
      const ms = waitMs(counts.requests, requestsPerMinute, 1)
      if (ms > 0) return Math.ceil(ms / 1_000)
    }
    if (tokensPerMinute < Infinity) {
      counts.tokens = filled(counts.tokens, tokensPerMinute, nowMs)
      const ms = waitMs(counts.tokens, tokensPerMinute, 1)
      if (ms > 0) return Math.ceil(ms / 1_000)
    }
    counts.requests = taken(counts.requests, 1)
    counts.inflight += 1
    counts.unsaid.requests += 1
    this.#changed.add(counts)
    return 0
  }

  /** Which limit keeps a key from calling now, in words. */
  reached({ id, ...key }: KeyEntry): string {
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = key.limits ?? {}
    const { concurrent = Infinity } = key.limits ?? {}
    const counts = this.#counts.get(`${key.project}/${id}`)
    const inflight = counts === undefined ? 0 : counts.inflight + sumOf(counts.elsewhere)
    const isOf = (bucket: Bucket | undefined, perMinute: number) =>
      bucket !== undefined && waitMs(bucket, perMinute, 1) > 0
    const limit =
      inflight >= concurrent
        ? `${concurrent} calls at a time`
        : isOf(counts?.requests, requestsPerMinute)
          ? `${requestsPerMinute} requests a minute`
          : `${tokensPerMinute} tokens a minute`
    return `key ${id} has reached its limit of ${limit}`
  }

  leave(key: KeyEntry): void {
    const counts = this.#byEntry.get(key)
    if (counts === undefined) return
    counts.inflight = Math.max(0, counts.inflight - 1)
    counts.unsaid.inflight = true
    this.#changed.add(counts)
  }

  /** Tokens that a call used up. */
  count(key: KeyEntry, tokens: number): void {
    const counts = this.#byEntry.get(key)
    if (counts === undefined) return
    counts.tokens = taken(counts.tokens, tokens)
    counts.unsaid.tokens += tokens
    this.#changed.add(counts)
  }

  /** What was used since it was asked last. */
  news(): KeyUse[] {
    const uses = [...this.#changed].map(({ project, id, limits, inflight, unsaid }) => {
      const { requests, tokens } = unsaid
      return { project, id, limits, requests, tokens, inflight }
    })
    for (const counts of this.#changed) {
      counts.unsaid = { requests: 0, tokens: 0, inflight: false }
    }
    this.#changed.clear()
    return uses
  }

  /** What another worker let keys use. */
  hear(worker: number, uses: readonly KeyUse[]): void {
    for (const { project, id, limits, requests, tokens, inflight } of uses) {
      const counts = this.#counts.get(`${project}/${id}`) ?? this.#add({ project, id, limits })
      holdTo(counts, limits)
      const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = limits
      const nowMs = this.#nowMs()
      counts.requests = taken(filled(counts.requests, requestsPerMinute, nowMs), requests)
      counts.tokens = taken(filled(counts.tokens, tokensPerMinute, nowMs), tokens)
      if (inflight === 0) counts.elsewhere.delete(worker)
      else counts.elsewhere.set(worker, inflight)
    }
  }

  /** A worker is gone, and its calls with it. */
  forget(worker: number): void {
    for (const { elsewhere } of this.#counts.values()) elsewhere.delete(worker)
  }

  #of(key: KeyEntry, limits: KeyLimits): Counts {
    const known = this.#byEntry.get(key)
    if (known !== undefined) return known
    const { project, id } = key
    const counts = this.#counts.get(`${project}/${id}`) ?? this.#add({ project, id, limits })
    this.#byEntry.set(key, counts)
    return counts
  }

  #add(of: Pick<KeyUse, 'project' | 'id' | 'limits'>): Counts {
    if (this.#counts.size >= keysMax) this.#counts.clear()
    const nowMs = this.#nowMs()
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = of.limits
    const counts: Counts = {
      ...of,
      requests: fullBucket(requestsPerMinute, nowMs),
      tokens: fullBucket(tokensPerMinute, nowMs),
      inflight: 0,
      unsaid: { requests: 0, tokens: 0, inflight: false },
      elsewhere: new Map(),
    }
    this.#counts.set(`${of.project}/${of.id}`, counts)
    return counts
  }
}

/** What was used of other limits counts as the same share of these. */
function holdTo(counts: Counts, limits: KeyLimits): void {
  const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = limits
  const { requestsPerMinute: requests = Infinity, tokensPerMinute: tokens = Infinity } =
    counts.limits
  counts.requests = resized(counts.requests, requests, requestsPerMinute)
  counts.tokens = resized(counts.tokens, tokens, tokensPerMinute)
  counts.limits = limits
}

function sumOf(inflight: ReadonlyMap<number, number>): number {
  if (inflight.size === 0) return 0 // one worker alone: by far the most frequent
  let sum = 0
  for (const count of inflight.values()) sum += count
  return sum
}
