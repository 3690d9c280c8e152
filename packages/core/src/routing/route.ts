// Route
//
// The name that clients call, and what may answer for it. A Deployment without a Route of its name is
// called by its own name.

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'

export const routeTarget = z.union([
  z.strictObject({ deployment: dnsName, weight: z.number().min(0).default(1) }),
  z.strictObject({
    provider: dnsName,
    /** The provider's own name of the model. */
    model: z.string().min(1).max(256),
    weight: z.number().min(0).default(1),
  }),
])
export type RouteTarget = z.infer<typeof routeTarget>

export const routeSpec = z.strictObject({
  targets: z.array(routeTarget).min(1).max(64),
  /** Attempts in all, the first included, before a request fails. */
  attemptsMax: z.int().min(1).max(10).default(4),
  timeoutMs: z.int().min(1).max(3_600_000).default(30_000),
})
export type RouteSpec = z.infer<typeof routeSpec>
