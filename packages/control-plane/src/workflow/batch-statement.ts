// Batch statement
//
// The statement that writes batches, behind the fence: where the engine's row is dead, nothing is written. What batches
// do not need is left out, since Postgres pays for every part. What is new is written without a look at whether it is
// there: a flush of unknown end is repeated by a statement that looks, so that written twice it is written once, and one
// that comes late does not undo an end.

import { arrayParameters } from '../store/index.ts'
import { lifecycleColumns, lifecycleForm } from './lifecycle-rows.ts'
import { lifecycleChannel, signalChannel } from './signal.ts'

export interface BatchParts {
  /** Runs whose row is new. */
  readonly hasBorn: boolean
  /** Runs whose row is there. */
  readonly hasGrown: boolean
  /** What is waited for, heard and told. */
  readonly reachesOut: boolean
  /** Events of runs' lifecycles. */
  readonly tells: boolean
  /** It may have been written before. */
  readonly isRepeated: boolean
}

// `for key share` makes a take-over wait for the flush, and a flush see a take-over that came first, but holds up no
// engine that says that it is alive.
const alive = `alive as (
  select 1 from workflow_engine where id = $1 and not is_dead for key share)`
const columns = {
  id: 'text',
  project: 'text',
  namespace: 'text',
  name: 'text',
  version: 'text',
  shard: 'int',
  labels: 'text',
  parent_run: 'text',
  parent_key: 'text',
  started_at_ms: 'float8',
  updated_at_ms: 'float8',
  status: 'text',
  wake_at_ms: 'float8',
  outcome: 'text',
  hash: 'text',
}
const turn = { run: 'text', seq: 'int', body: 'text' }
const [rowWidth, turnWidth] = [Object.keys(columns).length, Object.keys(turn).length]

// A conflict is looked for in the index, whatever the planner thinks of the table's size.
const unlessEnded = `
    on conflict (id) do update set version = excluded.version,
      updated_at_ms = excluded.updated_at_ms,
      status = excluded.status, wake_at_ms = excluded.wake_at_ms, outcome = excluded.outcome,
      hash = excluded.hash
    where workflow_run.outcome is null`
const runsOf = (name: string, first: number, onConflict: string) => `${name} as (
    insert into workflow_run (${Object.keys(columns).join()})
    select new.* from alive, unnest(${arrayParameters(columns, first)}) as new${onConflict})`
const entriesOf = (first: number, onConflict: string) => `entry as (
    insert into workflow_entry (run, seq, body)
    select new.* from alive, unnest(${arrayParameters(turn, first)}) as new${onConflict})`
const outsideWidth = 5
// Rows are looked up by arrays, not joins: the plan for a small table must stay right for a large one.
const outsideOf = (first: number) => `
  heard as (
    delete from workflow_waiting using alive
    where run = any($${first}::text[]) and run || key = any($${first + 1}::text[])),
  waits as (
    insert into workflow_waiting (run, key, shard, project, kind, subject, body, since_ms)
    select new.* from alive, json_to_recordset($${first + 2}::text::json) as new (run text,
      key text, shard int, project text, kind text, subject text, body text, since_ms float8)
    on conflict do nothing),
  signal as (
    delete from workflow_signal using alive where id = any($${first + 3}::bigint[])),
  told as (
    insert into workflow_signal (run, shard, body)
    select new.* from alive,
      json_to_recordset($${first + 4}::text::json) as new (run text, shard int, body text)
    returning shard),
  rung as (
    select pg_notify('${signalChannel}', shard::text) from (select distinct shard from told) t)`

const lifecycleOf = (first: number) => `
  lifecycle as (
    insert into workflow_lifecycle (${lifecycleColumns})
    select new.* from alive, json_to_recordset($${first}::text::json) as new ${lifecycleForm}
    on conflict do nothing returning 1),
  called as (
    select pg_notify('${lifecycleChannel}', '') from (select 1 from lifecycle limit 1) l)`

/** Parameters: the engine, the turns, then what is there of: new rows, rows, what is outside. */
export function batchStatement(parts: BatchParts): string {
  const { hasBorn, hasGrown, reachesOut, tells, isRepeated } = parts
  return statements[placeOf([hasBorn, hasGrown, reachesOut, tells, isRepeated])] ?? ''
}

const placeOf = (flags: readonly boolean[]) =>
  flags.reduce((place, flag) => place * 2 + (flag ? 1 : 0), 0)

function written({ hasBorn, hasGrown, reachesOut, tells, isRepeated }: BatchParts): string {
  let first = 2
  const parts = [alive, entriesOf(first, isRepeated ? ' on conflict do nothing' : '')]
  first += turnWidth
  if (hasBorn) {
    parts.push(runsOf('born', first, isRepeated ? unlessEnded : ''))
    first += rowWidth
  }
  if (hasGrown) {
    parts.push(runsOf('grown', first, unlessEnded))
    first += rowWidth
  }
  if (reachesOut) {
    parts.push(outsideOf(first))
    first += outsideWidth
  }
  if (tells) parts.push(lifecycleOf(first))
  const rung = reachesOut ? ', (select count(*) from rung) as told' : ''
  const called = tells ? ', (select count(*) from called) as called' : ''
  return `with ${parts.join(', ')}
    select (select count(*)::int from alive) as fences${rung}${called}`
}

const either = [false, true]
const statements = either.flatMap((hasBorn) =>
  either.flatMap((hasGrown) =>
    either.flatMap((reachesOut) =>
      either.flatMap((tells) =>
        either.map((isRepeated) => written({ hasBorn, hasGrown, reachesOut, tells, isRepeated })),
      ),
    ),
  ),
)
