// Write changes
//
// The one place where resources change: their new generations and the records of the changes (the ledger's
// leaves) in one transaction, in as many statements for a thousand as for one.
//
// Invariants:
//   I1. No state without its record, no record without its state.
//   W1. Two changes of one resource are never in one call: the second would not see the first.
//   W2. Rows are locked and made in the order of their keys, so that two calls never wait for each other.

import { randomBytes, randomUUID } from 'node:crypto'
import { type ChangeRecord, changeRecord } from '@tutti/core/governance'
import { canonicalJson, formatKey, type Resource, type ResourceKey } from '@tutti/core/resource'
import { commit as commitment, saltBytes } from '@tutti/ledger'
import { arrayParameters, arrayText, type Cell, hexBytes } from './array-text.ts'
import type { Query } from './database.ts'
import { type ResourceRow, resourceOf } from './resources.ts'

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

export interface Change {
  readonly write: Write
  readonly draft: RecordDraft
}

export interface Committed {
  readonly resource: Resource
  /** Id of the ledger entry. */
  readonly entry: number
}

export type CommitOutcome =
  | { readonly ok: true; readonly committed: Committed }
  | { readonly ok: false; readonly reason: 'conflict'; readonly generation: number }

/** Writes each change and its record, or neither where it conflicts; outcomes in the same order. */
export async function writeChanges(
  tx: Query,
  changes: readonly Change[],
): Promise<readonly CommitOutcome[]> {
  // What builds on nothing is mostly new: we look only where something turns out to be there.
  const builds = changes.filter(({ write }) => write.baseGeneration > 0)
  const first = await writeRound(tx, changes, await lockHeld(tx, builds))
  const taken = changes.filter(
    ({ write }, index) => write.baseGeneration === 0 && first[index]?.ok === false,
  )
  if (taken.length === 0) return first
  const second = await writeRound(tx, taken, await lockHeld(tx, taken))
  const again = new Map(taken.map((change, index) => [change, second[index]]))
  return first.map((outcome, index) => again.get(changes[index] as Change) ?? outcome)
}

async function writeRound(
  tx: Query,
  changes: readonly Change[],
  held: ReadonlyMap<string, Held>,
): Promise<readonly CommitOutcome[]> {
  const plans = changes.map((change) => planWrite(change, held.get(addressOf(change.write.key))))
  const written = await writePlanned(
    tx,
    plans.filter((plan) => plan.kind === 'write'),
  )
  return plans.map((plan): CommitOutcome => {
    if (plan.kind === 'conflict') {
      return { ok: false, reason: 'conflict', generation: plan.generation }
    }
    const stored = written.get(plan.address)
    return stored === undefined
      ? { ok: false, reason: 'conflict', generation: 1 } // somebody has just made it
      : { ok: true, committed: committedOf(plan.row, stored) }
  })
}

/** `kind/project/name`: what notifications call a resource. */
export function addressOf({ kind, project, name }: ResourceKey): string {
  return `${kind}/${project}/${name}`
}

interface Held {
  readonly uid: string
  readonly generation: number
  readonly deleted: boolean
}

async function lockHeld(tx: Query, changes: readonly Change[]): Promise<ReadonlyMap<string, Held>> {
  if (changes.length === 0) return new Map()
  const keys = changes.map(({ write }) => write.key)
  // Planned anew each time (no prepared statement): the plan for a small table must not outlive it.
  const rows = await tx.unsafe<(Held & ResourceKey)[]>(
    `select kind, project, name, uid, generation, deleted from resource
     where (kind, project, name) in (select * from unnest($1::text[], $2::text[], $3::text[]))
     order by kind, project, name for update`, // W2
    [
      keys.map(({ kind }) => kind),
      keys.map(({ project }) => project),
      keys.map(({ name }) => name),
    ],
  )
  return new Map(rows.map((row) => [addressOf(row), row]))
}

interface PlannedWrite {
  readonly kind: 'write'
  readonly address: string
  readonly row: PlannedRow
  readonly record: ChangeRecord
}

type Plan = PlannedWrite | { readonly kind: 'conflict'; readonly generation: number }

/** The row as it is to be; where a status or, of a deletion, a spec is kept, it is not used. */
interface PlannedRow extends Omit<ResourceRow, 'created_at_ms'> {
  readonly is_held: boolean
  readonly deleted: boolean
  readonly keeps_status: boolean
}

function planWrite({ write, draft }: Change, held: Held | undefined): Plan {
  const isThere = held !== undefined && !held.deleted
  const heldGeneration = isThere ? held.generation : 0
  if (heldGeneration !== write.baseGeneration) {
    return { kind: 'conflict', generation: heldGeneration }
  }
  const { kind, project, name } = write.key
  const uid = isThere ? held.uid : randomUUID()
  const generation = (held?.generation ?? 0) + 1 // goes on after a deletion, so never repeats
  // Members are written out: V8 takes microseconds for an object that is spread and added to.
  const row: PlannedRow = {
    kind,
    project,
    name,
    uid,
    generation,
    labels: write.labels,
    annotations: write.annotations,
    spec: write.spec ?? {},
    status: write.status ?? {},
    is_held: held !== undefined,
    deleted: write.spec === null,
    keeps_status: write.status === undefined,
    updated_at_ms: draft.atMs,
  }
  const record = changeRecord.parse({
    format: 'tutti/change/v1',
    atMs: draft.atMs,
    principal: draft.principal,
    action: draft.action,
    resource: formatKey(write.key),
    uid,
    generation,
    digest: draft.digest,
    policies: draft.policies,
    policySet: draft.policySet,
    approvals: draft.approvals,
    summary: draft.summary,
  })
  return { kind: 'write', address: addressOf(write.key), row, record }
}

// What the statement is given: an array for each. Read as JSON they cost Postgres three times as much.
const columns = {
  kind: 'text',
  project: 'text',
  name: 'text',
  uid: 'text',
  generation: 'int',
  is_held: 'bool',
  labels: 'jsonb',
  annotations: 'jsonb',
  spec: 'jsonb',
  status: 'jsonb',
  deleted: 'bool',
  keeps_status: 'bool',
  updated_at_ms: 'float8',
  resource: 'text',
  salt: 'bytea',
  body: 'text',
  commitment: 'bytea',
} as const

// What is there is locked; what is not may be made by somebody else meanwhile, and then is not ours. The
// record is written for exactly what was.
const write = `
  with change as (
    select * from unnest(${arrayParameters(columns)}) as row (${Object.keys(columns)})),
  updated as (
    update resource set uid = change.uid, generation = change.generation,
      labels = change.labels, annotations = change.annotations, deleted = change.deleted,
      spec = case when change.deleted then resource.spec else change.spec end,
      status = case when change.keeps_status and not resource.deleted
        then resource.status else change.status end,
      created_at_ms = case when resource.deleted
        then change.updated_at_ms else resource.created_at_ms end,
      updated_at_ms = change.updated_at_ms
    from change
    where change.is_held and resource.kind = change.kind and resource.project = change.project
      and resource.name = change.name and resource.generation = change.generation - 1
    returning resource.kind, resource.project, resource.name, resource.created_at_ms,
      case when change.keeps_status then resource.status end as status,
      case when change.deleted then resource.spec end as spec),
  made as (
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms, deleted)
    select kind, project, name, uid, generation, labels, annotations, spec, status, updated_at_ms,
      updated_at_ms, deleted
    from change where not is_held order by kind, project, name
    on conflict (kind, project, name) do nothing
    returning kind, project, name, created_at_ms, null::jsonb as status, null::jsonb as spec),
  written as (
    select *, kind || '/' || project || '/' || name as address
    from (select * from updated union all select * from made) as either),
  entry as (
    insert into ledger_entry (salt, body, commitment, resource, at_ms)
    select salt, body, commitment, resource, change.updated_at_ms
    from change join written using (kind, project, name)
    returning id, resource),
  told as (
    select pg_notify('resource', address) from written union all select pg_notify('ledger', ''))
  select address, created_at_ms, written.status, written.spec, id,
    (select count(*) from told) as told
  from written join change using (kind, project, name) join entry using (resource)`

const columnNames = Object.keys(columns) as (keyof typeof columns)[]
type Cells = { readonly [Column in keyof typeof columns]: Cell }

interface Stored {
  readonly address: string
  readonly created_at_ms: number
  /** Where it was kept. */
  readonly status: unknown
  /** Where it was kept. */
  readonly spec: unknown
  /** Of the ledger entry. */
  readonly id: string
}

/** What of it was written, by address. */
async function writePlanned(
  tx: Query,
  plans: readonly PlannedWrite[],
): Promise<ReadonlyMap<string, Stored>> {
  if (plans.length === 0) return new Map()
  const salts = randomBytes(saltBytes * plans.length)
  const cells = plans.map(({ row, record }, index): Cells => {
    const salt = salts.subarray(index * saltBytes, (index + 1) * saltBytes)
    const body = canonicalJson(record)
    return {
      kind: row.kind,
      project: row.project,
      name: row.name,
      uid: row.uid,
      generation: row.generation,
      is_held: row.is_held,
      labels: JSON.stringify(row.labels),
      annotations: JSON.stringify(row.annotations),
      spec: JSON.stringify(row.spec),
      status: JSON.stringify(row.status),
      deleted: row.deleted,
      keeps_status: row.keeps_status,
      updated_at_ms: row.updated_at_ms,
      resource: record.resource,
      salt: hexBytes(salt),
      body,
      commitment: hexBytes(commitment(salt, body)),
    }
  })
  const arrays = columnNames.map((name) => arrayText(cells.map((cell) => cell[name])))
  const rows = await tx.unsafe<Stored[]>(write, arrays) // I1
  return new Map(rows.map((row) => [row.address, row]))
}

function committedOf(row: PlannedRow, stored: Stored): Committed {
  const resource = resourceOf({
    kind: row.kind,
    project: row.project,
    name: row.name,
    uid: row.uid,
    generation: row.generation,
    labels: row.labels,
    annotations: row.annotations,
    spec: stored.spec ?? row.spec,
    status: stored.status ?? row.status,
    created_at_ms: stored.created_at_ms,
    updated_at_ms: row.updated_at_ms,
  })
  return { resource, entry: Number(stored.id) }
}
