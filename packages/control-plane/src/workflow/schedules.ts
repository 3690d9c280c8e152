// Schedules
//
// Starts runs by time and by events. Whatever changes what is to be done says so to all control planes; what time alone brings is
// known beforehand, so that nobody looks each second. Every control plane looks; a row is worked on by one at a time, and what it says
// of its next tick changes in the transaction that asks for the runs: so that a tick starts one run, whoever dies when.

import type { Json } from '@tutti/core/resource'
import { assetName, type CloudEvent, partitionAt, planTicks } from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import { type AssetPorts, advanceAssets, noteProductions } from './assets.ts'
import { advanceBackfills } from './backfill.ts'
import type { Tick } from './judge-tick.ts'
import { noteRefusal } from './note-refusal.ts'
import { expireProcesses } from './processes.ts'
import { advanceQueues, isLost, productionLabel, scheduleLabel } from './queue.ts'
import { sendSignal } from './signal.ts'
import { type Schedule, syncSchedules } from './sync-schedules.ts'

export interface SchedulesPorts {
  readonly sql: Sql
  readonly nowMs: () => number
  /** Gives who says whether a tick may start a run: null, or why not. */
  readonly judge: () => Promise<Judge>
  /** Gives who says whether a run may be started to make an asset. */
  readonly productions: AssetPorts['judge']
}

export type Judge = (tick: Tick) => string | null

/** What one turn works with. */
interface Turn {
  readonly sql: Sql
  readonly known: ReadonlyMap<string, Schedule>
  readonly judge: Judge
  readonly nowMs: number
}

export interface Schedules {
  /** Starts what is due. A turn of a loop. */
  readonly turn: () => Promise<void>
  /** How long until the next tick, or until a queue's rate lets the next one begin. */
  readonly dueInMs: () => number
  /** Workflows may have been declared: the next turn looks. */
  readonly forget: () => void
}

const rowsMax = 100 // worked on in one transaction
const eventsMax = 1_000 // heard by one schedule in one transaction
const refusedMs = 60_000 // until a run that was refused after another one is tried again
const againMs = 1_000 // after a turn that failed, and while processes or backfills are under way
const soonMs = 50 // what is due in less is done together
const syncMs = 60_000 // what nobody told us of, a clock that was put back elsewhere

export function openSchedules({
  sql,
  nowMs,
  judge: openJudge,
  productions,
}: SchedulesPorts): Schedules {
  let known: ReadonlyMap<string, Schedule> = new Map() // `turn` writes
  let syncedMs: number | null = null // written by `turn` and `forget`
  let dueMs = 0 // written by `turn`
  return {
    dueInMs: () => Math.max(soonMs, dueMs - nowMs()),
    forget: () => {
      syncedMs = null
    },
    turn: async () => {
      const now = nowMs()
      dueMs = now + againMs // where it fails
      // A clock that was put back is looked at anew, too.
      if (syncedMs === null || now >= syncedMs + syncMs || now < syncedMs) {
        syncedMs = now
        known = await syncSchedules(sql, now)
      }
      if (known.size > 0) {
        await noteEnds(sql, known, now)
        const judge = await openJudge()
        const turn = { sql, known, judge, nowMs: now }
        while ((await tick(turn)) === rowsMax);
        while ((await hear(turn)) === rowsMax);
      }
      await advanceBackfills(sql)
      await advanceQueues(sql, now)
      await expireProcesses(sql, now)
      await advanceAssets({ sql, nowMs, judge: productions })
      dueMs = await nextDue(sql, now)
    },
  }
}

/** What was due by then has been done, or is another one's. */
async function nextDue(sql: Sql, nowMs: number): Promise<number> {
  const [due] = await sql<{ at_ms: number | null }[]>`
    select least(
      (select min(tick_at_ms) from workflow_schedule where tick_at_ms > ${nowMs}),
      (select min(next_at_ms) from workflow_queue q where next_at_ms > ${nowMs} and exists (
        select 1 from workflow_queued w where admitted_at_ms is null
          and w.project = q.project and w.queue = q.queue)),
      (select ${nowMs + againMs}::float8 from workflow_process limit 1),
      (select ${nowMs + againMs}::float8 from workflow_backfill limit 1)) as at_ms`
  return due?.at_ms ?? Number.POSITIVE_INFINITY
}

/** `after`: the next tick is known once the run before has ended. */
async function noteEnds(
  sql: Sql,
  known: ReadonlyMap<string, Schedule>,
  nowMs: number,
): Promise<void> {
  const ended = await sql<{ id: string; run: string; at_ms: number }[]>`
    select s.id, s.run, coalesce(r.updated_at_ms, ${nowMs}) as at_ms
    from workflow_schedule s left join workflow_run r on r.id = s.run
    where r.outcome is not null
      or (s.run is not null and r.id is null and ${isLost(sql, 's.run')})`
  for (const { id, run, at_ms } of ended) {
    const timing = known.get(id)?.timing
    if (timing?.kind !== 'after') continue
    await sql`
      update workflow_schedule set run = null, tick_at_ms = ${at_ms + timing.afterMs}
      where id = ${id} and run = ${run}`
  }
}

interface Row {
  readonly id: string
  readonly version: string
  readonly tick_at_ms: number | null
  readonly taken: string
}

/** Projects are locked in one order, so that two control planes do not wait for each other. */
function byProject(rows: readonly Row[], known: Turn['known']): readonly Row[] {
  const projectOf = ({ id }: Row) => known.get(id)?.project ?? ''
  return [...rows].sort((a, b) => (projectOf(a) < projectOf(b) ? -1 : 1))
}

async function tick({ sql, known, judge, nowMs }: Turn): Promise<number> {
  return await sql.begin(async (tx) => {
    const rows = await tx<Row[]>`
      select id, version, tick_at_ms, taken from workflow_schedule
      where tick_at_ms <= ${nowMs} and id = any(${[...known.keys()]})
      order by tick_at_ms limit ${rowsMax} for update skip locked`
    let done = 0
    for (const row of byProject(rows, known)) {
      const schedule = known.get(row.id)
      if (schedule === undefined || schedule.version !== row.version) continue
      const { timing, sinceMs, catchUp } = schedule
      const plan = planTicks(timing, { sinceMs, catchUp, tickMs: row.tick_at_ms }, nowMs)
      let run: string | null = null
      let { tickMs } = plan
      const reason = plan.starts.length === 0 ? null : judge(schedule)
      for (const atMs of reason === null ? plan.starts : []) {
        const mark = new Date(atMs).toISOString()
        const part = partOf(schedule, atMs)
        run = await ask(tx, schedule, { mark, input: { tick: mark, ...part }, nowMs, ...part })
      }
      if (plan.starts.length > 0) {
        const refused = reason === null ? null : { reason, ticks: plan.starts.length }
        await noteRefusal(tx, schedule, refused, nowMs)
      }
      // No run whose end could be waited for: it is tried again.
      if (timing.kind === 'after' && reason !== null) {
        tickMs = nowMs + Math.max(timing.afterMs, refusedMs)
      }
      await tx`
        update workflow_schedule set tick_at_ms = ${tickMs},
          run = ${timing.kind === 'after' ? run : null} where id = ${row.id}`
      done += 1
    }
    return done
  })
}

/** What part of its data a run that time starts is about, where its workflow has parts. */
function partOf({ partition }: Schedule, atMs: number): { readonly partition?: string } {
  const name = partition === null ? null : partitionAt(partition, atMs)
  return name === null ? {} : { partition: name }
}

async function hear({ sql, known, judge, nowMs }: Turn): Promise<number> {
  return await sql.begin(async (tx) => {
    const rows = await tx<Row[]>`
      select id, version, tick_at_ms, taken from workflow_schedule s
      where id = any(${[...known.keys()]})
        and exists (select 1 from workflow_trigger t where t.schedule = s.id)
      limit ${rowsMax} for update skip locked`
    let done = 0
    for (const row of byProject(rows, known)) {
      const schedule = known.get(row.id)
      if (schedule?.trigger == null || schedule.version !== row.version) continue
      const reason = judge(schedule)
      const inputs = await hearOne(tx, schedule, JSON.parse(row.taken))
      for (const { mark, input } of reason === null ? inputs : []) {
        await ask(tx, schedule, { mark, input, nowMs })
      }
      if (inputs.length > 0) {
        const refused = reason === null ? null : { reason, ticks: inputs.length }
        await noteRefusal(tx, schedule, refused, nowMs)
      }
      done += 1
    }
    return done
  })
}

/** Takes the events; gives the inputs of the runs that they would start. */
async function hearOne(
  tx: Query,
  schedule: Schedule,
  before: readonly CloudEvent[],
): Promise<readonly { readonly mark: string; readonly input: Json }[]> {
  const inputs: { readonly mark: string; readonly input: Json }[] = []
  const { id, trigger } = schedule
  const events = await tx<{ id: string; body: string }[]>`
    select id::text as id, body from workflow_trigger where schedule = ${id}
    order by id limit ${eventsMax}`
  let taken = before
  for (const { id: mark, body } of events) {
    const heard = trigger?.hear(taken, JSON.parse(body))
    if (heard === undefined) continue
    taken = heard.taken
    if (heard.input !== null) inputs.push({ mark, input: heard.input })
  }
  const heard = events.map((event) => event.id)
  await tx`delete from workflow_trigger where id = any(${heard}::bigint[])`
  await tx`update workflow_schedule set taken = ${JSON.stringify(taken)} where id = ${id}`
  return inputs
}

/**
 * Asks for a run, which an engine starts once: its id is that of the tick. Who needs an asset that
 * it makes waits for it. Gives the id.
 */
async function ask(
  tx: Query,
  schedule: Schedule,
  of: {
    readonly mark: string
    readonly input: Json
    readonly partition?: string
    readonly nowMs: number
  },
): Promise<string> {
  const { mark, input, partition = '', nowMs } = of
  const { project, namespace, name, version, timing, plan } = schedule
  const id = `${schedule.id}.${mark}`
  const isKnown = schedule.partition === null || partition !== ''
  const makes = isKnown ? plan.assetsMade : []
  const assets = makes.map((made) => assetName({ name: made, partition }))
  await noteProductions(tx, { project, assets, run: id }, nowMs)
  const [asset] = assets
  const made = asset === undefined ? {} : { [productionLabel]: asset }
  const labels = { [scheduleLabel]: timing.kind, ...made }
  const named = { project, namespace, name, version }
  const request = { ...named, input, labels, id }
  await sendSignal(tx, id, { kind: 'start', request })
  return id
}
