// Sequencer
//
// Gives committed records their places in the ledger's tree and signs a checkpoint for each batch.
//
// Invariants:
//   S1. An index once given never changes: index, tiles and checkpoint are one transaction.
//   S2. One sequencer at a time per database (an advisory lock in that transaction).
//   S3. A committed record is in a signed checkpoint within 200 ms: a commit wakes the sequencer at once.
//   S4. A tree that does not continue its own last checkpoint is never signed.

import {
  consistencyProof,
  edgeRoot,
  formatCheckpoint,
  growTree,
  inclusionProof,
  openNote,
  parseCheckpoint,
  type ReadTile,
  signNote,
  type TreeEdge,
} from '@tutti/ledger'
import { Failure } from '../failure.ts'
import type { Query, Sql } from '../store/index.ts'
import { loadEdge, readTileFrom, saveTiles } from '../store/index.ts'
import type { Identity } from './identity.ts'

const batchMax = 4_096 // bounds one transaction; 4,096 commitments are 135 KB
const lockNumber = 0x6c65_6467 // 'ledg'

/** How often the loop turns that calls `sequence`; a commit wakes it (S3). */
export const ledgerPace = { everyMs: 2_000, gatherMs: 5, gatherMsMax: 25 } as const

export interface Checkpoint {
  readonly size: number
  readonly note: string
}

/** Gives places to all waiting records. Returns the newest checkpoint, null for an empty log. */
export async function sequence(
  sql: Sql,
  identity: Identity,
  nowMs: number,
): Promise<Checkpoint | null> {
  for (;;) {
    const batch = await sql.begin((tx) => sequenceBatch(tx, identity, nowMs))
    if (!batch.more) return batch.checkpoint
  }
}

async function sequenceBatch(
  tx: Query,
  identity: Identity,
  nowMs: number,
): Promise<{ readonly more: boolean; readonly checkpoint: Checkpoint | null }> {
  await tx`select pg_advisory_xact_lock(${lockNumber})` // S2
  const held = await newestCheckpoint(tx)
  const waiting = await tx<{ id: string; commitment: Buffer }[]>`
    select id, commitment from ledger_entry where leaf_index is null order by id limit ${batchMax}`
  if (waiting.length === 0) return { more: false, checkpoint: held }

  const edge = await loadEdge(tx, held?.size ?? 0)
  assertContinues(edge, held, identity)
  const growth = growTree(
    edge,
    waiting.map(({ commitment }) => commitment),
  )
  await tx`
    update ledger_entry set leaf_index = placed.leaf_index
    from (select unnest(${waiting.map(({ id }) => id)}::bigint[]) as id,
                 generate_series(${edge.size}::bigint, ${growth.edge.size - 1}::bigint)
                   as leaf_index
         ) as placed
    where ledger_entry.id = placed.id` // S1
  await saveTiles(tx, [...growth.full, ...growth.partial])
  const { name } = identity.log.verifier
  const text = formatCheckpoint({
    origin: name,
    size: growth.edge.size,
    root: growth.root,
    extensions: [],
  })
  const checkpoint = { size: growth.edge.size, note: signNote(text, [identity.log]) }
  await tx`
    insert into ledger_checkpoint (tree_size, note, at_ms)
    values (${checkpoint.size}, ${checkpoint.note}, ${nowMs})`
  await tx`select pg_notify('checkpoint', ${String(checkpoint.size)})`
  return { more: waiting.length === batchMax, checkpoint }
}

function assertContinues(edge: TreeEdge, held: Checkpoint | null, identity: Identity): void {
  if (held === null) return
  const opened = openNote(held.note, [identity.log.verifier])
  const signed = opened.ok ? parseCheckpoint(opened.text) : null
  const continues =
    signed !== null &&
    signed.size === edge.size &&
    Buffer.compare(signed.root, edgeRoot(edge)) === 0
  if (continues) return // S4
  throw new Failure(
    'control-plane/ledger-diverged',
    `the stored tree does not have the root of its own checkpoint at size ${held.size}, or another ` +
      'key signed it: the database or keys.json was restored from another time. Nothing is signed',
  )
}

/** The newest signed checkpoint, or null for an empty log. */
export async function newestCheckpoint(sql: Query): Promise<Checkpoint | null> {
  const [row] = await sql<{ tree_size: string; note: string }[]>`
    select tree_size, note from ledger_checkpoint order by tree_size desc limit 1`
  return row === undefined ? null : { size: Number(row.tree_size), note: row.note }
}

export interface EntryProof {
  readonly record: string
  readonly salt: string
  readonly leafIndex: number
  readonly treeSize: number
  readonly hashes: readonly string[]
}

/** An entry as it is stored, with the place that it has by now. */
export interface EntryRow {
  readonly leaf_index: string | null
  readonly salt: Buffer
  readonly body: string | null
}

/** Proof that an entry is in the tree of `checkpoint`, or null while it has no place there. */
export async function proveEntry(
  sql: Sql,
  entry: number,
  checkpoint: Checkpoint,
): Promise<EntryProof | null> {
  const [row] = await sql<EntryRow[]>`
    select leaf_index, salt, body from ledger_entry where id = ${entry}`
  return row === undefined ? null : await proveRow(row, checkpoint, readTileFrom(sql))
}

/** As `proveEntry`, of an entry that was read already. */
export async function proveRow(
  row: EntryRow,
  checkpoint: Checkpoint,
  readTile: ReadTile,
): Promise<EntryProof | null> {
  if (row.leaf_index === null || row.body === null) return null
  const leafIndex = Number(row.leaf_index)
  if (leafIndex >= checkpoint.size) return null
  const hashes = await inclusionProof(leafIndex, checkpoint.size, readTile)
  return {
    record: row.body,
    salt: row.salt.toString('base64'),
    leafIndex,
    treeSize: checkpoint.size,
    hashes: hashes.map(toBase64),
  }
}

/** Proof that the tree of `toSize` only adds to that of `fromSize`. */
export async function proveConsistency(
  readTile: ReadTile,
  fromSize: number,
  toSize: number,
): Promise<{ fromSize: number; toSize: number; hashes: string[] }> {
  const hashes = await consistencyProof(fromSize, toSize, readTile)
  return { fromSize, toSize, hashes: hashes.map(toBase64) }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
