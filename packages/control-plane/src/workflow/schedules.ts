// Schedules
//
// Starts runs by time and by events. Every control plane looks; a row is worked on by one at a time, and what it says
// of its next tick changes in the transaction that asks for the runs: so that a tick starts one run, whoever dies when.

import type { Json } from '@tutti/core/resource'
import { type CloudEvent, planTicks } from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import { advanceBackfills } from './backfill.ts'
import { sendSignal } from './signal.ts'
import { type Schedule, syncSchedules } from './sync-schedules.ts'

export interface SchedulesPorts {
  readonly sql: Sql
  readonly nowMs: () => number
}

export interface Schedules {
  /** Starts what is due. A turn of a loop. */
  readonly turn: () => Promise<void>
  /** Workflows may have been declared: the next turn looks. */
  readonly forget: () => void
}

const rowsMax = 100 // worked on in one transaction
const eventsMax = 1_000 // heard by one schedule in one transaction
const syncMs = 60_000 // what nobody told us of, a clock that was put back elsewhere

export function openSchedules({ sql, nowMs }: SchedulesPorts): Schedules {
  let known: ReadonlyMap<string, Schedule> = new Map() // `turn` writes
  let syncedMs: number | null = null // written by `turn` and `forget`
  return {
    forget: () => {
      syncedMs = null
    },
    turn: async () => {
      const now = nowMs()
      // A clock that was put back is looked at anew, too.
      if (syncedMs === null || now >= syncedMs + syncMs || now < syncedMs) {
        syncedMs = now
        known = await syncSchedules(sql, now)
      }
      await noteEnds(sql, known)
      while ((await tick(sql, known, now)) === rowsMax);
      while ((await hear(sql, known)) === rowsMax);
      await advanceBackfills(sql)
    },
  }
}

/** `after`: the next tick is known once the run before has ended. */
async function noteEnds(sql: Sql, known: ReadonlyMap<string, Schedule>): Promise<void> {
  const ended = await sql<{ id: string; run: string; at_ms: number }[]>`
    select s.id, s.run, r.updated_at_ms as at_ms
    from workflow_schedule s join workflow_run r on r.id = s.run where r.outcome is not null`
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

async function tick(
  sql: Sql,
  known: ReadonlyMap<string, Schedule>,
  nowMs: number,
): Promise<number> {
  return await sql.begin(async (tx) => {
    const rows = await tx<Row[]>`
      select id, version, tick_at_ms, taken from workflow_schedule
      where tick_at_ms <= ${nowMs} and id = any(${[...known.keys()]})
      order by tick_at_ms limit ${rowsMax} for update skip locked`
    let done = 0
    for (const row of rows) {
      const schedule = known.get(row.id)
      if (schedule === undefined || schedule.version !== row.version) continue
      const { timing, sinceMs, catchUp } = schedule
      const plan = planTicks(timing, { sinceMs, catchUp, tickMs: row.tick_at_ms }, nowMs)
      let run: string | null = null
      for (const atMs of plan.starts) {
        const mark = new Date(atMs).toISOString()
        run = await ask(tx, schedule, { mark, input: { tick: mark } })
      }
      await tx`
        update workflow_schedule set tick_at_ms = ${plan.tickMs},
          run = ${timing.kind === 'after' ? run : null} where id = ${row.id}`
      done += 1
    }
    return done
  })
}

async function hear(sql: Sql, known: ReadonlyMap<string, Schedule>): Promise<number> {
  return await sql.begin(async (tx) => {
    const rows = await tx<Row[]>`
      select id, version, tick_at_ms, taken from workflow_schedule s
      where id = any(${[...known.keys()]})
        and exists (select 1 from workflow_trigger t where t.schedule = s.id)
      limit ${rowsMax} for update skip locked`
    let done = 0
    for (const row of rows) {
      const schedule = known.get(row.id)
      if (schedule?.trigger == null || schedule.version !== row.version) continue
      await hearOne(tx, schedule, JSON.parse(row.taken))
      done += 1
    }
    return done
  })
}

async function hearOne(
  tx: Query,
  schedule: Schedule,
  before: readonly CloudEvent[],
): Promise<void> {
  const { id, trigger } = schedule
  const events = await tx<{ id: string; body: string }[]>`
    select id::text as id, body from workflow_trigger where schedule = ${id}
    order by id limit ${eventsMax}`
  let taken = before
  for (const { id: mark, body } of events) {
    const heard = trigger?.hear(taken, JSON.parse(body))
    if (heard === undefined) continue
    taken = heard.taken
    if (heard.input !== null) await ask(tx, schedule, { mark, input: heard.input })
  }
  const heard = events.map((event) => event.id)
  await tx`delete from workflow_trigger where id = any(${heard}::bigint[])`
  await tx`update workflow_schedule set taken = ${JSON.stringify(taken)} where id = ${id}`
}

/** Asks for a run, which an engine starts once: its id is that of the tick. Gives the id. */
async function ask(
  tx: Query,
  { id: schedule, project, namespace, name, version, timing }: Schedule,
  { mark, input }: { readonly mark: string; readonly input: Json },
): Promise<string> {
  const id = `${schedule}.${mark}`
  const labels = { 'tutti/schedule': timing.kind }
  const named = { project, namespace, name, version }
  const request = { ...named, input, labels, id }
  await sendSignal(tx, id, { kind: 'start', request })
  return id
}
