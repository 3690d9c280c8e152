// Budget
//
// How much a project, one of its keys or one of its routes may spend in a window of time. The control plane grants
// parts of it to gateways as leases; a gateway spends from what it holds and asks nobody on the way of a request.
//
// Invariants:
//   B1. What is settled and what is granted and still open never exceed the limit together.
//   B2. A gateway reserves the worst case first and never more than it holds; so what is spent stays below the limit.
//   B3. A lease that nobody accounts for until it is over counts as spent in full: a crash never makes money.

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'
import { nanosOf } from './nanos.ts'

const payable = z
  .string()
  .regex(/^(mcp\/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a Route, or mcp/ and a Provider')

export const budgetSpec = z.strictObject({
  /** Only calls of this key; absent: of all keys of the project. */
  key: dnsName.optional(),
  /** Only calls of this route, or of a server's tools: `mcp/` and its Provider; absent: of all. */
  route: payable.optional(),
  limitDollars: z.number().min(0).max(1_000_000),
  /** From here on answers carry a warning, `x-tutti-budget-warning`; absent: none. */
  softDollars: z.number().min(0).max(1_000_000).optional(),
  /** Windows begin with the UTC hour, day or month; `total` never begins anew. */
  window: z.enum(['hour', 'day', 'month', 'total']).default('month'),
})
export type BudgetSpec = z.infer<typeof budgetSpec>

/**
 * What may be declared. One of before, whose warning comes after its end, goes on as it is: the
 * schema above takes it.
 */
export const declaredBudgetSpec = budgetSpec.superRefine((spec, context) => {
  const { limitDollars, softDollars = 0 } = spec
  if (softDollars <= limitDollars) return
  const message =
    `expected at most limitDollars (${limitDollars}), got ${softDollars}: nothing is spent there, ` +
    'so nobody would be warned: lower it, or raise limitDollars'
  context.addIssue({ code: 'custom', path: ['softDollars'], message })
})

/** When the window of `nowMs` began; 0 for `total`. */
export function windowStartMs(window: BudgetSpec['window'], nowMs: number): number {
  switch (window) {
    case 'hour':
      return nowMs - (nowMs % 3_600_000)
    case 'day':
      return nowMs - (nowMs % 86_400_000)
    case 'month': {
      const date = new Date(nowMs)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    }
    case 'total':
      return 0
  }
}

/**
 * The moment that a lease of now is charged to: its hour, so that it counts in each window that has
 * that hour, also where the Budget has another one later. What never begins anew is charged to 0.
 */
export function chargedAtMs(window: BudgetSpec['window'], nowMs: number): number {
  return windowStartMs(window === 'total' ? 'total' : 'hour', nowMs)
}

/** What was charged in a window of `nowMs` was charged to a moment within these. */
export function windowBounds(
  window: BudgetSpec['window'],
  nowMs: number,
): { readonly startMs: number; readonly endMs: number } {
  const endMs = Math.min(windowEndMs(window, nowMs), Number.MAX_SAFE_INTEGER)
  return { startMs: windowStartMs(window, nowMs), endMs }
}

/** When the next window begins: a request that begins then is paid from that one. */
export function windowEndMs(window: BudgetSpec['window'], nowMs: number): number {
  const dayMs = 86_400_000
  if (window === 'total') return Infinity
  const longest = { hour: 3_600_000, day: dayMs, month: 32 * dayMs }[window]
  return windowStartMs(window, windowStartMs(window, nowMs) + longest)
}

/** What the control plane knows of a budget in one window. */
export interface BudgetState {
  readonly limitNanos: number
  /** Charged by leases that are closed. */
  readonly settledNanos: number
  /** Granted by leases that are open. */
  readonly openNanos: number
}

/** Until when answers carry a warning; null where the soft limit is not reached. */
export function softUntilMs(
  { softDollars, window }: BudgetSpec,
  spentNanos: number,
  nowMs: number,
): number | null {
  if (softDollars === undefined || spentNanos < nanosOf(softDollars)) return null
  return windowBounds(window, nowMs).endMs
}

/**
 * How much of `wantedNanos` is granted: all, what is left, or nothing where that is less than
 * `leastNanos`: a part that pays for no request would be kept from those who could use it.
 */
export function decideGrant(
  { limitNanos, settledNanos, openNanos }: BudgetState,
  wantedNanos: number,
  leastNanos = 1,
): number {
  const nanos = Math.min(wantedNanos, limitNanos - settledNanos - openNanos) // B1
  return nanos < leastNanos ? 0 : Math.max(0, nanos)
}

// A gateway serves on so long while who keeps the accounts is away.
export const leaseMs = 2 * 3_600_000
/** A lease is lost so long after its last word: later than its gateway itself takes it for over. */
export const lostMs = leaseMs + 600_000
/** For so long a Budget is short after somebody wanted more of it than there was. */
export const shortMs = 60_000

/**
 * What is charged for a lease that ends: what was reported, all of it where nobody reported an
 * end.
 */
export function chargeOf(
  lease: { readonly grantedNanos: number; readonly settledNanos: number },
  ending: 'closed' | 'lost',
): number {
  if (ending === 'closed') return lease.settledNanos
  return Math.max(lease.grantedNanos, lease.settledNanos) // B3
}

/** A gateway's part of a budget. */
export interface Purse {
  readonly grantedNanos: number
  readonly settledNanos: number
  readonly reservedNanos: number
}

export const emptyPurse: Purse = { grantedNanos: 0, settledNanos: 0, reservedNanos: 0 }

export function leftNanos({ grantedNanos, settledNanos, reservedNanos }: Purse): number {
  return grantedNanos - settledNanos - reservedNanos
}

/** The purse with `nanos` set aside, or null where it does not hold so much. */
export function reserveFrom(purse: Purse, nanos: number): Purse | null {
  if (nanos > leftNanos(purse)) return null // B2
  const { grantedNanos, settledNanos } = purse
  return { grantedNanos, settledNanos, reservedNanos: purse.reservedNanos + nanos }
}

/** The purse after what was set aside has become a cost. */
export function settleIn(
  purse: Purse,
  of: { readonly reservedNanos: number; readonly costNanos: number },
): Purse {
  return {
    grantedNanos: purse.grantedNanos,
    // What an upstream says that it counted has no bound; what is told of it has to be a number.
    settledNanos: Math.min(purse.settledNanos + of.costNanos, Number.MAX_SAFE_INTEGER),
    reservedNanos: purse.reservedNanos - of.reservedNanos,
  }
}
