// Commit change
//
// The one place where a resource changes. The resource's new generation and the record of the change
// (the ledger leaf) are one Postgres transaction: no state without its record, no record without its
// state (invariant I1).

import { randomBytes, randomUUID } from 'node:crypto'
import { type ChangeRecord, changeRecord } from '@tutti/core/governance'
import { canonicalJson, formatKey, type Resource, type ResourceKey } from '@tutti/core/resource'
import { commit as commitment } from '@tutti/ledger'
import type { Query, Sql } from './database.ts'
import { jsonOf, type ResourceRow, resourceOf } from './resources.ts'

/** What is written. `spec: null` deletes. */
export interface Write {
  readonly key: ResourceKey
  /** Generation that the change builds on: 0 where nothing may be there yet. */
  readonly baseGeneration: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: unknown
  /** Status to start with; absent: the one that was there. */
  readonly status?: unknown
}

/** What the record says besides what the write itself tells. */
export type RecordDraft = Omit<ChangeRecord, 'format' | 'resource' | 'uid' | 'generation'>

export interface Committed {
  readonly resource: Resource
  /** Id of the ledger entry. */
  readonly entry: number
}

export type CommitOutcome =
  | { readonly ok: true; readonly committed: Committed }
  | { readonly ok: false; readonly reason: 'conflict'; readonly generation: number }

/** Writes, in a change's transaction, what belongs to it; throws to have nothing written. */
export type Alongside = (tx: Query, committed: Committed) => Promise<void>

/**
 * Writes resource and record, or neither. `alongside` runs in the same transaction, after both, for
 * what belongs to the change (an assignment, a used token, the approval that let it pass).
 */
export async function commitChange(
  sql: Sql,
  write: Write,
  draft: RecordDraft,
  alongside: Alongside = async () => {},
): Promise<CommitOutcome> {
  return await sql.begin(async (tx): Promise<CommitOutcome> => {
    const outcome = await writeChange(tx, write, draft)
    if (outcome.ok) await alongside(tx, outcome.committed)
    return outcome
  })
}

/** One change within a transaction that holds more: see `commitChange`. */
export async function writeChange(
  tx: Query,
  write: Write,
  draft: RecordDraft,
): Promise<CommitOutcome> {
  const [held] = await tx<{ generation: number; uid: string; deleted: boolean }[]>`
    select generation, uid, deleted from resource
    where kind = ${write.key.kind} and project = ${write.key.project}
      and name = ${write.key.name} for update`
  const heldGeneration = held === undefined || held.deleted ? 0 : held.generation
  if (heldGeneration !== write.baseGeneration) {
    return { ok: false, reason: 'conflict', generation: heldGeneration }
  }
  const uid = held === undefined || held.deleted ? randomUUID() : held.uid
  const generation = (held?.generation ?? 0) + 1 // goes on after a deletion, so never repeats
  const row = await writeRow(tx, write, { uid, generation, atMs: draft.atMs })
  if (row === null) return { ok: false, reason: 'conflict', generation: 1 }
  const record = changeRecord.parse({
    format: 'tutti/change/v1',
    ...draft,
    resource: formatKey(write.key),
    uid,
    generation,
  })
  const entry = await writeEntry(tx, record) // I1
  const { kind, project, name } = write.key
  await tx`select pg_notify('resource', ${`${kind}/${project}/${name}`})`
  return { ok: true, committed: { resource: resourceOf(row), entry } }
}

async function writeRow(
  tx: Query,
  write: Write,
  at: { readonly uid: string; readonly generation: number; readonly atMs: number },
): Promise<ResourceRow | null> {
  const { key } = write
  const deleted = write.spec === null
  const spec = tx.json(jsonOf(write.spec))
  const status = tx.json(jsonOf(write.status))
  const keepStatus = write.status === undefined
  const [row] = await tx<ResourceRow[]>`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms, deleted)
    values (${key.kind}, ${key.project}, ${key.name}, ${at.uid}, ${at.generation},
      ${tx.json(jsonOf(write.labels))}, ${tx.json(jsonOf(write.annotations))}, ${spec}, ${status},
      ${at.atMs}, ${at.atMs}, ${deleted})
    on conflict (kind, project, name) do update set
      uid = excluded.uid, generation = excluded.generation, labels = excluded.labels,
      annotations = excluded.annotations, deleted = excluded.deleted,
      spec = case when excluded.deleted then resource.spec else excluded.spec end,
      status = case when ${keepStatus} and not resource.deleted
        then resource.status else excluded.status end,
      created_at_ms = case when resource.deleted
        then excluded.created_at_ms else resource.created_at_ms end,
      updated_at_ms = excluded.updated_at_ms
    where resource.generation = ${at.generation - 1}
    returning *`
  return row ?? null
}

/** Adds one record to the log's waiting line; the sequencer gives it its index. */
async function writeEntry(tx: Query, record: ChangeRecord): Promise<number> {
  const salt = randomBytes(16)
  const body = canonicalJson(record)
  const [row] = await tx<{ id: string }[]>`
    insert into ledger_entry (salt, body, commitment, resource, at_ms)
    values (${salt}, ${body}, ${Buffer.from(commitment(salt, body))}, ${record.resource},
      ${record.atMs})
    returning id`
  await tx`select pg_notify('ledger', '')`
  return Number(row?.id)
}
