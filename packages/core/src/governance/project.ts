// Project
//
// Tenancy: the fence around models, deployments, routes, keys and secrets.

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'

export const lifecycleLevels = ['none', 'workflows', 'tasks'] as const
export type LifecycleLevel = (typeof lifecycleLevels)[number]

export const projectSpec = z.strictObject({
  description: z.string().max(2_000).default(''),
  /**
   * Whose models may run here: PEM public keys, or PEM certificates of authorities whose leaves
   * sign.
   * A model's signature counts only where one of these verifies it.
   */
  publishers: z
    .array(z.strictObject({ name: dnsName, pem: z.string().min(1).max(16_384) }))
    .max(64)
    .default([]),
  /** What is told of runs while they go on: of each its own events, or its tasks', too. */
  lifecycleEvents: z.enum(lifecycleLevels).optional(),
})
export type ProjectSpec = z.infer<typeof projectSpec>
