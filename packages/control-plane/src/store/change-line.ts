// Change line
//
// Group commit: changes that come at the same time are written in one transaction, and each caller learns
// of its own when it is durable. While one transaction is under way the next gathers.
//
//   L1. A caller hears of its change after the transaction that holds it, never before.
//       What belongs to it (`alongside`) is in that transaction, too.
//   L2. One caller's bad change fails for that caller alone.
//   L3. A change whose commit has an unknown end is not tried again: it might be there already.
//   L4. Whoever has to know of a change in this process knows before its caller does.

import type { ResourceKey } from '@tutti/core/resource'
import { type Alongside, commitChange } from './commit-change.ts'
import type { Query, Sql } from './database.ts'
import {
  addressOf,
  type Change,
  type CommitOutcome,
  type RecordDraft,
  type Write,
  writeChanges,
} from './write-changes.ts'

// One is on its way to the disk while the next is prepared; more only wait for each other's locks.
const groupsMax = 2
const changesMax = 256 // per group: a larger one costs as much for each, and lets them wait longer
const textMax = 2 ** 22 // characters per group: the largest document, or some thousand small ones

interface Waiting extends Change {
  readonly address: string
  readonly alongside: Alongside | undefined
  readonly resolve: (outcome: CommitOutcome) => void
  readonly reject: (error: unknown) => void
}

/** Where changes are committed; one for each pool. */
export class ChangeLine {
  readonly #sql: Sql
  readonly #onCommitted: (key: ResourceKey) => void
  /** Bounded by the callers, who wait with one each. `commit` adds, `#take` removes. */
  #waiting: Waiting[] = []
  #groups = 0
  #isAsked = false

  constructor(sql: Sql, onCommitted: (key: ResourceKey) => void = () => {}) {
    this.#sql = sql
    this.#onCommitted = onCommitted
  }

  /** As `commitChange`. */
  commit(write: Write, draft: RecordDraft, alongside?: Alongside): Promise<CommitOutcome> {
    return new Promise((tell, reject) => {
      const address = addressOf(write.key)
      const resolve = (outcome: CommitOutcome) => {
        if (outcome.ok) this.#onCommitted(write.key) // L4
        tell(outcome)
      }
      this.#waiting.push({ write, draft, alongside, address, resolve, reject })
      this.#ask()
    })
  }

  /** Everything that this turn of the event loop still brings goes along. */
  #ask(): void {
    if (this.#isAsked || !this.#isDue()) return
    this.#isAsked = true
    setImmediate(() => {
      this.#isAsked = false
      void this.#flush()
    })
  }

  /** Beside one that is under way only a full group starts: small ones cost as much. */
  #isDue(): boolean {
    if (this.#groups === 0) return this.#waiting.length > 0
    return this.#groups < groupsMax && this.#waiting.length >= changesMax
  }

  async #flush(): Promise<void> {
    if (!this.#isDue()) return
    const group = this.#take()
    this.#groups += 1
    this.#ask()
    await commitGroup(this.#sql, group)
    this.#groups -= 1
    this.#ask() // what was answered may bring more in this turn, and that goes along
  }

  /** The longest waiting ones, one of each resource: a second waits for the first (W1). */
  #take(): readonly Waiting[] {
    const group = new Map<string, Waiting>()
    const left: Waiting[] = []
    let text = 0
    for (const one of this.#waiting) {
      const isFull = group.size >= changesMax || text > textMax
      if (isFull || group.has(one.address)) left.push(one)
      else {
        group.set(one.address, one)
        text += lengthOf(one.write)
      }
    }
    this.#waiting = left
    return [...group.values()]
  }
}

function lengthOf({ spec, status }: Write): number {
  return JSON.stringify(spec).length + (status === undefined ? 0 : JSON.stringify(status).length)
}

async function commitGroup(sql: Sql, group: readonly Waiting[]): Promise<void> {
  let isWritten = false
  try {
    const outcomes = await sql.begin(async (tx) => {
      const all = await writeChanges(tx, group)
      await writeAlongside(tx, group, all)
      isWritten = true
      return all
    })
    for (const [index, one] of group.entries()) {
      const outcome = outcomes[index]
      if (outcome !== undefined) one.resolve(outcome) // L1
    }
  } catch (error) {
    if (isWritten || group.length === 1) {
      for (const one of group) one.reject(error) // L3
    } else await commitEach(sql, group) // L2: none of it was written
  }
}

/**
 * What one of them throws undoes the group, which is then committed one by one. In turns: after a
 * failure nothing more may be sent on a connection that is no transaction’s any more.
 */
async function writeAlongside(
  tx: Query,
  group: readonly Waiting[],
  outcomes: readonly CommitOutcome[],
): Promise<void> {
  for (const [index, { alongside }] of group.entries()) {
    const outcome = outcomes[index]
    if (alongside !== undefined && outcome?.ok) await alongside(tx, outcome.committed)
  }
}

async function commitEach(sql: Sql, group: readonly Waiting[]): Promise<void> {
  await Promise.all(
    group.map(({ write, draft, alongside, resolve, reject }) =>
      commitChange(sql, write, draft, alongside).then(resolve, reject),
    ),
  )
}
