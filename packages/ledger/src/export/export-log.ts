// Exporting a log
//
// Writes a log as a folder that strangers can check offline and any web server can serve. The
// keys and the checkpoint are written last, so that an export cut short never looks whole.

import { LedgerFailure } from '../failure.ts'
import { sameHash } from '../merkle/index.ts'
import { type Checkpoint, openCheckpoint } from '../note/index.ts'
import {
  edgeRoot,
  edgeWrites,
  emptyEdge,
  growTree,
  type TileWrite,
  type TreeEdge,
  tileWidth,
} from '../tile/index.ts'
import { type BodyLine, formatBodyLine } from './body-line.ts'
import { parseKeyFile } from './check-head.ts'
import { opens } from './commitment.ts'
import { append, makeEmptyFolder, writeNew } from './folder.ts'
import { bodiesFile, checkpointFile, keyFile } from './layout.ts'

/** A log entry and, unless it was erased, what it commits to. */
export type Leaf =
  | { readonly entry: Uint8Array; readonly salt: Uint8Array; readonly body: string }
  | { readonly entry: Uint8Array; readonly erased: true }

export interface LogToExport {
  /** The signed checkpoint, cosignatures included. */
  readonly checkpoint: string
  /** The log's verifier key, then that of every witness that cosigned. */
  readonly keys: readonly string[]
  /** Exactly the entries that the checkpoint covers, in order. */
  readonly leaves: AsyncIterable<Leaf> | Iterable<Leaf>
}

/**
 * Writes an export into a new or empty folder, in bounded memory. Throws `ledger/export-exists`,
 * `ledger/bad-checkpoint`, `ledger/bad-body`, `ledger/export-mismatch` and `ledger/unwritable`.
 *
 * @example
 * await exportLog('export', { checkpoint, keys: [vkey], leaves })
 */
export async function exportLog(folder: string, log: LogToExport): Promise<void> {
  const keyText = log.keys.map((key) => `${key}\n`).join('')
  const checkpoint = openOwn(log.checkpoint, keyText)
  await makeEmptyFolder(folder)
  await append(folder, bodiesFile, '') // an empty log has the file too

  let edge: TreeEdge = emptyEdge
  for await (const leaves of bundlesOf(log.leaves)) {
    const lines = leaves.map((leaf, offset) => lineOf(leaf, edge.size + offset))
    await append(folder, bodiesFile, lines.map((line) => `${formatBodyLine(line)}\n`).join(''))
    const entries = leaves.map((leaf) => leaf.entry)
    const growth = growTree(edge, entries)
    await writeAll(folder, growth.full)
    edge = growth.edge
  }
  checkOutcome(edge, checkpoint)
  await writeAll(folder, edgeWrites(edge))
  await writeNew(folder, keyFile, Buffer.from(keyText))
  await writeNew(folder, checkpointFile, Buffer.from(log.checkpoint))
}

function openOwn(note: string, keyText: string): Checkpoint {
  const keys = parseKeyFile(keyText)
  if (keys === null) {
    throw new LedgerFailure(
      'ledger/bad-vkey',
      `expected the log's verifier key, then those of its witnesses, got ${JSON.stringify(keyText)}`,
    )
  }
  const opened = openCheckpoint(note, keys)
  const isWhole = opened.ok && opened.unknown.length === 0
  if (opened.ok && isWhole && hasAll(opened.cosignatures, keys.witnesses)) return opened.checkpoint
  throw new LedgerFailure(
    'ledger/bad-checkpoint',
    `expected a checkpoint signed by exactly the keys given, ` +
      `got one that is ${opened.ok ? 'signed by others' : opened.reason}`,
  )
}

function hasAll(
  cosignatures: readonly { readonly key: { readonly vkey: string } }[],
  witnesses: readonly { readonly vkey: string }[],
): boolean {
  return witnesses.every(({ vkey }) => cosignatures.some(({ key }) => key.vkey === vkey))
}

/** The leaves in groups that fill one bundle each: what is held in memory at once. */
async function* bundlesOf(
  leaves: AsyncIterable<Leaf> | Iterable<Leaf>,
): AsyncGenerator<readonly Leaf[], void> {
  let bundle: Leaf[] = []
  for await (const leaf of leaves) {
    bundle.push(leaf)
    if (bundle.length < tileWidth) continue
    yield bundle
    bundle = []
  }
  if (bundle.length > 0) yield bundle
}

function lineOf(leaf: Leaf, index: number): BodyLine {
  if ('erased' in leaf) return { index, erased: true }
  const { entry, salt, body } = leaf
  if (opens(entry, salt, body)) return { index, salt, body }
  throw new LedgerFailure(
    'ledger/bad-body',
    `expected the salt and body that entry ${index} commits to, got others; ` +
      'if they were erased, export the entry as erased',
  )
}

async function writeAll(folder: string, writes: readonly TileWrite[]): Promise<void> {
  await Promise.all(writes.map(({ path, bytes }) => writeNew(folder, path, bytes)))
}

function checkOutcome(edge: TreeEdge, checkpoint: Checkpoint): void {
  const root = edgeRoot(edge)
  if (edge.size === checkpoint.size && sameHash(root, checkpoint.root)) return
  const hex = (hash: Uint8Array) => Buffer.from(hash).toString('hex')
  throw new LedgerFailure(
    'ledger/export-mismatch',
    `expected ${checkpoint.size} entries with root ${hex(checkpoint.root)}, ` +
      `got ${edge.size} with ${hex(root)}; the checkpoint is not of these entries`,
  )
}
