// Fallback
//
// What a Route says about failures of its targets: where the next attempt goes, by class of failure. Without a word
// of the Route `decideAttempt` decides by what each class means.

import { z } from 'zod'
import type { FailureClass } from './classify-failure.ts'

/** Classes that a Route may speak of: the caller's mistakes go nowhere, whatever it says. */
export const fallbackClasses = [
  'unreachable',
  'silent',
  'truncated',
  'malformed',
  'failing',
  'rate-limited',
  'unauthorized',
  'absent',
  'context-length',
  'unaffordable',
] as const satisfies readonly FailureClass[]

/**
 * `next`: another endpoint, without asking this one again; `next-tier`: nobody else of this tier;
 * `stop`: nobody; a number: nobody below that tier.
 */
export const fallbackAction = z.union([
  z.enum(['next', 'next-tier', 'stop']),
  z.int().min(0).max(16),
])
export type FallbackAction = z.infer<typeof fallbackAction>

export const fallback = z.partialRecord(z.enum(fallbackClasses), fallbackAction)
export type Fallback = z.infer<typeof fallback>

export interface FallbackPast {
  readonly tier: number
  readonly failure: FailureClass | null
}

/** What the Route says about one failure; undefined where it says nothing. */
export function actionFor(
  rules: Fallback | undefined,
  failure: FailureClass | null,
): FallbackAction | undefined {
  const known = fallbackClasses.find((one) => one === failure)
  return known === undefined ? undefined : rules?.[known]
}

/** The lowest tier that may still be asked after these failures. */
export function tierFloor(rules: Fallback | undefined, past: readonly FallbackPast[]): number {
  let floor = 0
  for (const { tier, failure } of past) {
    const action = actionFor(rules, failure)
    if (action === 'next-tier') floor = Math.max(floor, tier + 1)
    if (typeof action === 'number') floor = Math.max(floor, action)
  }
  return floor
}
