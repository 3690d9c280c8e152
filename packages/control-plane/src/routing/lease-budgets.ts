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
  chargedAtMs,
  chargeOf,
  decideGrant,
  type LeaseAnswer,
  type LeaseRequest,
  leaseMs,
  lostMs,
  nanosOf,
  type SoftBudget,
  shortMs,
  softUntilMs,
  windowBounds,
} from '@tutti/core/routing'
import { loadResource, type Query, type Sql } from '../store/index.ts'

// After a start those who could not be heard before have their turn, before what they hold is lost.
const hearingMs = 60_000

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
  sinceMs = -Infinity,
): Promise<LeaseAnswer> {
  const { gateway, atMs = nowMs } = request
  const theirs = (untilMs: number) => untilMs - (nowMs - atMs)
  return await sql.begin(async (tx) => {
    const budgets = await lockBudgets(tx, request)
    const known = await settle(tx, request, nowMs)
    const unknown: string[] = []
    for (const { lease, isOver } of request.settled) {
      const row = known.get(lease)
      if (row === undefined) unknown.push(lease)
      else if (isOver) {
        await end(tx, row, 'closed')
        known.delete(lease) // said twice
      }
    }
    const granted: LeaseAnswer['granted'] = []
    const soft: SoftBudget[] = []
    for (const wanted of request.wanted) {
      const { project, budget } = wanted
      const row = await loadResource(tx, { kind: 'Budget', project, name: budget })
      if (row === null) continue
      const spec = budgetSpec.parse(row.spec)
      const isHeard = nowMs - sinceMs >= hearingMs
      const lease = await grant(tx, { gateway, wanted, spec, nowMs, isHeard })
      if (lease !== null) granted.push({ ...lease, untilMs: theirs(lease.untilMs) })
      if (spec.softDollars === undefined) continue
      const spent = await spentOf(tx, wanted, windowBounds(spec.window, nowMs))
      const untilMs = softUntilMs(spec, spent, nowMs)
      if (untilMs !== null) soft.push({ project, budget, untilMs: theirs(untilMs) })
    }
    const short = request.hearsShort === true ? await shortOf(tx, budgets, nowMs) : []
    return {
      ...{ granted, unknown },
      ...(soft.length === 0 ? {} : { soft }),
      ...(short.length === 0 ? {} : { short }),
    }
  })
}

/** Until its end nobody else changes what these budgets have spent, or what is open of them. */
async function lockBudgets(
  tx: Query,
  { settled, wanted }: LeaseRequest,
): Promise<readonly BudgetName[]> {
  const leases = settled.map(({ lease }) => lease)
  const held = await tx<{ project: string; budget: string }[]>`
    select project, budget from budget_lease where id = any(${leases}::text[])`
  const budgets = [...held, ...wanted].map(({ project, budget }) => ({ project, budget }))
  const names = budgets.map(({ project, budget }) => `budget/${project}/${budget}`)
  await tx`
    select pg_advisory_xact_lock(hashtextextended(name, 0))
    from unnest(${[...new Set(names)].sort()}::text[]) as name`
  return budgets
}

/** Of these, those of which somebody wanted more than there was, a moment ago. */
async function shortOf(
  tx: Query,
  budgets: readonly BudgetName[],
  nowMs: number,
): Promise<NonNullable<LeaseAnswer['short']>> {
  const projects = budgets.map(({ project }) => project)
  const names = budgets.map(({ budget }) => budget)
  return await tx<BudgetName[]>`
    select distinct project, budget from budget_window
    where (project, budget) in (select * from unnest(${projects}::text[], ${names}::text[]))
      and refused_ms > 0 and refused_ms > ${nowMs - shortMs}`
}

interface BudgetName {
  readonly project: string
  readonly budget: string
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

/**
 * Totals never go back, and what was given back is not held again: a message that comes twice, or
 * late, changes nothing. What its gateway speaks of is not lost, however long a request takes that
 * is paid from it.
 */
async function settle(
  tx: Query,
  { gateway, settled }: LeaseRequest,
  nowMs: number,
): Promise<Map<string, LeaseRow>> {
  if (settled.length === 0) return new Map()
  const ids = settled.map(({ lease }) => lease)
  const nanos = settled.map((one) => `${one.nanos}`)
  const held = settled.map(({ heldNanos }) => (heldNanos === undefined ? null : `${heldNanos}`))
  const rows = await tx<LeaseRow[]>`
    update budget_lease set
      settled_nanos = greatest(settled_nanos, said.nanos),
      granted_nanos = least(granted_nanos, said.held), until_ms = ${nowMs + lostMs}
    from (select lease, max(nanos) as nanos, min(held) as held
      from unnest(${ids}::text[], ${nanos}::bigint[], ${held}::bigint[])
        as each (lease, nanos, held) group by lease) as said
    where id = said.lease and gateway = ${gateway}
    returning id, project, budget, start_ms, granted_nanos, settled_nanos`
  return new Map(rows.map((row) => [row.id, row]))
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
    /** That who holds leases could have said so. */
    readonly isHeard: boolean
  },
): Promise<LeaseAnswer['granted'][number] | null> {
  const { gateway, wanted, spec, nowMs } = of
  const { project, budget, lease = randomUUID() } = wanted
  if (of.isHeard) await endLost(tx, wanted, nowMs)
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
  const nanos = decideGrant(state, wanted.nanos, wanted.least) // B1
  if (nanos === 0) {
    await tx`
      insert into budget_window (project, budget, start_ms, refused_ms)
      values (${project}, ${budget}, ${startMs}, ${nowMs})
      on conflict (project, budget, start_ms) do update set refused_ms = ${nowMs}`
    return null
  }
  const atMs = chargedAtMs(spec.window, nowMs)
  await tx`
    insert into budget_lease
      (id, gateway, project, budget, start_ms, granted_nanos, until_ms)
    values (${lease}, ${gateway}, ${project}, ${budget}, ${atMs}, ${nanos}, ${nowMs + lostMs})`
  return { lease, project, budget, nanos, untilMs: Math.min(nowMs + leaseMs, endMs) }
}

/** B3. */
async function endLost(tx: Query, { project, budget }: BudgetName, nowMs: number): Promise<void> {
  const lost = await tx<LeaseRow[]>`
    select id, project, budget, start_ms, granted_nanos, settled_nanos from budget_lease
    where project = ${project} and budget = ${budget} and until_ms < ${nowMs}`
  for (const row of lost) await end(tx, row, 'lost')
}
