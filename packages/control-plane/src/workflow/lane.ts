// Lane
//
// Group commit: what many runs want written goes into one statement, and each learns when it is durable.
// While a flush is under way the next one gathers. Where many runs want something at the same time they are shared
// between two flushes, so that the engine decides for some while the database writes for others; few go together,
// since a flush costs more than what is in it.
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
  /** Writes what may have been written before. */
  readonly rewrite: Write
  /** Called once when the engine no longer owns what it writes. */
  readonly onFenced: () => void
  readonly onTrouble: (error: unknown) => void
  readonly pause: (ms: number) => Promise<void>
}

const flushesMax = 2 // one is decided for while the other is written; more share the same disk
const sharedMin = 48 // batches: fewer cost less together, about as much as the flush itself
const entriesMax = 4_000 // per flush: some megabytes, some ten milliseconds
// The last one repeats: a database that restarts takes seconds.
const pausesMs = [10, 50, 200, 500, 1_000]

export class Lane {
  readonly #ports: LanePorts
  #waiting: Batch[] = []
  /** Entries in `#waiting`; written with it. */
  #depth = 0
  /** Runs of which something is being written; written by `#flush`. */
  readonly #flushing = new Set<string>()
  /** Flushes under way; written by `#flush`. */
  #flushes = 0
  /** Whether the end of this turn of the event loop looks for a flush; written by `#look`. */
  #isLooking = false
  /** Who waits for the next flush; taken by `#tell`. */
  #watchers: (() => void)[] = []
  /** Set when fenced, and never back. */
  #isClosed = false

  constructor(ports: LanePorts) {
    this.#ports = ports
  }

  /** How many entries wait for a flush. */
  get depth(): number {
    return this.#depth
  }

  /** Resolves after the next flush; at once where nothing is written. */
  async flushed(): Promise<void> {
    if (this.#isClosed || (this.#flushes === 0 && this.#waiting.length === 0)) return
    await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  /** Resolves when nothing waits and nothing is being written. */
  async idle(): Promise<void> {
    while (!this.#isClosed && this.#flushes + this.#waiting.length > 0) await this.flushed()
  }

  append(batch: Batch): void {
    if (this.#isClosed) return
    this.#waiting.push(batch)
    this.#depth += batch.journal?.length ?? 0
    this.#look()
  }

  /** Everything that this turn of the event loop still brings goes along. */
  #look(): void {
    const isEmpty = this.#waiting.length === 0
    if (this.#isLooking || isEmpty || this.#flushes >= flushesMax) return
    this.#isLooking = true
    setImmediate(() => {
      this.#isLooking = false
      while (this.#flushes < flushesMax) {
        const batches = this.#take()
        if (batches.length === 0) break
        void this.#flush(batches)
      }
    })
  }

  async #flush(batches: readonly Batch[]): Promise<void> {
    this.#flushes += 1
    for (const { head } of batches) this.#flushing.add(head.id)
    const written = await this.#write(batches)
    this.#flushes -= 1
    for (const { head } of batches) this.#flushing.delete(head.id)
    if (this.#isClosed) return
    if (written === 'fenced') this.#close()
    else {
      for (const { committed } of batches) committed() // L1
      this.#look() // what was committed says what comes next, and that joins
    }
    this.#tell()
  }

  #close(): void {
    this.#isClosed = true
    this.#waiting = []
    this.#depth = 0
    this.#ports.onFenced()
  }

  #tell(): void {
    for (const resolve of this.#watchers.splice(0)) resolve()
  }

  /** What goes into the next flush; nothing where it had better wait for the one under way. */
  #take(): readonly Batch[] {
    const { length } = this.#waiting
    if (this.#flushes === 0) return this.#takeSome(length < 2 * sharedMin ? length : length >> 1)
    if (length < sharedMin) return []
    const [free, bound]: [Batch[], Batch[]] = [[], []]
    for (const one of this.#waiting) (this.#flushing.has(one.head.id) ? bound : free).push(one)
    if (free.length < sharedMin) return []
    this.#waiting = [...free, ...bound] // L2
    return this.#takeSome(free.length)
  }

  #takeSome(countMax: number): readonly Batch[] {
    let [entries, count] = [0, 0]
    for (; count < countMax; count++) {
      entries += this.#waiting[count]?.journal?.length ?? 1
      if (entries > entriesMax && count > 0) break
    }
    const taken = this.#waiting.splice(0, count)
    for (const { journal } of taken) this.#depth -= journal?.length ?? 0
    return taken
  }

  async #write(batches: readonly Batch[]): Promise<Written> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      try {
        return await (attempt === 0 ? this.#ports.write(batches) : this.#ports.rewrite(batches))
      } catch (error) {
        this.#ports.onTrouble(error)
        await this.#ports.pause(pausesMs[Math.min(attempt, pausesMs.length - 1)] ?? 0) // L3
      }
    }
    return 'fenced'
  }
}
