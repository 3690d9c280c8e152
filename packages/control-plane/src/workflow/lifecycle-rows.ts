// Lifecycle rows
//
// Events of runs' lifecycles as engines write them, and the one order that they get after that, without gaps: who follows them goes on
// after the last place that he has, and misses none that was committed later. Runs that listen hear an event in the transaction that
// gives it its place: once.

import { lifecyclePrefix, workflowName } from '@tutti/core/workflow'
import type { Query, Sql } from '../store/index.ts'
import type { Batch } from './batch.ts'
import { handOver, lifecycleChannel, orderedChannel } from './signal.ts'

const orderMax = 500 // in one transaction
const keptMs = 7 * 86_400_000 // as long as an event's id counts
const keptMax = 1_000_000 // some GB at worst

type Telling = Pick<Batch, 'head' | 'atMs' | 'lifecycle'>

/** The form of `lifecycleRows`, one column after the other. */
export const lifecycleForm = `(run text, number int, project text, workflow text, labels text,
      type text, is_heard boolean, body text, at_ms float8)`
export const lifecycleColumns =
  'run, number, project, workflow, labels, type, is_heard, body, at_ms'

/** Writes them for a run that no engine has. */
export async function writeLifecycle(tx: Query, tellings: readonly Telling[]): Promise<void> {
  await tx.unsafe(
    `insert into workflow_lifecycle (${lifecycleColumns})
     select * from json_to_recordset($1::text::json) as new ${lifecycleForm}
     on conflict do nothing`,
    [lifecycleRows(tellings)],
  )
  await tx`select pg_notify(${lifecycleChannel}, '')`
}

/** What `batchStatement` is given of them. */
export function lifecycleRows(batches: readonly Telling[]): string {
  const rows = batches.flatMap(({ head, atMs, lifecycle }) =>
    lifecycle.map(({ number, type, isHeard, body }) => ({
      ...{ run: head.id, number, project: head.project, workflow: workflowName(head) },
      ...{ labels: JSON.stringify(head.labels), type, is_heard: isHeard, body, at_ms: atMs },
    })),
  )
  return JSON.stringify(rows)
}

/** Gives what is new its place, and hands it to the runs that listen. A turn of a loop. */
export async function orderLifecycle(sql: Sql): Promise<void> {
  for (;;) {
    const [any] = await sql`select 1 from workflow_lifecycle where place is null limit 1`
    if (any === undefined) return
    if ((await sql.begin(orderSome)) < orderMax) return
  }
}

interface Unplaced {
  readonly run: string
  readonly number: number
  readonly project: string
  readonly type: string
  readonly is_heard: boolean
  readonly body: string
}

async function orderSome(tx: Query): Promise<number> {
  // One at a time: who comes later sees what this one has committed.
  const [head] = await tx<{ place: string }[]>`
    select place::text as place from workflow_lifecycle_head for update`
  const rows = await tx<Unplaced[]>`
    select run, number, project, type, is_heard, body from workflow_lifecycle
    where place is null order by written limit ${orderMax}`
  if (rows.length === 0) return 0
  const first = Number(head?.place) + 1
  const places = rows.map((_, index) => first + index)
  await tx`
    update workflow_lifecycle l set place = new.place
    from unnest(${rows.map(({ run }) => run)}::text[], ${rows.map(({ number }) => number)}::int[],
      ${places}::bigint[]) as new (run, number, place)
    where l.run = new.run and l.number = new.number`
  await tx`update workflow_lifecycle_head set place = ${places.at(-1) ?? 0}`
  await tell(tx, rows)
  await tx`select pg_notify(${orderedChannel}, '')`
  return rows.length
}

/** Only who names the type hears it: an event of a run is nothing that just any listener wants. */
async function tell(tx: Query, rows: readonly Unplaced[]): Promise<void> {
  const heard = rows.filter(({ is_heard }) => is_heard)
  if (heard.length === 0) return
  const wanted = await tx<{ project: string; type: string }[]>`
    select project, subject as type from workflow_waiting
    where kind = 'event' and subject = any(${heard.map(({ type }) => type)})
    union select project, t.type from workflow_schedule, unnest(event_types) t (type)
    where kind = 'on' and starts_with(t.type, ${lifecyclePrefix})`
  const pairs = new Set(wanted.map(({ project, type }) => `${project} ${type}`))
  for (const { project, type, body } of heard) {
    if (pairs.has(`${project} ${type}`)) await handOver(tx, project, JSON.parse(body), [type])
  }
}

export interface LifecycleFilter {
  readonly project: string
  /** `NAMESPACE.NAME`, or with `:VERSION`. */
  readonly workflow?: string | undefined
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>>
  /** Types, or what they begin with. */
  readonly types?: readonly string[] | undefined
}

export interface LifecycleRow {
  readonly place: number
  /** The CloudEvent; JSON. */
  readonly body: string
}

/** Events after this place, in their order. */
export async function loadLifecycle(
  sql: Sql,
  { project, workflow, labels = {}, types }: LifecycleFilter,
  after: number,
  limit: number,
): Promise<readonly LifecycleRow[]> {
  const name = workflow ?? ''
  const labelled = JSON.stringify(labels)
  const beginnings = types === undefined ? null : [...types]
  const rows = await sql<{ place: string; body: string }[]>`
    select place::text as place, body from workflow_lifecycle
    where place > ${after} and project = ${project}
      and (${name} = '' or workflow = ${name} or starts_with(workflow, ${`${name}:`}))
      and (${labelled}::text = '{}' or labels::jsonb @> ${labelled}::text::jsonb)
      and (${beginnings}::text[] is null or exists (
        select 1 from unnest(${beginnings}::text[]) b where starts_with(type, b)))
    order by workflow_lifecycle.place limit ${limit}`
  return rows.map(({ place, body }) => ({ place: Number(place), body }))
}

/** The newest place, and the oldest one of which the event is still kept. */
export async function lifecycleBounds(
  sql: Sql,
): Promise<{ readonly newest: number; readonly oldest: number }> {
  const [row] = await sql<{ newest: string; oldest: string }[]>`
    select place::text as newest, coalesce((select min(place) from workflow_lifecycle
      where place is not null), place + 1)::text as oldest
    from workflow_lifecycle_head`
  return { newest: Number(row?.newest ?? 0), oldest: Number(row?.oldest ?? 1) }
}

/** Forgets those that are old, or too many. */
export async function forgetLifecycle(sql: Sql, nowMs: number): Promise<void> {
  const { newest } = await lifecycleBounds(sql)
  await sql`
    delete from workflow_lifecycle
    where place is not null and (at_ms < ${nowMs - keptMs} or place <= ${newest - keptMax})`
}
