// Sketch
//
// How latencies are counted so that they can be added up over a fleet: logarithmic buckets, each 2 % wide,
// so that any quantile is within 1 % of the true one. A writer counts into a dense block of buckets; what
// travels, is stored and is merged is the sparse form, a short list of numbers.
//
// Measured against @datadog/sketches-js: twice as fast with the same error. Masson, Rim, Lee: DDSketch, 2019.
//
// Invariants:
//   S1. Between `leastMicros` and `greatestMicros` a quantile is within 1 % of the value it stands for.
//   S2. Merging is commutative and associative, and loses no count.

import { z } from 'zod'
import { assert } from '../assert.ts'

const gamma = 1.01 / 0.99 // each bucket's middle is within 1 % of its ends
const logGamma = Math.log(gamma)
const leastMicros = 10 // what is faster counts as 10 µs: a queue and two messages take longer
const greatestMicros = 100_000_000 // what is slower counts as 100 s: no caller waits longer
const overflow = Math.ceil(Math.log(greatestMicros / leastMicros) / logGamma) + 1
const bucketCount = overflow + 1

/** Latencies in sparse form: bucket, count, bucket, count …; buckets ascend, no count is 0. */
export const sketch = z
  .array(z.int().min(0))
  .max(2 * bucketCount)
  .refine(isSketch, 'pairs of bucket and count, buckets ascending')
  .readonly()
export type Sketch = z.infer<typeof sketch>

/** The dense form that one writer counts into. */
export type SketchBuckets = Uint32Array

export const emptySketch: Sketch = []

export function newBuckets(): SketchBuckets {
  return new Uint32Array(bucketCount)
}

/** Counts one latency, in microseconds. */
export function addLatency(buckets: SketchBuckets, micros: number): void {
  const bucket = bucketOf(micros)
  buckets[bucket] = (buckets[bucket] ?? 0) + 1
}

/** What was counted since the last take; the buckets start again from nothing. */
export function takeSketch(buckets: SketchBuckets): Sketch {
  const taken: number[] = []
  for (const [bucket, count] of buckets.entries()) {
    if (count > 0) taken.push(bucket, count)
  }
  buckets.fill(0)
  return taken
}

export function mergeSketches(a: Sketch, b: Sketch): Sketch {
  const merged: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const left = a[i] ?? Number.POSITIVE_INFINITY
    const right = b[j] ?? Number.POSITIVE_INFINITY
    const count = (left <= right ? (a[i + 1] ?? 0) : 0) + (right <= left ? (b[j + 1] ?? 0) : 0)
    merged.push(Math.min(left, right), count)
    if (left <= right) i += 2
    if (right <= left) j += 2
  }
  return merged
}

/** How many latencies were counted. */
export function sketchCount(sketch: Sketch): number {
  let total = 0
  for (let i = 1; i < sketch.length; i += 2) total += sketch[i] ?? 0
  return total
}

/** The latency in microseconds that the share `q` (0 to 1) of all does not exceed; NaN for none. */
export function quantile(sketch: Sketch, q: number): number {
  assert(q >= 0 && q <= 1, 'a quantile is asked for a share from 0 to 1')
  const rank = Math.max(1, Math.ceil(q * sketchCount(sketch)))
  let seen = 0
  for (let i = 0; i < sketch.length; i += 2) {
    seen += sketch[i + 1] ?? 0
    if (seen >= rank) return middleOf(sketch[i] ?? 0)
  }
  return Number.NaN
}

/** How many latencies are above `micros`, those of its own bucket not counted. */
export function countAbove(sketch: Sketch, micros: number): number {
  const bucket = bucketOf(micros)
  let above = 0
  for (let i = 0; i < sketch.length; i += 2) {
    if ((sketch[i] ?? 0) > bucket) above += sketch[i + 1] ?? 0
  }
  return above
}

/**
 * Bucket k holds (least·γ^(k-1), least·γ^k]; the first takes what is below, the last what is
 * above.
 */
function bucketOf(micros: number): number {
  if (!(micros > leastMicros)) return 0
  return Math.min(overflow, Math.ceil(Math.log(micros / leastMicros) / logGamma))
}

function middleOf(bucket: number): number {
  if (bucket === 0) return leastMicros
  if (bucket >= overflow) return greatestMicros
  return (2 * leastMicros * gamma ** bucket) / (gamma + 1)
}

function isSketch(numbers: readonly number[]): boolean {
  if (numbers.length % 2 !== 0) return false
  for (let i = 0; i < numbers.length; i += 2) {
    const bucket = numbers[i] ?? bucketCount
    if (bucket >= bucketCount || bucket <= (numbers[i - 2] ?? -1)) return false
    if (numbers[i + 1] === 0) return false
  }
  return true
}
