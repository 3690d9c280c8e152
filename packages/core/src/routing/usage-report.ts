// Usage report
//
// What a gateway tells the control plane of requests that are over: counts by project, key, route, model and hour.
// Reports of a gateway are numbered: one that comes twice counts once.

import { z } from 'zod'

const count = z.int().min(0)
const name = z.string().max(512)

export const usageRow = z.strictObject({
  /** When the hour began, in milliseconds since 1970. */
  hourMs: count,
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

export const usageRowsMax = 2_000 // of a report; half a megabyte

export const usageReport = z.strictObject({
  /** Chosen anew by every start of a gateway. */
  gateway: z.string().min(8).max(64),
  /** Grows by one with every report of a gateway. */
  sequence: z.int().min(1),
  rows: z.array(usageRow).max(usageRowsMax),
})
export type UsageReport = z.infer<typeof usageReport>

export const usageDimensions = ['hour', 'day', 'project', 'key', 'route', 'model'] as const
export type UsageDimension = (typeof usageDimensions)[number]
