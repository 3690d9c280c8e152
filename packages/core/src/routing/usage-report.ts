// Usage report
//
// What a gateway tells the control plane of requests that are over: counts by project, key, route, model and hour.
// Reports of a gateway are numbered: one that comes twice counts once. Whoever takes them gives sums of them again.

import { z } from 'zod'

const count = z.int().min(0)
const name = z.string().max(512)

export const usageRow = z.strictObject({
  /** When the hour began, in milliseconds since 1970. */
  hourMs: count.multipleOf(3_600_000),
  project: name,
  key: name,
  route: name,
  /** Provider and model, or Deployment; `cache` for answers that were given again. */
  model: name,
  requests: count,
  /** Of them, those that ended with 400 or above. */
  failed: count,
  inputTokens: count,
  outputTokens: count,
  cachedTokens: count,
  costNanos: count,
  /** Attempts whose price nobody knows: they are not in the cost. */
  unpriced: count,
})
export type UsageRow = z.infer<typeof usageRow>

/** Under what something counts. */
export type UsagePlace = Pick<UsageRow, 'project' | 'key' | 'route' | 'model'>
/** What is counted there. */
export type UsageAmounts = Omit<UsageRow, keyof UsagePlace | 'hourMs'>

export const noAmounts: UsageAmounts = {
  ...{ requests: 0, failed: 0, inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
  ...{ costNanos: 0, unpriced: 0 },
}

/** Under what counts of a project go that are too many to be told apart. */
export function otherPlace(project: string): UsagePlace {
  return { project, key: 'other', route: 'other', model: 'other' }
}

type Mutable = { -readonly [Name in keyof UsageAmounts]: UsageAmounts[Name] }

/** Adds to `sum`; written out, because it is done for every request. */
export function addUsage(sum: Mutable, more: Partial<UsageAmounts>): void {
  sum.requests += more.requests ?? 0
  sum.failed += more.failed ?? 0
  sum.inputTokens += more.inputTokens ?? 0
  sum.outputTokens += more.outputTokens ?? 0
  sum.cachedTokens += more.cachedTokens ?? 0
  sum.costNanos = Math.min(sum.costNanos + (more.costNanos ?? 0), Number.MAX_SAFE_INTEGER)
  sum.unpriced += more.unpriced ?? 0
}

export const usageRowsMax = 2_000 // of a report; half a megabyte

export const usageReport = z.strictObject({
  /** Chosen anew by every start of a gateway. */
  gateway: z.string().min(8).max(64),
  /** Grows by one with every report of a gateway. */
  sequence: z.int().min(1),
  rows: z.array(usageRow).max(usageRowsMax),
})
export type UsageReport = z.infer<typeof usageReport>

/** So long counts are kept: the same month of last year. */
export const usageKeptMs = 400 * 86_400_000
