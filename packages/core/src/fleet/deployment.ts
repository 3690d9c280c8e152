// Deployment
//
// «Run this model on these nodes, and change it like this.» Every change of the spec is a generation, and
// every generation gets one Rollout.

import { z } from 'zod'
import { resourceName, selector } from '../resource/index.ts'

const share = z.number().min(0).max(1)

export const gateSpec = z.strictObject({
  /** Bound on the chance to stop a good release, over the whole rollout and all metrics. */
  alpha: z.number().gt(0).lt(0.5).default(1e-3),
  /** Requests that the canaries must have answered before the first wave; 0: time alone decides. */
  requestsMin: z.int().min(0).default(0),
  /** How much worse than the controls is still good: a ratio of rates, per metric. */
  tolerance: z
    .strictObject({
      errors: z.number().min(1).default(1),
      latency: z.number().min(1).default(2),
      accuracy: z.number().min(1).default(1.2),
    })
    .default({ errors: 1, latency: 2, accuracy: 1.2 }),
  /** Share of failed requests that no release may exceed, with or without controls to compare. */
  errorRateMax: share.default(0.05),
})
export type GateSpec = z.infer<typeof gateSpec>
export const gateDefault: GateSpec = gateSpec.parse({})

export const strategy = z.strictObject({
  canary: z
    .strictObject({ perStratum: z.int().min(1).max(100).default(3) })
    .default({ perStratum: 3 }),
  /**
   * Share of nodes after each wave, ascending; where absent, ×4 from the canaries' share up to 1.
   */
  waves: z.array(share).max(32).optional(),
  /**
   * Disruption budget: greatest share of the nodes that may begin to change at once; at least
   * 0.001, so that a rollout has a thousand waves at most.
   */
  maxUnavailable: z.number().min(0.001).max(1).default(0.5),
  /** How long a cohort must have run without a finding before the next begins. */
  soakMs: z
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .default(30_000),
  gate: gateSpec.default(gateDefault),
})
export type Strategy = z.infer<typeof strategy>
export const strategyDefault: Strategy = strategy.parse({})

export const deploymentSpec = z.strictObject({
  /** The Model version to run, e.g. `parts:v3`. */
  model: resourceName,
  selector: selector.default({ matchLabels: {} }),
  strategy: strategy.default(strategyDefault),
  environment: z.enum(['development', 'staging', 'production']).default('development'),
})
export type DeploymentSpec = z.infer<typeof deploymentSpec>

/**
 * The name under which nodes serve a deployment: its own, with its project unless that is
 * `default`.
 */
export function servedName(key: { readonly project: string; readonly name: string }): string {
  return key.project === 'default' ? key.name : `${key.project}.${key.name}`
}
