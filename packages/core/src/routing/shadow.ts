// Shadow
//
// A target that gets a share of a route's requests beside the one that answers, so that both answers can be compared
// before anybody relies on it. Its answers reach nobody.

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'
import { targetPrice } from './price.ts'

const place = { price: targetPrice.optional() }

export const shadow = z.strictObject({
  target: z.union([
    z.strictObject({ deployment: dnsName, ...place }),
    z.strictObject({ provider: dnsName, model: z.string().min(1).max(256), ...place }),
  ]),
  /** Of the requests that were answered well. */
  share: z.number().min(0).max(1).default(1),
  /** At a time and gateway; what comes while so many are on their way is not mirrored. */
  concurrentMax: z.int().min(1).max(64).default(4),
  /**
   * The Budget that pays for it, and from then on for nothing else; absent: no Budget. The
   * caller's own are never charged for a shadow.
   */
  budget: dnsName.optional(),
  /** Milliseconds that its answer may take. */
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000),
})
export type Shadow = z.infer<typeof shadow>
