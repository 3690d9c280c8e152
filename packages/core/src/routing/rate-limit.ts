// Rate limit
//
// Whether a key may make another call now: a bucket that fills with time, for requests and for tokens. Tokens are
// taken when they are known, so that a bucket may go below zero and then has to fill first.

import { z } from 'zod'

/** Counted by each gateway process for itself. */
export const keyLimits = z.strictObject({
  requestsPerMinute: z.number().min(1).optional(),
  tokensPerMinute: z.number().min(1).optional(),
  /** Calls on their way at a time. */
  concurrent: z.int().min(1).optional(),
})
export type KeyLimits = z.infer<typeof keyLimits>

export interface Bucket {
  readonly level: number
  readonly atMs: number
}

/** A full bucket: a minute's worth may come at once. */
export function fullBucket(perMinute: number, nowMs: number): Bucket {
  return { level: perMinute, atMs: nowMs }
}

export function filled(bucket: Bucket, perMinute: number, nowMs: number): Bucket {
  // Of no limit nothing is gained in no time either: zero times infinity is no number.
  const gained = nowMs > bucket.atMs ? ((nowMs - bucket.atMs) * perMinute) / 60_000 : 0
  return { level: Math.min(perMinute, bucket.level + gained), atMs: nowMs }
}

/**
 * The bucket of a limit that has become another: as full as it was, so that who had to wait waits
 * no longer for it, and who could call still can. What was taken without one counts for nothing.
 */
export function resized(bucket: Bucket, from: number, perMinute: number): Bucket {
  if (from === perMinute) return bucket
  const isOfBoth = from < Infinity && perMinute < Infinity
  return { level: isOfBoth ? (bucket.level / from) * perMinute : perMinute, atMs: bucket.atMs }
}

export function taken(bucket: Bucket, count: number): Bucket {
  return { level: bucket.level - count, atMs: bucket.atMs }
}

/** Milliseconds until the bucket holds `count`; 0 where it does. */
export function waitMs(bucket: Bucket, perMinute: number, count: number): number {
  if (bucket.level >= count) return 0
  return Math.ceil(((Math.min(count, perMinute) - bucket.level) * 60_000) / perMinute)
}
