// Inbox
//
// Reads what came for the runs of an engine's shards, and hands it over once each. What it does not hand over
// stays in the table, unless its run is over: a signal is somebody's answer, and is not lost with an engine.

import type { WorkflowError } from '@tutti/core/workflow'
import { isDatabaseAway, type Sql } from '../store/index.ts'
import { EngineBusy } from './engine-busy.ts'
import { loadRuns } from './load-runs.ts'
import { shardOf } from './run-head.ts'
import { loadSignals, type StoredSignal, sendSignal } from './signal.ts'
import type { StartRequest } from './start-request.ts'

export interface InboxPorts {
  readonly sql: Sql
  /** Those of the engine at this moment; none once it has stopped. */
  readonly shards: ReadonlySet<number>
  /** Brings runs into memory and calls, while they are there; gives those that are broken. */
  readonly load: (ids: readonly string[], use: () => void) => Promise<Unloadable>
  /** False where the run is not in memory. */
  readonly deliver: (signal: StoredSignal) => boolean
  readonly start: (request: StartRequest) => Promise<unknown>
  readonly failureOf: (error: unknown) => WorkflowError
  readonly onTrouble: (what: string, error: unknown) => void
}

/** Runs that could not be loaded, for now. */
export type Unloadable = ReadonlySet<string>

const readMax = 1_000 // signals at once
const againMs = 1_000
const asideMs = 5_000 // a document that is gone stays gone; a database that is away comes back

export class Inbox {
  readonly #ports: InboxPorts
  /** Signals that are in a batch on its way, or put aside for a while. */
  readonly #taken = new Set<string>()
  #reading: Promise<void> = Promise.resolve()
  #isAsked = false
  #isClosed = false

  constructor(ports: InboxPorts) {
    this.#ports = ports
  }

  /** There may be something to read. */
  ask(): void {
    if (this.#isAsked || this.#isClosed) return
    this.#isAsked = true
    this.#reading = this.#reading.then(async () => {
      this.#isAsked = false
      try {
        if (!this.#isClosed) await this.#read()
      } catch (error) {
        this.#ports.onTrouble('signals were not read and are read again', error)
        this.#again()
      }
    })
  }

  /** These stand in a journal now, and are gone from the table. */
  settled(ids: readonly string[]): void {
    for (const id of ids) this.#taken.delete(id)
  }

  /** Reads no more. */
  close(): void {
    this.#isClosed = true
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    await this.#reading
  }

  async #read(): Promise<void> {
    const { sql, shards, load, deliver } = this.#ports
    const signals = await loadSignals(sql, [...shards], [...this.#taken], readMax)
    const strays: StoredSignal[] = []
    const broken = await load([...new Set(signals.map(({ run }) => run))], () => {
      for (const signal of signals) {
        if (deliver(signal)) this.#taken.add(signal.id)
        else strays.push(signal)
      }
    })
    if (strays.length > 0) await this.#sortOut(strays, broken)
    if (signals.length === readMax) this.ask()
  }

  /** Signals for runs that are not here: to begin, over, or another engine's by now. */
  async #sortOut(strays: readonly StoredSignal[], broken: Unloadable): Promise<void> {
    const { sql, shards } = this.#ports
    const runs = await loadRuns(sql, [...new Set(strays.map(({ run }) => run))])
    const stored = new Map(runs.map((run) => [run.head.id, run]))
    const over: string[] = []
    const begun = new Set<string>()
    for (const { id, run, signal } of strays) {
      const known = stored.get(run)
      if (known !== undefined && known.outcome === null && signal.kind !== 'start') {
        if (broken.has(run)) this.putAside(id)
        else if (shards.has(known.head.shard)) this.#again() // else the shard's next engine does
      } else if (known === undefined && signal.kind === 'start') {
        if (!shards.has(shardOf(run))) continue
        await this.#startFor(signal.request)
        begun.add(run)
        over.push(id)
      } else if (begun.has(run))
        this.#again() // what came right behind the start is for a run that is here
      else over.push(id)
    }
    if (over.length > 0) await sql`delete from workflow_signal where id = any(${over}::bigint[])`
  }

  /** It was taken, and is not dealt with. */
  readAgain(id: string): void {
    this.#taken.delete(id)
    this.ask()
  }

  /** Read again after a while. */
  putAside(id: string): void {
    this.#taken.add(id)
    setTimeout(() => {
      this.readAgain(id)
    }, asideMs).unref()
  }

  #again(): void {
    setTimeout(() => this.ask(), againMs).unref()
  }

  /** Starts a subflow that another engine asked for; who waits for it hears where it cannot be. */
  async #startFor(request: StartRequest): Promise<void> {
    try {
      await this.#ports.start(request)
    } catch (error) {
      // The signal stays, and is read again.
      if (error instanceof EngineBusy || isDatabaseAway(error)) throw error
      const { parent = null } = request
      if (parent === null) return this.#ports.onTrouble('a workflow was not started', error)
      const failed = {
        kind: 'failed',
        key: parent.key,
        error: this.#ports.failureOf(error),
      } as const
      await sendSignal(this.#ports.sql, parent.run, failed)
    }
  }
}
