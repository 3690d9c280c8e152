// Project
//
// Tenancy: the fence around models, deployments, routes, keys and secrets.

import { z } from 'zod'

export const projectSpec = z.strictObject({
  description: z.string().max(2_000).default(''),
})
export type ProjectSpec = z.infer<typeof projectSpec>
