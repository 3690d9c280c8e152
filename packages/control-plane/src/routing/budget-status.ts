// Budget status
//
// How a Budget stands in its window: what is spent, what gateways hold and have not spent, what is left for new leases. What
// is lost (a lease whose time has passed) is spent.

import type { Resource } from '@tutti/core/resource'
import { budgetSpec, nanosOf, windowBounds } from '@tutti/core/routing'
import type { Query } from '../store/index.ts'

export interface BudgetStatus {
  readonly windowStartMs: number
  /** Null: it never begins anew. */
  readonly windowEndMs: number | null
  readonly spentDollars: number
  readonly heldDollars: number
  readonly leftDollars: number
}

export async function budgetStatus(
  sql: Query,
  { metadata, spec }: Pick<Resource, 'metadata' | 'spec'>,
  nowMs: number,
): Promise<BudgetStatus> {
  const { project, name } = metadata
  const { window, limitDollars } = budgetSpec.parse(spec)
  const { startMs, endMs } = windowBounds(window, nowMs)
  const [sums] = await sql<{ closed: string; spent: string; held: string }[]>`
    select
      (select coalesce(sum(settled_nanos), 0) from budget_window
        where project = ${project} and budget = ${name}
          and start_ms >= ${startMs} and start_ms < ${endMs}) as closed,
      coalesce(sum(case when until_ms < ${nowMs} then greatest(granted_nanos, settled_nanos)
        else settled_nanos end), 0) as spent,
      coalesce(sum(case when until_ms < ${nowMs} then 0
        else greatest(granted_nanos - settled_nanos, 0) end), 0) as held
    from budget_lease
    where project = ${project} and budget = ${name}
      and start_ms >= ${startMs} and start_ms < ${endMs}`
  const spent = Number(sums?.closed ?? 0) + Number(sums?.spent ?? 0)
  const held = Number(sums?.held ?? 0)
  return {
    windowStartMs: startMs,
    windowEndMs: window === 'total' ? null : endMs,
    spentDollars: spent / 1e9,
    heldDollars: held / 1e9,
    leftDollars: Math.max(0, nanosOf(limitDollars) - spent - held) / 1e9,
  }
}
