// Write batches
//
// One statement for everything that many runs want written, and what it is given.

import { arrayText, freeArrayText, type Query } from '../store/index.ts'
import type { Batch } from './batch.ts'
import { batchStatement } from './batch-statement.ts'
import type { Written } from './lane.ts'
import { lifecycleRows } from './lifecycle-rows.ts'
import { shardOf } from './run-head.ts'

/** Writes batches of an engine that must still be alive. */
export async function writeBatches(
  sql: Query,
  engine: string,
  batches: readonly Batch[],
): Promise<Written> {
  return await write(sql, { engine, batches, isRepeated: false })
}

/** Writes batches of which nobody knows whether they are written. */
export async function rewriteBatches(
  sql: Query,
  engine: string,
  batches: readonly Batch[],
): Promise<Written> {
  return await write(sql, { engine, batches, isRepeated: true })
}

async function write(
  sql: Query,
  of: {
    readonly engine: string
    readonly batches: readonly Batch[]
    readonly isRepeated: boolean
  },
): Promise<Written> {
  const { engine, batches, isRepeated } = of
  const { born, grown } = lastOfEach(batches)
  const [hasBorn, hasGrown] = [born.length > 0, grown.length > 0]
  const reachesOut = batches.some(
    ({ waits, heard, signals, told }) =>
      told !== null || waits.length + heard.length + signals.length > 0,
  )
  const tells = batches.some(({ lifecycle }) => lifecycle.length > 0)
  const statement = batchStatement({ hasBorn, hasGrown, reachesOut, tells, isRepeated })
  const values: (string | readonly string[])[] = [engine, ...turnsOf(batches)]
  if (hasBorn) values.push(...rowsOf(born))
  if (hasGrown) values.push(...rowsOf(grown))
  if (reachesOut) values.push(...outsideOf(batches))
  if (tells) values.push(lifecycleRows(batches))
  const rows = await sql.unsafe(statement, values, { prepare: true })
  return rows[0]?.['fences'] === 1 ? 'written' : 'fenced'
}

/** Of several batches of one run the last one says how it stands. */
function lastOfEach(batches: readonly Batch[]) {
  const born = new Map<string, Batch>()
  const grown = new Map<string, Batch>()
  for (const batch of batches) {
    if (!batch.isRowChanged) continue
    const { id } = batch.head
    const rows = batch.journal?.seq === 0 || born.has(id) ? born : grown
    rows.set(id, batch)
  }
  return { born: [...born.values()], grown: [...grown.values()] }
}

function rowsOf(rows: readonly Batch[]): readonly string[] {
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
  const lastHeard = new Map<string, number>()
  for (const [index, { head, heard: keys }] of batches.entries()) {
    for (const key of keys) lastHeard.set(head.id + key, index)
  }
  // What began and ended within one flush was never waited for.
  const waits = batches.flatMap(({ head, atMs, waits: some }, index) =>
    some
      .filter(({ key }) => (lastHeard.get(head.id + key) ?? -1) < index)
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
