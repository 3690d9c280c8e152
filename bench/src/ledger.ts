// Bench: ledger
//
// Claim: 10,000 durable appends a second on one core, from append to signed within 500 ms (p99), through the
// log's own interface: a change and its record are one transaction of the embedded Postgres, the sequencer
// gives records their places and signs a checkpoint for each batch. Three figures: changes that are written
// and signed at once, how fast the sequencer alone takes a line that has formed, and what its tree and
// signatures would allow without a database.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  commitChange,
  type Database,
  type LedgerIdentity,
  loadIdentity,
  openDatabase,
  sequence,
} from '@tutti/control-plane/simulation'
import {
  emptyEdge,
  formatCheckpoint,
  growTree,
  signerKeyFromSeed,
  signNote,
  type TreeEdge,
} from '@tutti/ledger'
import { report, round } from './report.ts'

const bounds = { appendsPerSecond: 10_000, signedMs: 500 }
const writers = 16 // the pool's connections
const writeMs = 10_000
const line = 20_000
const treeEntries = 50_000
const treeBatch = 256
const policySet = `sha256:${'0'.repeat(64)}`

export async function ledger(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-ledger-'))
  const identity = loadIdentity(folder)
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    const log = new Log(database, identity)
    const { appends, signedMs } = await log.writeAndSign()
    const sequenced = await log.sequenceLine()
    tell({ appends, signedMs, sequenced, tree: treeRate() })
  } finally {
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

class Log {
  readonly #database: Database
  readonly #identity: LedgerIdentity
  #names = 0

  constructor(database: Database, identity: LedgerIdentity) {
    this.#database = database
    this.#identity = identity
  }

  /** Writers as fast as they can while the sequencer runs beside them. */
  async writeAndSign(): Promise<{ appends: number; signedMs: number }> {
    const begun = new Map<number, number>() // by entry
    const signed: { readonly size: number; readonly atMs: number }[] = []
    const startMs = performance.now()
    let isWriting = true
    const sequencer = async () => {
      while (isWriting) {
        const checkpoint = await this.#sequence()
        signed.push({ size: checkpoint?.size ?? 0, atMs: performance.now() })
      }
    }
    const writer = async () => {
      while (performance.now() - startMs < writeMs) {
        const atMs = performance.now()
        begun.set(await this.#append(), atMs)
      }
    }
    const sequencing = sequencer()
    await Promise.all(Array.from({ length: writers }, writer))
    const appends = begun.size / ((performance.now() - startMs) / 1000)
    isWriting = false
    await sequencing
    const last = await this.#sequence()
    signed.push({ size: last?.size ?? 0, atMs: performance.now() })
    return { appends, signedMs: await this.#percentile(begun, signed) }
  }

  /** A line of records that are committed and wait: how many a second get their places. */
  async sequenceLine(): Promise<number> {
    let left = line
    const writer = async () => {
      while (left-- > 0) await this.#append()
    }
    await Promise.all(Array.from({ length: writers }, writer))
    const startMs = performance.now()
    await this.#sequence()
    return line / ((performance.now() - startMs) / 1000)
  }

  async #sequence() {
    return await sequence(this.#database.sql, this.#identity, Date.now())
  }

  async #append(): Promise<number> {
    const name = `p-${this.#names++}`
    const key = { kind: 'Project', project: '', name }
    const head = { baseGeneration: 0, labels: {}, annotations: {}, spec: {} }
    const done = await commitChange(
      this.#database.sql,
      { key, ...head },
      {
        ...{ atMs: Date.now(), principal: 'User::"bench"', action: 'create', digest: policySet },
        ...{ policies: [], policySet, approvals: [], summary: `create Project/${name}` },
      },
    )
    if (!done.ok) throw new Error(`${name} was there already`)
    return done.committed.entry
  }

  /** 99 of 100 were under a signed checkpoint this long after their append began. */
  async #percentile(
    begun: ReadonlyMap<number, number>,
    signed: readonly { readonly size: number; readonly atMs: number }[],
  ): Promise<number> {
    const rows = await this.#database.sql<{ id: string; leaf_index: string }[]>`
      select id, leaf_index from ledger_entry order by leaf_index`
    let at = 0
    const took = rows.flatMap(({ id, leaf_index }) => {
      while ((signed[at]?.size ?? Number.POSITIVE_INFINITY) <= Number(leaf_index)) at += 1
      const startMs = begun.get(Number(id))
      const endMs = signed[at]?.atMs
      return startMs === undefined || endMs === undefined ? [] : [endMs - startMs]
    })
    took.sort((a, b) => a - b)
    return took[Math.ceil(took.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY
  }
}

/** Entries a second that tree and signatures take, in memory. */
function treeRate(): number {
  const signer = signerKeyFromSeed('bench/ledger', Buffer.alloc(32, 1), 'note')
  const startMs = performance.now()
  let edge: TreeEdge = emptyEdge
  for (let done = 0; done < treeEntries; done += treeBatch) {
    const entries = Array.from({ length: treeBatch }, (_, i) => entryOf(done + i))
    const { edge: grown, root } = growTree(edge, entries)
    edge = grown
    const head = { origin: 'bench/ledger', size: edge.size, root, extensions: [] }
    signNote(formatCheckpoint(head), [signer])
  }
  return treeEntries / ((performance.now() - startMs) / 1000)
}

function entryOf(index: number): Buffer {
  const entry = Buffer.alloc(33, 1)
  entry.writeUInt32BE(index, 1)
  return entry
}

function tell(seen: {
  readonly appends: number
  readonly signedMs: number
  readonly sequenced: number
  readonly tree: number
}): void {
  const { appendsPerSecond, signedMs } = bounds
  const isWithin = seen.appends >= appendsPerSecond && seen.signedMs <= signedMs
  report(
    [
      { what: 'changes committed, signed beside, /s', value: round(seen.appends), bound: 10_000 },
      { what: 'append to signed, p99 ms', value: round(seen.signedMs), bound: signedMs },
      { what: 'sequencer alone, entries/s', value: round(seen.sequenced), bound: '' },
      { what: 'tree and signatures alone, entries/s', value: round(seen.tree), bound: '' },
    ],
    {
      ...{ bench: 'ledger', metric: 'durable appends through commitChange', unit: 'entries/s' },
      ...{ value: round(seen.appends), peer: `bound ${appendsPerSecond} entries/s` },
      ratio: round(seen.appends / appendsPerSecond),
    },
  )
  if (!isWithin) process.exitCode = 1
}
