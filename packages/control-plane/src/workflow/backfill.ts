// Backfill
//
// Runs for ticks of the past, or for partitions: some at a time, the oldest first, so that what comes now is not kept waiting. A run is
// named after its tick or partition: a backfill that is asked for twice starts nothing twice.

import { randomUUID } from 'node:crypto'
import type { Json } from '@tutti/core/resource'
import {
  nextTick,
  partitionsOf,
  runPropertiesOf,
  type Timing,
  timingOf,
  type WorkflowDocument,
} from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import { backfillLabel, isLost, tellQueues } from './queue.ts'
import type { RunHead } from './run-head.ts'
import { sendSignal } from './signal.ts'

export interface BackfillRequest
  extends Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'> {
  readonly fromMs?: number | undefined
  readonly untilMs?: number | undefined
  /** Names of partitions; absent: those of the time, or all keys. */
  readonly partitions?: readonly string[] | undefined
  /** Runs at the same time. */
  readonly concurrency: number
  readonly input: Readonly<Record<string, Json>>
}

export type Backfilled =
  | { readonly ok: true; readonly id: string; readonly runs: number }
  | { readonly ok: false; readonly reason: string }

const marksMax = 1_000 // more than that is a run over a list of days
export const concurrencyMax = 20

export async function startBackfill(
  sql: Sql,
  document: WorkflowDocument,
  request: BackfillRequest,
): Promise<Backfilled> {
  const found = marksOf(document, request)
  if (!found.ok) return found
  const { marks, what } = found
  if (marks.length === 0 || marks.length > marksMax) {
    const count = marks.length > marksMax ? `more than ${marksMax}` : 'no'
    const reason = `there are ${count} ${what} in that time: expected 1 to ${marksMax}`
    return { ok: false, reason }
  }
  const id = randomUUID()
  const { project, namespace, name, version, concurrency, input } = request
  await sql`
    insert into workflow_backfill (id, project, namespace, name, version, input, concurrency, ticks)
    values (${id}, ${project}, ${namespace}, ${name}, ${version}, ${JSON.stringify(input)},
      ${concurrency}, ${JSON.stringify(marks)})`
  await tellQueues(sql)
  return { ok: true, id, runs: marks.length }
}

/** A tick, or the name of a partition. */
type Mark = number | string

type Marks =
  | { readonly ok: true; readonly marks: readonly Mark[]; readonly what: string }
  | { readonly ok: false; readonly reason: string }

function marksOf(document: WorkflowDocument, request: BackfillRequest): Marks {
  const { fromMs, untilMs, partitions: names } = request
  const { partition } = runPropertiesOf(document.document)
  if (partition !== undefined) {
    const found = partitionsOf(partition, { names, fromMs, untilMs }, marksMax)
    return found.ok ? { ok: true, marks: found.names, what: 'partitions' } : found
  }
  if (names !== undefined) return { ok: false, reason: 'the workflow has no partitions' }
  const timing = ['cron', 'every'].map((kind) => timingOf(document, kind as 'cron' | 'every'))
  const found = timing.find((one) => one?.ok === true)
  if (found?.ok !== true) {
    const reason = 'the workflow has no partitions, and is not scheduled by cron or an interval'
    return { ok: false, reason }
  }
  if (fromMs === undefined || untilMs === undefined) {
    return { ok: false, reason: 'the workflow has no partitions: expected from and until' }
  }
  return { ok: true, marks: ticksBetween(found.timing, { fromMs, untilMs }), what: 'ticks' }
}

/** One more than may be is enough to say that there are too many. Intervals count from `fromMs`. */
function ticksBetween(
  timing: Timing,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): readonly number[] {
  const ticks: number[] = []
  let at = timing.kind === 'every' ? fromMs : nextTick(timing, 0, fromMs - 1)
  while (at !== null && at < untilMs && ticks.length <= marksMax) {
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
    select id from unnest(${[...row.running]}::text[]) as asked (id)
      left join workflow_run r using (id)
    where r.outcome is not null or (r.id is null and ${isLost(tx, 'asked.id')})`
  const over = new Set(ended.map(({ id }) => id))
  const running = row.running.filter((id) => !over.has(id))
  const ticks: readonly Mark[] = JSON.parse(row.ticks)
  const next = ticks.slice(0, Math.max(0, row.concurrency - running.length))
  const { id: backfill, project, namespace, name, version } = row
  for (const mark of next) {
    const isTick = typeof mark === 'number'
    const part = isTick ? { tick: new Date(mark).toISOString() } : { partition: mark }
    const id = `${project}.${namespace}.${name}.backfill.${version}.${part.tick ?? part.partition}`
    const labels = { [backfillLabel]: backfill }
    const input = { ...JSON.parse(row.input), ...part }
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
