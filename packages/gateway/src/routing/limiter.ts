// Limiter
//
// Rate limits of keys, counted by this process: requests and tokens a minute, calls at a time.

import { type Bucket, filled, fullBucket, taken, waitMs } from '@tutti/core/routing'
import type { KeyEntry } from './directory.ts'

interface Counts {
  requests: Bucket
  tokens: Bucket
  inflight: number
}

const keysMax = 100_000 // more than one gateway serves

export class Limiter {
  /** By key; written by `enter`, `leave` and `count`. */
  readonly #counts = new Map<string, Counts>()
  /** The same by entry of a snapshot: names need not be put together for every request. */
  readonly #byEntry = new WeakMap<KeyEntry, Counts>()

  /** Seconds until the key may call again; 0 where it may, and then `leave` is called once. */
  enter(key: KeyEntry, nowMs: number): number {
    const { limits } = key
    if (limits === undefined) return 0
    const counts = this.#of(key, nowMs)
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity } = limits
    if (counts.inflight >= (limits.concurrent ?? Infinity)) return 1
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
    return 0
  }

  leave(key: KeyEntry): void {
    const counts = this.#byEntry.get(key)
    if (counts !== undefined) counts.inflight = Math.max(0, counts.inflight - 1)
  }

  /** Tokens that a call used up. */
  count(key: KeyEntry, tokens: number): void {
    const counts = this.#byEntry.get(key)
    if (counts !== undefined) counts.tokens = taken(counts.tokens, tokens)
  }

  #of(key: KeyEntry, nowMs: number): Counts {
    const known = this.#byEntry.get(key)
    if (known !== undefined) return known
    const counts = this.#counts.get(idOf(key)) ?? this.#add(key, nowMs)
    this.#byEntry.set(key, counts)
    return counts
  }

  #add(key: KeyEntry, nowMs: number): Counts {
    if (this.#counts.size >= keysMax) this.#counts.clear()
    const { requestsPerMinute = 1, tokensPerMinute = 1 } = key.limits ?? {}
    const counts = {
      requests: fullBucket(requestsPerMinute, nowMs),
      tokens: fullBucket(tokensPerMinute, nowMs),
      inflight: 0,
    }
    this.#counts.set(idOf(key), counts)
    return counts
  }
}

function idOf({ project, id }: KeyEntry): string {
  return `${project}/${id}`
}
