// Signal
//
// What comes for a run from outside of its engine: events, answers, the outcome of a subflow, a cancellation.
// It waits in a table until it stands in the run's journal, and the two change in one transaction.

import type { Json } from '@tutti/core/resource'
import type { CloudEvent, WorkflowError } from '@tutti/core/workflow'
import type { Channel } from '../news.ts'
import type { Query } from '../store/index.ts'
import { shardOf } from './run-head.ts'
import type { StartRequest } from './start-request.ts'

export type Signal =
  | { readonly kind: 'event'; readonly event: CloudEvent }
  | { readonly kind: 'completed'; readonly key: string; readonly output: Json }
  | { readonly kind: 'failed'; readonly key: string; readonly error: WorkflowError }
  | { readonly kind: 'cancel'; readonly reason: string }
  /** Starts a run whose shard another engine has. */
  | { readonly kind: 'start'; readonly request: StartRequest }
  /** Goes on with another version, where that agrees with what came before. */
  | { readonly kind: 'upgrade'; readonly version: string; readonly by: string }
  /** Begins no further step, until it is resumed; what is under way ends. */
  | { readonly kind: 'pause' }
  /** Goes on with a run that was paused, or whose journal was written by somebody else. */
  | { readonly kind: 'resume' }

/** Postgres tells that there are events of runs' lifecycles to put in order. */
export const lifecycleChannel = 'workflow_lifecycle' satisfies Channel

/** Postgres tells that there are new ones in their order. */
export const orderedChannel = 'workflow_ordered' satisfies Channel

/** Postgres tells that schedules have events to hear. */
export const triggerChannel = 'workflow_trigger' satisfies Channel

/** Postgres tells engines on this channel that somebody watches a run. */
export const watchChannel = 'workflow_watch' satisfies Channel

/** Postgres tells who watches a run on this channel that its journal has grown. */
export const writtenChannel = 'workflow_written' satisfies Channel

/** Postgres tells engines on this channel that there is something for a shard. */
export const signalChannel = 'workflow_signal' satisfies Channel

export async function sendSignal(sql: Query, run: string, signal: Signal): Promise<void> {
  const shard = shardOf(run)
  await sql`
    with sent as (
      insert into workflow_signal (run, shard, body)
      values (${run}, ${shard}, ${JSON.stringify(signal)}) returning 1)
    select pg_notify(${signalChannel}, ${String(shard)}) from sent`
}

/** Many at once. */
export async function sendSignals(
  sql: Query,
  signals: readonly { readonly run: string; readonly signal: Signal }[],
): Promise<void> {
  if (signals.length === 0) return
  const rows = signals.map(({ run, signal }) => ({
    ...{ run, shard: shardOf(run), body: JSON.stringify(signal) },
  }))
  await sql`
    with sent as (
      insert into workflow_signal (run, shard, body)
      select run, shard, body from json_to_recordset(${JSON.stringify(rows)}::text::json)
        as new (run text, shard int, body text)
      returning shard)
    select pg_notify(${signalChannel}, shard::text) from (select distinct shard from sent) s`
}

/** The step that a signal is for; null: it is for the run. */
export function keyOf(signal: Signal): string | null {
  return 'key' in signal ? signal.key : null
}

/** Hands an event to all that wait for its type; false where it has been here before. */
export async function publishEvent(
  sql: Query,
  project: string,
  event: CloudEvent,
  nowMs: number,
): Promise<boolean> {
  const attribute = (name: string) => String(event[name] ?? '')
  const fresh = await sql`
    insert into workflow_event (source, id, project, at_ms)
    values (${attribute('source')}, ${attribute('id')}, ${project}, ${nowMs})
    on conflict do nothing returning 1`
  if (fresh.length === 0) return false
  await handOver(sql, project, event, ['', attribute('type')])
  return true
}

/** Hands an event to those who wait for one of these types; empty: for any. */
export async function handOver(
  sql: Query,
  project: string,
  event: CloudEvent,
  types: readonly string[],
): Promise<void> {
  const body = JSON.stringify({ kind: 'event', event } satisfies Signal)
  await sql`
    with sent as (
      insert into workflow_signal (run, shard, body)
      select distinct run, shard, ${body} from workflow_waiting
      where kind = 'event' and project = ${project} and subject = any(${[...types]})
      returning shard)
    select pg_notify(${signalChannel}, shard::text) from (select distinct shard from sent) s`
  await sql`
    with sent as (
      insert into workflow_trigger (schedule, body)
      select id, ${JSON.stringify(event)} from workflow_schedule
      where kind = 'on' and project = ${project}
        and (coalesce(event_types, '{""}') && ${[...types]})
      returning 1)
    select pg_notify(${triggerChannel}, '') from (select 1 from sent limit 1) s`
}

export interface StoredSignal {
  readonly id: string
  readonly run: string
  readonly signal: Signal
}

/** The oldest signals for these shards that are not already being worked on. */
export async function loadSignals(
  sql: Query,
  shards: readonly number[],
  except: readonly string[],
  limit: number,
): Promise<readonly StoredSignal[]> {
  const rows = await sql<{ id: string; run: string; body: string }[]>`
    select id::text as id, run, body from workflow_signal
    where shard = any(${[...shards]}) and not (id = any(${[...except]}::bigint[]))
    order by id limit ${limit}`
  return rows.map(({ id, run, body }) => ({ id, run, signal: JSON.parse(body) }))
}
