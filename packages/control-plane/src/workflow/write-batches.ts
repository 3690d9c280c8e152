// Write batches
//
// One statement for everything that many runs want written, behind the fence: where the engine's row is dead,
// nothing is written. Written twice it is written once, so that a flush of unknown end can be repeated; one that
// comes late does not undo an end.

import { arrayParameters, arrayText, freeArrayText, type Sql } from '../store/index.ts'
import type { Batch } from './batch.ts'
import type { Written } from './lane.ts'
import { shardOf } from './run-head.ts'
import { signalChannel } from './signal.ts'

// `for share` makes a take-over wait for the flush, and a flush see a take-over that came first.
const alive = `alive as (select 1 from workflow_engine where id = $1 and not is_dead for share)`
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
// A conflict is looked for in the index, whatever the planner thinks of the table's size.
const journal = `
  run as (
    insert into workflow_run (${Object.keys(columns).join()})
    select new.* from alive, unnest(${arrayParameters(columns, 2)}) as new
    on conflict (id) do update set version = excluded.version,
      updated_at_ms = excluded.updated_at_ms,
      status = excluded.status, wake_at_ms = excluded.wake_at_ms, outcome = excluded.outcome,
      hash = excluded.hash
    where workflow_run.outcome is null),
  entry as (
    insert into workflow_entry (run, seq, body)
    select new.* from alive, unnest(${arrayParameters(turn, 17)}) as new
    on conflict do nothing)`
// Rows are looked up by arrays, not joins: the plan for a small table must stay right for a large one.
const outside = `
  heard as (
    delete from workflow_waiting using alive
    where run = any($20::text[]) and run || key = any($21::text[])),
  waits as (
    insert into workflow_waiting (run, key, shard, project, kind, subject, body, since_ms)
    select new.* from alive, json_to_recordset($22::text::json) as new (run text, key text,
      shard int, project text, kind text, subject text, body text, since_ms float8)
    on conflict do nothing),
  signal as (
    delete from workflow_signal using alive where id = any($23::bigint[])),
  told as (
    insert into workflow_signal (run, shard, body)
    select new.* from alive,
      json_to_recordset($24::text::json) as new (run text, shard int, body text)
    returning shard),
  rung as (
    select pg_notify('${signalChannel}', shard::text) from (select distinct shard from told) t)`
const plain = `with ${alive}, ${journal} select count(*)::int as fences from alive`
const full = `with ${alive}, ${journal}, ${outside}
  select (select count(*)::int from alive) as fences, (select count(*) from rung) as told`

/** Writes batches of an engine that must still be alive. */
export async function writeBatches(
  sql: Sql,
  engine: string,
  batches: readonly Batch[],
): Promise<Written> {
  const values = [engine, ...rowsOf(batches), ...turnsOf(batches)]
  const reachesOut = batches.some(
    ({ waits, heard, signals, told }) =>
      told !== null || waits.length + heard.length + signals.length > 0,
  )
  const rows = reachesOut
    ? await sql.unsafe(full, [...values, ...outsideOf(batches)], { prepare: true })
    : await sql.unsafe(plain, values, { prepare: true })
  return rows[0]?.['fences'] === 1 ? 'written' : 'fenced'
}

/** Of several batches of one run the last one says how it stands. */
function rowsOf(batches: readonly Batch[]): readonly string[] {
  const last = new Map<string, Batch>()
  for (const batch of batches) if (batch.isRowChanged) last.set(batch.head.id, batch)
  const rows = [...last.values()]
  const heads = rows.map(({ head }) => head)
  return [
    arrayText(heads.map(({ id }) => id)),
    arrayText(heads.map(({ project }) => project)),
    arrayText(heads.map(({ namespace }) => namespace)),
    arrayText(heads.map(({ name }) => name)),
    arrayText(heads.map(({ version }) => version)),
    arrayText(heads.map(({ shard }) => shard)),
    arrayText(heads.map(({ labels }) => JSON.stringify(labels))),
    arrayText(heads.map(({ parent }) => parent?.run ?? null)),
    freeArrayText(heads.map(({ parent }) => parent?.key ?? null)), // documents name tasks freely
    arrayText(heads.map(({ startedAtMs }) => startedAtMs)),
    arrayText(rows.map(({ atMs }) => atMs)),
    arrayText(rows.map(({ status }) => status)),
    arrayText(rows.map(({ wakeAtMs }) => wakeAtMs)),
    arrayText(rows.map(({ outcome }) => outcome)),
    arrayText(rows.map(({ hash }) => hash)),
  ]
}

/** The turns' texts go in as they are: what is stored is what was hashed. */
function turnsOf(batches: readonly Batch[]): readonly string[] {
  const runs: string[] = []
  const seqs: number[] = []
  const bodies: string[] = []
  for (const { head, journal: turn } of batches) {
    if (turn === null) continue
    runs.push(head.id)
    seqs.push(turn.seq)
    bodies.push(turn.body)
  }
  return [arrayText(runs), arrayText(seqs), arrayText(bodies)]
}

function outsideOf(batches: readonly Batch[]) {
  const heard = batches.flatMap(({ head, heard: keys }) =>
    keys.map((key) => ({ run: head.id, key })),
  )
  const told = batches.flatMap(({ told: one }) => one ?? [])
  // What began and ended within one flush was never waited for.
  const waits = batches.flatMap(({ head, atMs, waits: some }, index) =>
    some
      .filter(
        ({ key }) =>
          !batches.slice(index).some((b) => b.head.id === head.id && b.heard.includes(key)),
      )
      .map(({ key, kind, subject, body }) => ({
        run: head.id,
        shard: head.shard,
        project: head.project,
        key,
        kind,
        subject,
        body,
        since_ms: atMs,
      })),
  )
  return [
    heard.map(({ run }) => run),
    heard.map(({ run, key }) => run + key),
    JSON.stringify(waits),
    batches.flatMap(({ signals }) => signals),
    JSON.stringify(told.map(({ run, body }) => ({ run, shard: shardOf(run), body }))),
  ]
}
