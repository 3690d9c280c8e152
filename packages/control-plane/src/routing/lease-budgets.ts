// Lease budgets
//
// One turn of a gateway's accounts: takes in what it spent, ends what is over or lost, and grants what it wants as far
// as the budget goes. One transaction, with a lock for each budget that it touches, taken first and in one order for
// everybody, so that any number of gateways and control planes may ask at once and none waits for who waits for it.
//
// Invariants:
//   B1. What is settled and what is open never exceed a budget's limit together (core/routing/budget.ts).
//   B3. A lease whose time has passed is charged in full, and once; what is said of it later changes nothing.

import { randomUUID } from 'node:crypto'
import {
  type BudgetSpec,
  budgetSpec,
  chargeOf,
  decideGrant,
  type LeaseAnswer,
  type LeaseRequest,
  nanosOf,
  type SoftBudget,
  softUntilMs,
  windowBounds,
} from '@tutti/core/routing'
import { loadResource, type Query, type Sql } from '../store/index.ts'

// A gateway serves on so long while the control plane is away.
const leaseMs = 2 * 3_600_000

interface LeaseRow {
  readonly id: string
  readonly project: string
  readonly budget: string
  readonly start_ms: string
  readonly granted_nanos: string
  readonly settled_nanos: string
}

export async function leaseBudgets(
  sql: Sql,
  request: LeaseRequest,
  nowMs: number,
): Promise<LeaseAnswer> {
  const { gateway, atMs = nowMs } = request
  const theirs = (untilMs: number) => untilMs - (nowMs - atMs)
  return await sql.begin(async (tx) => {
    await lockBudgets(tx, request)
    const unknown: string[] = []
    for (const { lease, nanos, isOver } of request.settled) {
      const known = await settle(tx, { gateway, lease, nanos })
      if (known === null) unknown.push(lease)
      else if (isOver) await end(tx, known, 'closed')
    }
    const granted: LeaseAnswer['granted'] = []
    const soft: SoftBudget[] = []
    for (const wanted of request.wanted) {
      const { project, budget } = wanted
      const row = await loadResource(tx, { kind: 'Budget', project, name: budget })
      if (row === null) continue
      const spec = budgetSpec.parse(row.spec)
      const lease = await grant(tx, { gateway, wanted, spec, nowMs })
      if (lease !== null) granted.push({ ...lease, untilMs: theirs(lease.untilMs) })
      if (spec.softDollars === undefined) continue
      const spent = await spentOf(tx, wanted, windowBounds(spec.window, nowMs))
      const untilMs = softUntilMs(spec, spent, nowMs)
      if (untilMs !== null) soft.push({ project, budget, untilMs: theirs(untilMs) })
    }
    return { granted, unknown, ...(soft.length === 0 ? {} : { soft }) }
  })
}

/** Until its end nobody else changes what these budgets have spent, or what is open of them. */
async function lockBudgets(tx: Query, { settled, wanted }: LeaseRequest): Promise<void> {
  const leases = settled.map(({ lease }) => lease)
  const held = await tx<{ project: string; budget: string }[]>`
    select project, budget from budget_lease where id = any(${leases}::text[])`
  const names = [...held, ...wanted].map(({ project, budget }) => `budget/${project}/${budget}`)
  await tx`
    select pg_advisory_xact_lock(hashtextextended(name, 0))
    from unnest(${[...new Set(names)].sort()}::text[]) as name`
}

interface Bounds {
  readonly startMs: number
  readonly endMs: number
}

/** What is known to be spent in a window: of open leases only what was said. */
async function spentOf(
  tx: Query,
  { project, budget }: { readonly project: string; readonly budget: string },
  { startMs, endMs }: Bounds,
): Promise<number> {
  const [sum] = await tx<{ spent: string }[]>`
    select
      (select coalesce(sum(settled_nanos), 0) from budget_window
        where project = ${project} and budget = ${budget}
          and start_ms >= ${startMs} and start_ms < ${endMs})
      + (select coalesce(sum(settled_nanos), 0) from budget_lease
        where project = ${project} and budget = ${budget}
          and start_ms >= ${startMs} and start_ms < ${endMs}) as spent`
  return Number(sum?.spent ?? 0)
}

/** Totals never go back: a message that comes twice, or late, changes nothing. */
async function settle(
  tx: Query,
  of: { readonly gateway: string; readonly lease: string; readonly nanos: number },
): Promise<LeaseRow | null> {
  const [row] = await tx<LeaseRow[]>`
    update budget_lease set settled_nanos = greatest(settled_nanos, ${of.nanos})
    where id = ${of.lease} and gateway = ${of.gateway}
    returning id, project, budget, start_ms, granted_nanos, settled_nanos`
  return row ?? null
}

async function end(tx: Query, row: LeaseRow, ending: 'closed' | 'lost'): Promise<void> {
  const lease = {
    grantedNanos: Number(row.granted_nanos),
    settledNanos: Number(row.settled_nanos),
  }
  const charge = chargeOf(lease, ending)
  await tx`
    insert into budget_window (project, budget, start_ms, settled_nanos)
    values (${row.project}, ${row.budget}, ${row.start_ms}, ${charge})
    on conflict (project, budget, start_ms)
    do update set settled_nanos = budget_window.settled_nanos + ${charge}`
  await tx`delete from budget_lease where id = ${row.id}`
}

async function grant(
  tx: Query,
  of: {
    readonly gateway: string
    readonly wanted: LeaseRequest['wanted'][number]
    readonly spec: BudgetSpec
    readonly nowMs: number
  },
): Promise<LeaseAnswer['granted'][number] | null> {
  const { gateway, wanted, spec, nowMs } = of
  const { project, budget, lease = randomUUID() } = wanted
  const lost = await tx<LeaseRow[]>`
    select id, project, budget, start_ms, granted_nanos, settled_nanos from budget_lease
    where project = ${project} and budget = ${budget} and until_ms < ${nowMs}`
  for (const row of lost) await end(tx, row, 'lost') // B3
  const { startMs, endMs } = windowBounds(spec.window, nowMs)
  const [sum] = await tx<{ settled: string; open: string }[]>`
    select
      (select coalesce(sum(settled_nanos), 0) from budget_window
        where project = ${project} and budget = ${budget}
          and start_ms >= ${startMs} and start_ms < ${endMs}) as settled,
      (select coalesce(sum(greatest(granted_nanos, settled_nanos)), 0) from budget_lease
        where project = ${project} and budget = ${budget}
          and start_ms >= ${startMs} and start_ms < ${endMs}) as open`
  const state = {
    limitNanos: nanosOf(spec.limitDollars),
    settledNanos: Number(sum?.settled ?? 0),
    openNanos: Number(sum?.open ?? 0),
  }
  const nanos = decideGrant(state, wanted.nanos) // B1
  if (nanos === 0) return null
  const untilMs = nowMs + leaseMs
  await tx`
    insert into budget_lease
      (id, gateway, project, budget, start_ms, granted_nanos, until_ms)
    values (${lease}, ${gateway}, ${project}, ${budget}, ${startMs}, ${nanos}, ${untilMs})`
  return { lease, project, budget, nanos, untilMs: Math.min(untilMs, endMs) }
}
