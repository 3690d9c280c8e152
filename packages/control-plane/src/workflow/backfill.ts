// Backfill
//
// Runs for ticks of the past: some at a time, the oldest first, so that what comes now is not kept waiting. A tick's run is
// named after it: a backfill that is asked for twice starts nothing twice.

import { randomUUID } from 'node:crypto'
import type { Json } from '@tutti/core/resource'
import { nextTick, type Timing, timingOf, type WorkflowDocument } from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import type { RunHead } from './run-head.ts'
import { sendSignal } from './signal.ts'

export interface BackfillRequest
  extends Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'> {
  readonly fromMs: number
  readonly untilMs: number
  /** Runs at the same time. */
  readonly concurrency: number
  readonly input: Readonly<Record<string, Json>>
}

export type Backfilled =
  | { readonly ok: true; readonly id: string; readonly runs: number }
  | { readonly ok: false; readonly reason: string }

const ticksMax = 1_000 // more than that is a run over a list of days
export const concurrencyMax = 20

export async function startBackfill(
  sql: Sql,
  document: WorkflowDocument,
  request: BackfillRequest,
): Promise<Backfilled> {
  const timing = ['cron', 'every'].map((kind) => timingOf(document, kind as 'cron' | 'every'))
  const found = timing.find((one) => one?.ok === true)
  if (found?.ok !== true) {
    return { ok: false, reason: 'the workflow is not scheduled by cron or an interval' }
  }
  const ticks = ticksBetween(found.timing, request)
  if (ticks.length === 0 || ticks.length > ticksMax) {
    const count = ticks.length > ticksMax ? `more than ${ticksMax}` : 'no'
    return { ok: false, reason: `there are ${count} ticks in that time: expected 1 to ${ticksMax}` }
  }
  const id = randomUUID()
  const { project, namespace, name, version, concurrency, input } = request
  await sql`
    insert into workflow_backfill (id, project, namespace, name, version, input, concurrency, ticks)
    values (${id}, ${project}, ${namespace}, ${name}, ${version}, ${JSON.stringify(input)},
      ${concurrency}, ${JSON.stringify(ticks)})`
  return { ok: true, id, runs: ticks.length }
}

/** One more than may be is enough to say that there are too many. Intervals count from `fromMs`. */
function ticksBetween(timing: Timing, { fromMs, untilMs }: BackfillRequest): readonly number[] {
  const ticks: number[] = []
  let at = timing.kind === 'every' ? fromMs : nextTick(timing, 0, fromMs - 1)
  while (at !== null && at < untilMs && ticks.length <= ticksMax) {
    ticks.push(at)
    at = nextTick(timing, fromMs, at)
  }
  return ticks
}

interface Row extends Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'> {
  readonly id: string
  readonly input: string
  readonly concurrency: number
  readonly ticks: string
  readonly running: readonly string[]
}

/** Starts what may be started now. */
export async function advanceBackfills(sql: Sql): Promise<void> {
  const [any] = await sql`select from workflow_backfill limit 1` // most of the time there is none
  if (any === undefined) return
  await sql.begin(async (tx) => {
    const rows = await tx<Row[]>`select * from workflow_backfill for update skip locked`
    for (const row of rows) await advance(tx, row)
  })
}

async function advance(tx: Query, row: Row): Promise<void> {
  const ended = await tx<{ id: string }[]>`
    select id from workflow_run where id = any(${[...row.running]}) and outcome is not null`
  const over = new Set(ended.map(({ id }) => id))
  const running = row.running.filter((id) => !over.has(id))
  const ticks: readonly number[] = JSON.parse(row.ticks)
  const next = ticks.slice(0, Math.max(0, row.concurrency - running.length))
  const { id: backfill, project, namespace, name, version } = row
  for (const atMs of next) {
    const tick = new Date(atMs).toISOString()
    const id = `${project}.${namespace}.${name}.backfill.${version}.${tick}`
    const labels = { 'tutti/backfill': backfill }
    const input = { ...JSON.parse(row.input), tick }
    const request = { project, namespace, name, version, input, labels, id }
    await sendSignal(tx, id, { kind: 'start', request })
    running.push(id)
  }
  if (running.length === 0) await tx`delete from workflow_backfill where id = ${backfill}`
  else if (next.length > 0 || over.size > 0) {
    const left = JSON.stringify(ticks.slice(next.length))
    await tx`
      update workflow_backfill set ticks = ${left}, running = ${running} where id = ${backfill}`
  }
}
