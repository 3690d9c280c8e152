// Lease
//
// What a gateway and the control plane say to each other about budgets: what was spent of each lease, which are done,
// and for which budgets more is wanted. Counts are totals of a lease, so that saying them twice changes nothing.
// The gateway names the leases that it wants: of one whose answer was lost it says that it is over, with nothing spent.

import { z } from 'zod'

const nanos = z.int().min(0)

export const leaseRequest = z.strictObject({
  /** Chosen anew by every start of a gateway: another start does not know these leases. */
  gateway: z.string().min(8).max(64),
  /** What its clock says: times of the answer are by that clock. Absent: both have one time. */
  atMs: z.number().optional(),
  settled: z
    .array(
      z.strictObject({
        ...{ lease: z.string(), nanos, isOver: z.boolean() },
        /** So much of it is spent or set aside: the rest is given back. Absent: all is held. */
        heldNanos: nanos.optional(),
      }),
    )
    .max(10_000),
  /** That it hears which budgets are `short`; absent in gateways of before. */
  hearsShort: z.boolean().optional(),
  wanted: z
    .array(
      z.strictObject({
        ...{ project: z.string(), budget: z.string(), nanos },
        /** What is less pays for nothing; absent: any part is of use. */
        least: nanos.optional(),
        /** Never used before; absent: one is chosen here. */
        lease: z.string().min(8).max(64).optional(),
      }),
    )
    .max(1_000),
})
export type LeaseRequest = z.infer<typeof leaseRequest>

export const leaseGrant = z.strictObject({
  lease: z.string(),
  project: z.string(),
  budget: z.string(),
  nanos,
  /** A request that begins after this is not paid from it. */
  untilMs: z.number(),
})
export type LeaseGrant = z.infer<typeof leaseGrant>

export const softBudget = z.strictObject({
  project: z.string(),
  budget: z.string(),
  /** The end of its window. */
  untilMs: z.number(),
})
export type SoftBudget = z.infer<typeof softBudget>

export const leaseAnswer = z.strictObject({
  granted: z.array(leaseGrant),
  /** Leases that count as lost: nothing more is paid from them. */
  unknown: z.array(z.string()),
  /**
   * Of the budgets that were spoken of, those of which somebody wanted more than there was: what of
   * them nobody is paid from goes back. Absent: none.
   */
  short: z.array(z.strictObject({ project: z.string(), budget: z.string() })).optional(),
  /** Of the budgets that were wanted, those that are over their soft limit; absent: none. */
  soft: z.array(softBudget).optional(),
})
export type LeaseAnswer = z.infer<typeof leaseAnswer>
