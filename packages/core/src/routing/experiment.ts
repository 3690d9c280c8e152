// Experiment
//
// An A/B test of a route: which arm a request is in. The same subject is in the same arm on every gateway, and when
// shares change only as many change their arm as must.

import { z } from 'zod'
import { dnsName, hash32 } from '../resource/index.ts'

export const experiment = z.strictObject({
  /** Another name is another draw: who was in one arm of it may be in any of the next. */
  name: dnsName,
  /** The share of each arm that targets name, in parts of their sum. */
  arms: z
    .record(dnsName, z.number().min(0).max(1_000_000))
    .refine((arms) => Object.values(arms).some((share) => share > 0), 'expected a share above 0')
    .refine((arms) => Object.keys(arms).length <= 16, 'expected at most 16 arms'),
})
export type Experiment = z.infer<typeof experiment>

/** The arm of a subject: a user, a conversation, a key. */
export function pickArm({ name, arms }: Experiment, subject: string): string {
  // Each arm's clock rings by itself (see `orderByWeight`): a share that grows takes from all alike.
  let first = ''
  let soonest = Infinity
  for (const [arm, share] of Object.entries(arms)) {
    const ringsAt = share > 0 ? clockOf(`${name}\n${arm}\n${subject}`) / share : Infinity
    if (ringsAt < soonest) {
      first = arm
      soonest = ringsAt
    }
  }
  return first
}

/**
 * When the clock of a subject rings: exponentially spread, and always the same. The lowest clock
 * divided by its weight is a weighted choice that other choices being added or removed does not
 * change (weighted rendezvous hashing).
 */
export function clockOf(subject: string): number {
  return -Math.log((hash32(subject) + 0.5) / 2 ** 32)
}
