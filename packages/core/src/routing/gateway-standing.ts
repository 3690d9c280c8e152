// Gateway standing
//
// What a gateway tells its control plane of itself, so that somebody sees which ones there are, of what version, and
// which of them serve something else than the others: it is listed as long as it follows the stream of snapshots.
// Schemas let through what they do not know: the two may differ in version.

import { z } from 'zod'

/** Said with the stream, in its query. */
export const gatewayHello = z.object({
  /** Of this start alone. */
  gateway: z.uuid(),
  version: z.string().max(64),
  /** The machine's name. */
  host: z.string().max(256),
  /** Which of several of one machine it is. */
  worker: z.coerce.number().int().min(1).optional(),
})
export type GatewayHello = z.infer<typeof gatewayHello>

/** `POST /api/v1/gateways`: said when it changes. */
export const gatewayStanding = z.object({
  gateway: z.uuid(),
  /** Number of the snapshot that it serves from; null where it has none. */
  sequence: z.int().nullable(),
  /** Why it has not taken in the one that came last; null where it has. */
  refused: z.string().max(2_000).nullable(),
})
export type GatewayStanding = z.infer<typeof gatewayStanding>
