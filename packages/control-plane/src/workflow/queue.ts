// Queue
//
// Admission of runs: those of a workflow that says so (`queue`, `concurrency`, `rate`) wait as rows until their queue lets them begin.
// Every control plane looks; a queue is worked on by one at a time, and who is admitted and asked for changes in one transaction.

import { planAdmissions, type RunProperties } from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import type { RunFilter, StoredRun } from './load-runs.ts'
import type { QueuedPlace } from './run-cursor.ts'
import { shardOf } from './run-head.ts'
import { sendSignal, triggerChannel } from './signal.ts'
import type { StartRequest } from './start-request.ts'

/** On runs that a queue has admitted: their end lets the next one begin. */
export const queueLabel = 'tutti/queue'

/** On runs that were started to make an asset: their end is told to those who wait. */
export const productionLabel = 'tutti/asset'

const queuesMax = 200 // read at once
const admittedMax = 200 // of one queue in one turn
const lostMs = 60_000 // admitted so long ago, and neither begun nor about to: what it was is gone

/** Whether the run waits in a queue now; who has a parent was admitted with it. */
export async function enqueue(
  sql: Sql,
  { request, id }: { readonly request: StartRequest; readonly id: string },
  properties: RunProperties,
  nowMs: number,
): Promise<boolean> {
  const { queue, concurrency, rate, priority } = properties
  const isQueued = queue !== undefined || concurrency !== undefined || rate !== undefined
  if (!isQueued || request.isAdmitted === true || request.parent != null) return false
  const name = queue ?? `${request.namespace}.${request.name}`
  const isBackfill = request.labels?.[backfillLabel] !== undefined
  const everyMs = rate === undefined ? null : rate.per / rate.runs
  const labels = { ...request.labels, [queueLabel]: name }
  const asked = JSON.stringify({ ...request, id, labels, isAdmitted: true })
  await sql`
    insert into workflow_queued (run, project, queue, is_backfill, priority, concurrency, every_ms,
      request, asked_at_ms)
    values (${id}, ${request.project}, ${name}, ${isBackfill}, ${priority},
      ${concurrency ?? null}, ${everyMs}, ${asked}, ${nowMs})
    on conflict do nothing`
  await tellQueues(sql)
  return true
}

/** There may be room in a queue. */
export async function tellQueues(sql: Query): Promise<void> {
  await sql`select pg_notify(${triggerChannel}, '')`
}

/** On runs that a schedule asked for, with its kind: `after` goes on when they end. */
export const scheduleLabel = 'tutti/schedule'

/** On runs of a backfill: their end lets the next one begin. */
export const backfillLabel = 'tutti/backfill'

/** Whether somebody besides its parent waits for the run's end: the loop `schedules` acts on it. */
export function isEndAwaited({ labels }: Pick<StoredRun['head'], 'labels'>): boolean {
  const isOfMany = queueLabel in labels || backfillLabel in labels
  return isOfMany || productionLabel in labels || labels[scheduleLabel] === 'after'
}

/** Admits whom the queues let begin. A turn of a loop. */
export async function advanceQueues(sql: Sql, nowMs: number): Promise<void> {
  await sql`
    delete from workflow_queued q where admitted_at_ms is not null and (
      exists (select 1 from workflow_run r where r.id = q.run and r.outcome is not null)
      or (admitted_at_ms < ${nowMs - lostMs}
        and not exists (select 1 from workflow_run r where r.id = q.run)
        and not exists (select 1 from workflow_signal s
          where s.shard = any(${allShards}) and s.run = q.run)))`
  // All of them, who has waited longest first: some that are full must not keep the others waiting.
  for (let after = '0'; ; ) {
    const queues = await sql<{ project: string; queue: string; place: string }[]>`
      select project, queue, min(place)::text as place from workflow_queued
      where admitted_at_ms is null group by project, queue having min(place) > ${after}
      order by min(place) limit ${queuesMax}`
    for (const { project, queue } of queues) {
      await sql.begin((tx) => advance(tx, { project, queue }, nowMs))
    }
    if (queues.length < queuesMax) return
    after = queues.at(-1)?.place ?? after
  }
}

const allShards = Array.from({ length: 64 }, (_, shard) => shard)

/**
 * Whether a run that was asked for, and has no row, never will: nobody is about to start it. For
 * the statement that looks for the row: an engine writes it before it forgets that it was asked.
 */
export function isLost(sql: Query, column: 'asked.id' | 's.run') {
  return sql`not exists (select 1 from workflow_queued q where q.run = ${sql(column)})
    and not exists (select 1 from workflow_signal t
      where t.shard = any(${allShards}) and t.run = ${sql(column)})`
}

interface QueuedRow {
  readonly run: string
  readonly concurrency: number | null
  readonly every_ms: number | null
  readonly request: string
}

async function advance(
  tx: Query,
  { project, queue }: { readonly project: string; readonly queue: string },
  nowMs: number,
): Promise<void> {
  await tx`
    insert into workflow_queue (project, queue, next_at_ms) values (${project}, ${queue}, 0)
    on conflict do nothing`
  const [state] = await tx<{ next_at_ms: number }[]>`
    select next_at_ms from workflow_queue where project = ${project} and queue = ${queue}
    for update skip locked`
  if (state === undefined) return // another control plane is at it
  const [count] = await tx<{ running: number }[]>`
    select count(*)::int as running from workflow_queued
    where project = ${project} and queue = ${queue} and admitted_at_ms is not null`
  const waiting = await tx<QueuedRow[]>`
    select run, concurrency, every_ms, request from workflow_queued
    where project = ${project} and queue = ${queue} and admitted_at_ms is null
    order by is_backfill, priority desc, place limit ${admittedMax}`
  const runs = waiting.map(({ run, concurrency, every_ms: everyMs }) => ({
    ...{ run, concurrency, everyMs },
  }))
  const running = count?.running ?? 0
  const plan = planAdmissions({ running, nextAtMs: state.next_at_ms }, runs, nowMs)
  for (const { run, request } of waiting.slice(0, plan.admitted.length)) {
    await tx`update workflow_queued set admitted_at_ms = ${nowMs} where run = ${run}`
    await sendSignal(tx, run, { kind: 'start', request: JSON.parse(request) })
  }
  await tx`
    update workflow_queue set next_at_ms = ${plan.nextAtMs}
    where project = ${project} and queue = ${queue}`
}

/** A run that waits, and its place among those that do. */
export interface QueuedRun extends StoredRun {
  readonly place: QueuedPlace
}

interface WaitingRow {
  readonly run: string
  readonly queue: string
  readonly is_backfill: boolean
  readonly priority: number
  readonly place: string
  readonly request: string
  readonly asked_at_ms: number
}

/** The run, where it waits, or is about to begin. */
export async function loadQueued(sql: Sql, run: string): Promise<QueuedRun | null> {
  const [row] = await sql<WaitingRow[]>`
    select *, place::text as place from workflow_queued where run = ${run}`
  return row === undefined ? null : queuedRun(row)
}

/** Those of a project that wait, in the order in which they will begin. */
export async function listQueued(
  sql: Sql,
  { project, limit, after }: Pick<RunFilter, 'project' | 'limit'> & { after?: QueuedPlace },
): Promise<readonly QueuedRun[]> {
  const [queue, isBackfill, priority, place] = after ?? ['', false, 0, 0]
  const rows = await sql<WaitingRow[]>`
    select *, place::text as place from workflow_queued q
    where admitted_at_ms is null and project = ${project} and (${after === undefined}
      or (queue, is_backfill, -priority, q.place)
        > (${queue}, ${isBackfill}, ${-priority}, ${place}))
    order by queue, is_backfill, priority desc, q.place limit ${limit}`
  return rows.map(queuedRun)
}

function queuedRun(row: WaitingRow): QueuedRun {
  const { run: id, request, asked_at_ms: startedAtMs } = row
  const { project, namespace, name, version, labels = {} }: StartRequest = JSON.parse(request)
  const head = { id, project, namespace, name, version, labels, startedAtMs, parent: null }
  return {
    head: { ...head, shard: shardOf(id) },
    ...{ status: 'queued', wakeAtMs: null, updatedAtMs: startedAtMs, hash: null, outcome: null },
    place: [row.queue, row.is_backfill, row.priority, Number(row.place)],
  }
}
