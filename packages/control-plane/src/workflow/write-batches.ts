// Write batches
//
// One statement for everything that many runs want written, behind the fence: where the engine's row is dead,
// nothing is written. Written twice it is written once, so that a flush of unknown end can be repeated.

import type { Sql } from '../store/index.ts'
import type { Batch } from './batch.ts'
import type { Written } from './lane.ts'
import { shardOf } from './run-head.ts'
import { signalChannel } from './signal.ts'

// `for share` makes a take-over wait for the flush, and a flush see a take-over that came first.
const alive = `alive as (select 1 from workflow_engine where id = $1 and not is_dead for share)`
const journal = `
  run as (
    insert into workflow_run (id, project, namespace, name, version, shard, labels, parent_run,
      parent_key, started_at_ms, updated_at_ms, status, wake_at_ms, outcome, hash)
    select new.* from alive, unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
      $7::int[], $8::text[], $9::text[], $10::text[], $11::float8[], $12::float8[], $13::text[],
      $14::float8[], $15::text[], $16::text[]) as new
    on conflict (id) do update set updated_at_ms = excluded.updated_at_ms,
      status = excluded.status, wake_at_ms = excluded.wake_at_ms, outcome = excluded.outcome,
      hash = excluded.hash),
  entry as (
    insert into workflow_entry (run, seq, body)
    select new.* from alive, unnest($17::text[], $18::int[], $19::text[]) as new
    on conflict do nothing)`
const outside = `
  heard as (
    delete from workflow_waiting w using alive, unnest($20::text[], $21::text[]) as gone (run, key)
    where w.run = gone.run and w.key = gone.key),
  waits as (
    insert into workflow_waiting (run, key, shard, project, kind, subject, body, since_ms)
    select new.* from alive, unnest($22::text[], $23::text[], $24::int[], $25::text[], $26::text[],
      $27::text[], $28::text[], $29::float8[]) as new
    on conflict do nothing),
  signal as (
    delete from workflow_signal s using alive, unnest($30::bigint[]) as gone (id)
    where s.id = gone.id),
  told as (
    insert into workflow_signal (run, shard, body)
    select new.* from alive, unnest($31::text[], $32::int[], $33::text[]) as new returning shard),
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
  // Of several batches of one run the last one says how it stands.
  const changed = batches.filter(({ isRowChanged }) => isRowChanged)
  const last = [...new Map(changed.map((batch) => [batch.head.id, batch])).values()]
  const entries = batches.flatMap(({ head, journal: turn }) =>
    turn === null ? [] : [{ run: head.id, ...turn }],
  )
  const values = [
    engine,
    ...columnsOf(last),
    entries.map(({ run }) => run),
    entries.map(({ seq }) => seq),
    entries.map(({ body }) => body),
  ]
  const reachesOut = batches.some(
    ({ waits, heard, signals, told }) =>
      told !== null || waits.length + heard.length + signals.length > 0,
  )
  const rows = reachesOut
    ? await sql.unsafe(full, [...values, ...outsideOf(batches)], { prepare: true })
    : await sql.unsafe(plain, values, { prepare: true })
  return rows[0]?.['fences'] === 1 ? 'written' : 'fenced'
}

function columnsOf(batches: readonly Batch[]) {
  return [
    batches.map(({ head }) => head.id),
    batches.map(({ head }) => head.project),
    batches.map(({ head }) => head.namespace),
    batches.map(({ head }) => head.name),
    batches.map(({ head }) => head.version),
    batches.map(({ head }) => head.shard),
    batches.map(({ head }) => JSON.stringify(head.labels)),
    batches.map(({ head }) => head.parent?.run ?? null),
    batches.map(({ head }) => head.parent?.key ?? null),
    batches.map(({ head }) => head.startedAtMs),
    batches.map(({ atMs }) => atMs),
    batches.map(({ status }) => status),
    batches.map(({ wakeAtMs }) => wakeAtMs),
    batches.map(({ outcome }) => outcome),
    batches.map(({ hash }) => hash),
  ]
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
        ({ key }) => !batches.slice(index).some((b) => b.head === head && b.heard.includes(key)),
      )
      .map((wait) => ({ ...wait, head, atMs })),
  )
  return [
    heard.map(({ run }) => run),
    heard.map(({ key }) => key),
    waits.map(({ head }) => head.id),
    waits.map(({ key }) => key),
    waits.map(({ head }) => head.shard),
    waits.map(({ head }) => head.project),
    waits.map(({ kind }) => kind),
    waits.map(({ subject }) => subject),
    waits.map(({ body }) => body),
    waits.map(({ atMs }) => atMs),
    batches.flatMap(({ signals }) => signals),
    told.map(({ run }) => run),
    told.map(({ run }) => shardOf(run)),
    told.map(({ body }) => body),
  ]
}
