// Sync schedules
//
// Brings the rows of schedules to what the newest versions of workflows declare. A version that is not the newest any
// more starts no runs by itself; one without a schedule ends that of the version before.

import type { Json } from '@tutti/core/resource'
import {
  catchUpOf,
  nextTick,
  type Partition,
  parseWorkflow,
  planRun,
  planTicks,
  type RunPlan,
  runPropertiesOf,
  type Timing,
  type TimingKind,
  Trigger,
  timingKinds,
  timingOf,
} from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'

/** A schedule as its document has it. */
export interface Schedule {
  readonly id: string
  readonly project: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly timing: Timing
  readonly catchUp: number
  readonly sinceMs: number
  /** What its runs may reach, as policy is told. */
  readonly plan: RunPlan
  /** Of the Workflow. */
  readonly labels: Readonly<Record<string, string>>
  /** What parts its data has; null: none. */
  readonly partition: Partition | null
  /** Null where time starts it. */
  readonly trigger: Trigger | null
}

const syncLock = 0x7363_6864 // 'schd': one control plane at a time

/** Writes the rows; gives the schedules by id. */
export async function syncSchedules(
  sql: Sql,
  nowMs: number,
): Promise<ReadonlyMap<string, Schedule>> {
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${syncLock})`
    const declared = await loadSchedules(tx)
    const rows = await tx<{ id: string; version: string; tick_at_ms: number | null }[]>`
      select id, version, tick_at_ms from workflow_schedule`
    const stored = new Map(rows.map((row) => [row.id, row]))
    for (const schedule of declared.values()) {
      const row = stored.get(schedule.id)
      if (row?.version !== schedule.version) await writeSchedule(tx, schedule)
      else await bringBack(tx, schedule, { tickMs: row.tick_at_ms, nowMs })
    }
    const gone = rows.filter(({ id }) => !declared.has(id)).map(({ id }) => id)
    if (gone.length > 0) {
      await tx`delete from workflow_schedule where id = any(${gone})`
      await tx`delete from workflow_trigger where schedule = any(${gone})`
    }
    return declared
  })
}

interface NewestRow {
  readonly project: string
  readonly document: Json
  readonly labels: Readonly<Record<string, string>>
  readonly created_at_ms: number
}

async function loadSchedules(tx: Query): Promise<ReadonlyMap<string, Schedule>> {
  const newest = await tx<NewestRow[]>`
    select project, spec->'document' as document, labels, created_at_ms from (
      select distinct on (project, split_part(name, ':', 1)) project, spec, labels, created_at_ms
      from resource where kind = 'Workflow' and not deleted
      order by project, split_part(name, ':', 1), created_at_ms desc, name desc) as newest
    where spec->'document' ? 'schedule'`
  const schedules = newest.flatMap((row) => timingKinds.flatMap((kind) => scheduleOf(row, kind)))
  return new Map(schedules.map((schedule) => [schedule.id, schedule]))
}

function scheduleOf(
  { project, document: source, labels, created_at_ms: sinceMs }: NewestRow,
  kind: TimingKind,
): readonly Schedule[] {
  const parsed = parseWorkflow(source)
  const timing = parsed.ok ? timingOf(parsed.document, kind) : null
  // A document was checked when it was declared: one of an older Tutti's that is not valid any more rests.
  if (!parsed.ok || timing === null || !timing.ok) return []
  const { namespace, name, version } = parsed.document.document
  const trigger = kind === 'on' ? new Trigger(parsed.document) : null
  const catchUp = catchUpOf(parsed.document) ?? 0
  const id = `${project}.${namespace}.${name}.${kind}`
  const named = { id, project, namespace, name, version }
  const plan = planRun(source)
  const { partition = null } = runPropertiesOf(parsed.document.document)
  const about = { catchUp, sinceMs, plan, labels, partition }
  return [{ ...named, ...about, timing: timing.timing, trigger }]
}

/** The first run of `after` starts at once: nothing came before it. */
async function writeSchedule(tx: Query, schedule: Schedule): Promise<void> {
  const { id, project, namespace, name, version, timing, sinceMs, trigger } = schedule
  const tickMs = timing.kind === 'after' ? sinceMs : nextTick(timing, sinceMs, sinceMs)
  const types = trigger?.types ?? null
  await tx`
    insert into workflow_schedule (id, project, namespace, name, kind, version, since_ms,
      tick_at_ms, event_types)
    values (${id}, ${project}, ${namespace}, ${name}, ${timing.kind}, ${version}, ${sinceMs},
      ${tickMs}, ${types === null ? null : [...types]})
    on conflict (id) do update set version = excluded.version, since_ms = excluded.since_ms,
      event_types = excluded.event_types, taken = '[]',
      tick_at_ms = case when workflow_schedule.run is null then excluded.tick_at_ms end`
}

/** A clock that was ahead has put ticks too far away. */
async function bringBack(
  tx: Query,
  { id, timing, sinceMs, catchUp }: Schedule,
  { tickMs, nowMs }: { readonly tickMs: number | null; readonly nowMs: number },
): Promise<void> {
  if (tickMs === null || tickMs <= nowMs) return
  const plan = planTicks(timing, { sinceMs, catchUp, tickMs }, nowMs)
  if (plan.tickMs === tickMs) return
  await tx`update workflow_schedule set tick_at_ms = ${plan.tickMs} where id = ${id}`
}
