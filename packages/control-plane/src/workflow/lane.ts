// Lane
//
// Group commit: what many runs want written goes into one statement, and each learns when it is durable.
// While a flush is under way the next one gathers.
//
//   L1. A batch is durable before any of its `committed` is called.
//   L2. Batches of one run reach the database in the order in which they were given.
//   L3. A failed flush is repeated as it was until it is known to be written, or refused.

import type { Batch } from './batch.ts'

export type Written = 'written' | 'fenced'
/** Writes batches in one transaction; throws where it is not known whether they are written. */
export type Write = (batches: readonly Batch[]) => Promise<Written>

export interface LanePorts {
  readonly write: Write
  /** Called once when the engine no longer owns what it writes. */
  readonly onFenced: () => void
  readonly onTrouble: (error: unknown) => void
  readonly pause: (ms: number) => Promise<void>
}

const entriesMax = 4_000 // per flush: some megabytes, some ten milliseconds
// The last one repeats: a database that restarts takes seconds.
const pausesMs = [10, 50, 200, 500, 1_000]

export class Lane {
  readonly #ports: LanePorts
  #waiting: Batch[] = []
  /** Entries in `#waiting`; written with it. */
  #depth = 0
  #isFlushing = false
  /** Who waits for the next flush; taken by `#flush`. */
  #watchers: (() => void)[] = []
  /** Set when fenced, and never back. */
  #isClosed = false

  constructor(ports: LanePorts) {
    this.#ports = ports
  }

  /** How many entries are not yet written. */
  get depth(): number {
    return this.#depth
  }

  /** Resolves after the next flush; at once where nothing is written. */
  async flushed(): Promise<void> {
    if (this.#isFlushing) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  append(batch: Batch): void {
    if (this.#isClosed) return
    this.#waiting.push(batch)
    this.#depth += batch.journal?.length ?? 0
    if (this.#isFlushing) return
    this.#isFlushing = true
    // Everything that this turn of the event loop still brings goes along.
    setImmediate(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const batches = this.#take()
      if ((await this.#write(batches)) === 'fenced') {
        this.#isClosed = true
        this.#waiting = []
        this.#depth = 0
        this.#ports.onFenced()
        break
      }
      for (const { committed } of batches) committed() // L1
      for (const resolve of this.#watchers.splice(0)) resolve()
      // Let what was committed say what comes next, so that it joins the next flush.
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#isFlushing = false
    for (const resolve of this.#watchers.splice(0)) resolve()
  }

  #take(): readonly Batch[] {
    let entries = 0
    const end = this.#waiting.findIndex((batch) => {
      entries += batch.journal?.length ?? 1
      return entries > entriesMax
    })
    const taken = this.#waiting.splice(0, end <= 0 ? this.#waiting.length : end)
    for (const { journal } of taken) this.#depth -= journal?.length ?? 0
    return taken
  }

  async #write(batches: readonly Batch[]): Promise<Written> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#ports.write(batches)
      } catch (error) {
        this.#ports.onTrouble(error)
        await this.#ports.pause(pausesMs[Math.min(attempt, pausesMs.length - 1)] ?? 0) // L3
      }
    }
  }
}
