// Rollout resource
//
// One Rollout per Deployment generation, named `<deployment>-g<generation>`. Automation writes it; people
// read it, pause it, and go back by a new generation of the Deployment.

import { z } from 'zod'
import { strategy } from './deployment.ts'

export const rolloutResourceSpec = z.strictObject({
  deployment: z.string(),
  generation: z.int().min(1),
  strategy,
  waves: z.array(z.number()).min(1),
  /** A paused rollout starts no wave; a finding still takes it back. */
  paused: z.boolean().default(false),
})
export type RolloutResourceSpec = z.infer<typeof rolloutResourceSpec>
