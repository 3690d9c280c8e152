// Bench: ledger
//
// Claim: 10,000 durable appends a second on one core, from append to signed within 500 ms (p99), through the
// log's own interface: a change and its record are one transaction of the embedded Postgres, changes that
// come together share one, the sequencer gives records their places and signs a checkpoint for each batch.
// The peer, in turns with it: the same changes with a transaction for each, on all connections of the pool.
// Beside them how fast the sequencer alone takes a line that has formed, and what its tree and signatures
// would allow without a database. The database must flush to disk before it says that it has committed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  ChangeLine,
  type CommitOutcome,
  commitChange,
  type Database,
  type LedgerIdentity,
  ledgerPace,
  loadIdentity,
  openDatabase,
  type RecordDraft,
  sequence,
  startLoops,
  type Write,
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
const rounds = 3
const callers = 512
const connections = 16 // the pool's: more callers would only queue
const writeMs = 4_000
const line = 20_000
const treeEntries = 50_000
const treeBatch = 256
const policySet = `sha256:${'0'.repeat(64)}`

export async function ledger(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-ledger-'))
  const identity = loadIdentity(folder)
  const database = await openDatabase({ url: undefined, dataFolder: folder })
  try {
    await assertDurable(database)
    const log = new Log(database, identity)
    const changes = new ChangeLine(database.sql)
    const together: Rate[] = []
    const alone: Rate[] = []
    for (let turn = 0; turn < rounds; turn++) {
      const each: Commit = (write, draft) => commitChange(database.sql, write, draft)
      alone.push(await log.writeAndSign(connections, each))
      together.push(await log.writeAndSign(callers, (write, draft) => changes.commit(write, draft)))
    }
    const sequenced = await log.sequenceLine(changes)
    tell({ together, alone, sequenced, tree: treeRate() })
  } finally {
    await database.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A log that may lose what it said was written is not measured. */
async function assertDurable({ sql }: Database): Promise<void> {
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const [row] = await sql<{ value: string }[]>`select current_setting(${name}) as value`
    if (row?.value !== 'on') throw new Error(`${name} is ${row?.value}`)
  }
}

type Commit = (write: Write, draft: RecordDraft) => Promise<CommitOutcome>

interface Rate {
  readonly appends: number
  readonly signedMs: number
  /** Processor time of this process for one append; Postgres has its own. */
  readonly cpuMicros: number
}

class Log {
  readonly #database: Database
  readonly #identity: LedgerIdentity
  #names = 0

  constructor(database: Database, identity: LedgerIdentity) {
    this.#database = database
    this.#identity = identity
  }

  /** So many callers as fast as they are answered, while the sequencer runs beside them. */
  async writeAndSign(count: number, commit: Commit): Promise<Rate> {
    const begun = new Map<number, number>() // by entry
    const signed: { readonly size: number; readonly atMs: number }[] = []
    const startMs = performance.now()
    const startCpu = process.cpuUsage()
    const turn = async () => {
      const checkpoint = await this.#sequence()
      signed.push({ size: checkpoint?.size ?? 0, atMs: performance.now() })
    }
    const loops = startLoops([{ name: 'ledger', ...ledgerPace, turn }], (_, error) => {
      throw error
    })
    const caller = async () => {
      while (performance.now() - startMs < writeMs) {
        const atMs = performance.now()
        begun.set(await this.#append(commit), atMs)
        loops.wake('ledger')
      }
    }
    await Promise.all(Array.from({ length: count }, caller))
    const appends = begun.size / ((performance.now() - startMs) / 1000)
    const { user, system } = process.cpuUsage(startCpu)
    await loops.stop()
    await turn()
    const signedMs = await this.#percentile(begun, signed)
    return { appends, signedMs, cpuMicros: (user + system) / begun.size }
  }

  /** A line of records that are committed and wait: how many a second get their places. */
  async sequenceLine(changes: ChangeLine): Promise<number> {
    let left = line
    const caller = async () => {
      while (left-- > 0) await this.#append((write, draft) => changes.commit(write, draft))
    }
    await Promise.all(Array.from({ length: callers }, caller))
    const startMs = performance.now()
    await this.#sequence()
    return line / ((performance.now() - startMs) / 1000)
  }

  async #sequence() {
    return await sequence(this.#database.sql, this.#identity, Date.now())
  }

  async #append(commit: Commit): Promise<number> {
    const name = `p-${this.#names++}`
    const key = { kind: 'Project', project: '', name }
    const done = await commit(
      { key, baseGeneration: 0, labels: {}, annotations: {}, spec: {} },
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
  readonly together: readonly Rate[]
  readonly alone: readonly Rate[]
  readonly sequenced: number
  readonly tree: number
}): void {
  const together = median(seen.together)
  const alone = median(seen.alone)
  const { appendsPerSecond, signedMs } = bounds
  const isWithin = together.appends >= appendsPerSecond && together.signedMs <= signedMs
  const row = (what: string, value: number, bound: number | string = '') => ({
    ...{ what, value: round(value), bound },
  })
  report(
    [
      row('changes committed, signed beside, /s', together.appends, appendsPerSecond),
      row('append to signed, p99 ms', together.signedMs, signedMs),
      row('processor time here for each, µs', together.cpuMicros),
      row('peer: a transaction each, /s', alone.appends),
      row('peer: append to signed, p99 ms', alone.signedMs),
      row('peer: processor time here for each, µs', alone.cpuMicros),
      row('sequencer alone, entries/s', seen.sequenced),
      row('tree and signatures alone, entries/s', seen.tree),
    ],
    {
      ...{ bench: 'ledger', metric: 'durable appends, fsync on', unit: 'entries/s' },
      ...{ value: round(together.appends), peer: 'a transaction each' },
      ratio: round(together.appends / alone.appends),
    },
  )
  if (!isWithin) process.exitCode = 1
}

/** The round in the middle, by its rate. */
function median(of: readonly Rate[]): Rate {
  const sorted = [...of].sort((a, b) => a.appends - b.appends)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('no round was measured')
  return middle
}
