// Partition
//
// What part of its data one run of a workflow is about: an hour, a day or a month (UTC), or one of the keys that the document lists.
// A run says it in its input, as `partition`.
//
//   D1. Every moment lies in one partition, and the next one begins where it ends: what is asked for by dates is made once.

import { z } from 'zod'
import type { Json } from '../../resource/index.ts'

const keysMax = 1_000
const key = z.string().regex(/^[\w][\w.:-]{0,99}$/, 'letters, digits, -, _, . and :, at most 100')

export const partitionSchema = z.union([
  z.strictObject({ by: z.enum(['hour', 'day', 'month']) }),
  z.strictObject({ keys: z.array(key).min(1).max(keysMax) }),
])
export type Partition = z.infer<typeof partitionSchema>
type Period = 'hour' | 'day' | 'month'

const lengths = { hour: 13, day: 10, month: 7 } as const // of what an ISO 8601 time begins with
const samples = { hour: '2026-11-20T09', day: '2026-11-20', month: '2026-11' } as const

/** The last one that is over: a nightly run is about the day before. Null: it is none of time. */
export function partitionAt(partition: Partition, atMs: number): string | null {
  if (!('by' in partition)) return null
  return named(partition.by, beginOf(partition.by, atMs) - 1)
}

/** Which ones a backfill makes: those named, else those that begin in the time, else all keys. */
export function partitionsOf(
  partition: Partition,
  wanted: {
    readonly names?: readonly string[] | undefined
    readonly fromMs?: number | undefined
    readonly untilMs?: number | undefined
  },
  max: number,
): { readonly ok: true; readonly names: readonly string[] } | { ok: false; reason: string } {
  const { names, fromMs, untilMs } = wanted
  if (names !== undefined) {
    const wrong = names.find((name) => whyNoPartition(partition, { partition: name }) !== null)
    if (wrong === undefined) return { ok: true, names: [...new Set(names)] }
    return { ok: false, reason: whyNoPartition(partition, { partition: wrong }) ?? '' }
  }
  if (!('by' in partition)) return { ok: true, names: partition.keys }
  if (fromMs === undefined || untilMs === undefined) {
    return { ok: false, reason: `its partitions are of time: expected from and until, or names` }
  }
  return { ok: true, names: between(partition.by, { fromMs, untilMs }, max) }
}

/** Null where the input names a partition; else what is wrong. */
export function whyNoPartition(partition: Partition, input: Json): string | null {
  const isObject = typeof input === 'object' && input !== null && !Array.isArray(input)
  const given = isObject ? Object.entries(input).find(([name]) => name === 'partition')?.[1] : null
  if ('by' in partition) {
    if (typeof given === 'string' && isPeriod(partition.by, given)) return null
    const what = `a run is of one ${partition.by}`
    return `${what}: expected the input's partition as in ${samples[partition.by]}${got(given)}`
  }
  if (partition.keys.some((one) => one === given)) return null
  const some = partition.keys.slice(0, 10).join(', ')
  return `a run is of one partition: expected the input's partition as one of ${some}${got(given)}`
}

function got(given: Json | undefined): string {
  return given === undefined || given === null ? '' : `, got ${JSON.stringify(given).slice(0, 100)}`
}

function isPeriod(by: Period, text: string): boolean {
  const atMs = Date.parse(by === 'hour' ? `${text}:00Z` : text)
  return !Number.isNaN(atMs) && named(by, atMs) === text
}

/** One more than may be is enough to say that there are too many. */
function between(
  by: Period,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
  max: number,
): readonly string[] {
  const names: string[] = []
  const first = beginOf(by, fromMs)
  let at = first < fromMs ? nextOf(by, first) : first
  for (; at < untilMs && names.length <= max; at = nextOf(by, at)) names.push(named(by, at)) // D1
  return names
}

function named(by: Period, atMs: number): string {
  return new Date(atMs).toISOString().slice(0, lengths[by])
}

function beginOf(by: Period, atMs: number): number {
  const at = new Date(atMs)
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  if (by === 'month') return Date.UTC(year, month)
  return by === 'day' ? Date.UTC(year, month, day) : Date.UTC(year, month, day, at.getUTCHours())
}

function nextOf(by: Period, beginMs: number): number {
  const at = new Date(beginMs)
  if (by === 'month') return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1)
  return beginMs + (by === 'day' ? 86_400_000 : 3_600_000)
}
