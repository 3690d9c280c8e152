// Engine
//
// Runs workflows: decides with core's machine, writes what was decided, and only then does it.
//
//   E1. An act begins only when everything before it is durable.
//   E2. The outcome of an act counts from the moment that it is durable; an act whose outcome is not may be
//       done again after a crash, under the same key, so that whoever is called can tell.
//   E3. A run that waits is a row: it holds no memory but while something is being done for it.
//   E4. What is fenced stops: it writes nothing, and begins nothing.

import { randomUUID } from 'node:crypto'
import { type Entry, type Outcome, standardError, type WorkflowError } from '@tutti/core/workflow'
import { ActFailed } from './act.ts'
import { Acting } from './acting.ts'
import { Alarm } from './alarm.ts'
import { batchOf } from './batch.ts'
import { EngineBusy } from './engine-busy.ts'
import type { EnginePorts } from './engine-ports.ts'
import { entriesOf } from './entries-of-signal.ts'
import { freshRunId } from './fresh-run-id.ts'
import { Inbox, type Unloadable } from './inbox.ts'
import { Lane } from './lane.ts'
import { Later } from './later.ts'
import { loadRuns } from './load-runs.ts'
import { openResident } from './open-resident.ts'
import { isEndAwaited, tellQueues } from './queue.ts'
import { readResidents } from './read-residents.ts'
import type { Act, ResidentRun, Turn } from './resident-run.ts'
import { shardOf } from './run-head.ts'
import { buryEngine, claimShards, registerEngine, releaseShards } from './shard-lease.ts'
import { type StoredSignal, sendSignal, signalChannel } from './signal.ts'
import type { StartRequest } from './start-request.ts'
import { agreementOf, type UpgradeSignal, upgrade } from './upgrade-resident.ts'
import { within } from './within.ts'
import { rewriteBatches, writeBatches } from './write-batches.ts'

const depthMax = 50_000 // entries not yet written, some hundred megabytes: then starts are refused
const leaseMs = 1_000
const flushMsMax = 20_000 // a flush takes milliseconds, and seconds behind a take-over
const busyMs = 50 // an engine starts within it, or has written thousands of entries
const sweepMax = 1_000 // runs loaded at once
const resumedMax = 250 // loaded at once: what is alive is copied by each collection
const resumeMax = 10_000 // ids of runs to resume read at once, less than a megabyte
const idFindsMax = 10_000 // chance of no id in one shard of 64 after so many: 10^-68

export class Engine {
  readonly #ports: EnginePorts
  readonly #id = randomUUID()
  readonly #runs = new Map<string, ResidentRun>()
  readonly #lane: Lane
  readonly #shards = new Set<number>()
  readonly #inbox: Inbox
  /** The last load that was asked for. */
  #loading: Promise<unknown> = Promise.resolve()
  readonly #waiters = new Map<string, ((outcome: Outcome) => void)[]>()
  /** Runs that are being taken to another version; written by `#deliver`. */
  readonly #upgrading = new Map<string, Promise<void>>()
  #phase: 'running' | 'stopped' = 'running'
  #lease: NodeJS.Timeout | undefined
  readonly #alarm: Alarm
  #unsubscribe: () => void = () => {}
  #unlock: () => Promise<void> = async () => {}

  private constructor(ports: EnginePorts) {
    this.#ports = ports
    this.#lane = new Lane({
      write: (batches) => within(flushMsMax, writeBatches(ports.sql, this.#id, batches)),
      rewrite: (batches) => within(flushMsMax, rewriteBatches(ports.sql, this.#id, batches)),
      onFenced: () => this.#fenced(),
      onTrouble: (error) => ports.onTrouble('a flush failed and is repeated', error),
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    })
    this.#alarm = new Alarm({ ...ports, ring: () => this.#sweep() })
    this.#inbox = new Inbox({
      ...{ sql: ports.sql, onTrouble: ports.onTrouble, shards: this.#shards },
      load: (ids, use) => this.#load(ids, use),
      deliver: (signal) => this.#deliver(signal),
      start: (request) => this.start(request),
      failureOf: (error) => this.#failureOf(error),
    })
  }

  /** Starts an engine; resolves when it has its shards and goes on with their runs. */
  static async open(ports: EnginePorts): Promise<Engine> {
    const engine = new Engine(ports)
    engine.#unlock = await registerEngine(ports.sql, engine.#id)
    engine.#unsubscribe = ports.news.subscribe(signalChannel, {
      onNews: (shard) => {
        if (engine.#shards.has(Number(shard))) engine.#inbox.ask()
      },
      onGap: () => engine.#inbox.ask(),
    })
    await engine.#renew()
    return engine
  }

  /** Whether this engine runs anything now. */
  get shards(): ReadonlySet<number> {
    return this.#shards
  }

  get residents(): number {
    return this.#runs.size
  }

  /** Starts a run; resolves once it is durable. */
  async start(request: StartRequest): Promise<string> {
    if (this.#phase !== 'running' || this.#shards.size === 0) throw new EngineBusy('has no shards')
    const { depth } = this.#lane
    if (depth > depthMax) throw new EngineBusy(`${depth} entries wait to be written`)
    const { project, namespace, name, version, input, labels = {}, parent = null } = request
    const program = await this.#ports.program(request)
    const surroundings = await this.#ports.surroundings(project)
    const id = request.id ?? this.#freshId()
    if (request.id !== undefined && (await this.#isElsewhere(request))) return id
    if ((await this.#ports.queue?.(request, id, program)) === true) return id
    const startedAtMs = this.#ports.nowMs()
    const shard = shardOf(id)
    const head = { id, project, namespace, name, version, shard, labels, parent, startedAtMs }
    const run = openResident(head, program, surroundings, null)
    this.#runs.set(id, run)
    const entry: Entry = { kind: 'started', atMs: startedAtMs, runId: id, input }
    await new Promise<void>((resolve) => this.#feed(run, [entry], { committed: resolve }))
    return id
  }

  /** The outcome of a run of this engine, when it ends; at once where it has. */
  async outcomeOf(id: string): Promise<Outcome> {
    const ended = new Promise<Outcome>((resolve) => {
      const held = this.#waiters.get(id)
      if (held === undefined) this.#waiters.set(id, [resolve])
      else held.push(resolve)
    })
    if (this.#runs.has(id)) return await ended
    const [stored] = await loadRuns(this.#ports.sql, [id])
    if (stored === undefined || stored.outcome === null) return await ended
    this.#waiters.delete(id)
    return JSON.parse(stored.outcome)
  }

  /** Stops: begins nothing more, writes what is decided, and leaves its shards to others. */
  async stop(): Promise<void> {
    if (this.#phase === 'stopped') return
    this.#close()
    this.#unsubscribe()
    await this.#inbox.idle()
    await this.#lane.idle()
    await buryEngine(this.#ports.sql, this.#id)
    await this.#unlock()
  }

  #close(): void {
    this.#phase = 'stopped'
    this.#inbox.close()
    clearTimeout(this.#lease)
    this.#alarm.stop()
    for (const { acting } of this.#runs.values()) {
      for (const one of acting.values()) one.abort()
    }
    this.#shards.clear()
  }

  #fenced(): void {
    if (this.#phase === 'stopped') return
    this.#close() // E4
    this.#runs.clear()
    this.#unsubscribe()
    void this.#unlock()
    this.#ports.onFenced()
  }

  /** True where the run is there already, or another engine starts it. */
  async #isElsewhere(request: StartRequest): Promise<boolean> {
    const { sql } = this.#ports
    const id = request.id ?? ''
    if (this.#runs.has(id) || (await loadRuns(sql, [id])).length > 0) return true
    if (this.#shards.has(shardOf(id))) return false
    await sendSignal(sql, id, { kind: 'start', request })
    return true
  }

  #freshId(): string {
    for (let find = 0; find < idFindsMax; find++) {
      const id = freshRunId(this.#ports.nowMs())
      if (this.#shards.has(shardOf(id))) return id
    }
    throw new EngineBusy('has no shards')
  }

  // Leases

  async #renew(): Promise<void> {
    if (this.#phase === 'stopped') return
    try {
      const claim = await claimShards(this.#ports.sql, this.#id, this.#shards)
      if (claim.isDead) {
        this.#fenced()
        return
      }
      for (const shard of claim.gained) this.#shards.add(shard)
      if (claim.gained.length > 0) await this.#resume(claim.gained)
      await this.#release(claim.surplus)
    } catch (error) {
      this.#ports.onTrouble('a lease was not renewed and is tried again', error)
    }
    if (this.#isStopped()) return
    this.#lease = setTimeout(() => void this.#renew(), leaseMs)
  }

  #isStopped(): boolean {
    return this.#phase === 'stopped'
  }

  /** Gives back shards for which nothing is under way; the others next time. */
  async #release(surplus: readonly number[]): Promise<void> {
    const busy = new Set([...this.#runs.values()].map(({ head }) => head.shard))
    const free = surplus.filter((shard) => !busy.has(shard))
    if (free.length === 0) return
    for (const shard of free) this.#shards.delete(shard)
    await releaseShards(this.#ports.sql, this.#id, free)
  }

  /** Goes on with what these shards' runs were about. */
  async #resume(shards: readonly number[]): Promise<void> {
    for (let after = ''; ; ) {
      const rows = await this.#ports.sql<{ id: string }[]>`
        select id from workflow_run where status = 'running' and shard = any(${[...shards]})
          and id > ${after} order by id limit ${resumeMax}`
      const ids = rows.map(({ id }) => id)
      for (let from = 0; from < ids.length; from += resumedMax) {
        while (this.#lane.depth > resumedMax) await this.#lane.flushed()
        await this.#load(ids.slice(from, from + resumedMax), (runs) => {
          for (const run of runs) this.#goOn(run)
        })
      }
      after = ids.at(-1) ?? ''
      if (ids.length < resumeMax) break
    }
    await this.#sweep()
    this.#inbox.ask()
  }

  /** Does what the journal asks for and has no outcome of. */
  #goOn(run: ResidentRun): void {
    const atMs = this.#ports.nowMs()
    const entries: Entry[] = []
    for (const command of run.machine.waiting) {
      if (command.kind === 'complete') {
        entries.push({ kind: 'completed', atMs, key: command.key, output: command.output })
      } else if (command.kind === 'act' && !run.acting.has(command.key)) this.#act(run, command)
    }
    if (entries.length > 0) this.#feed(run, entries)
    else this.#evict(run)
  }

  /**
   * Brings runs into memory and hands over, in the same turn, those that are there. One load after
   * the other: two at once would make two residents of one run.
   */
  #load(ids: readonly string[], use: (runs: readonly ResidentRun[]) => void): Promise<Unloadable> {
    const loading = this.#loading.then(async () => {
      const broken = new Set<string>()
      const settled = new Set<string>()
      for (;;) {
        // Who was here may have been left to its row while others were read.
        const absent = ids.filter((id) => !this.#runs.has(id) && !settled.has(id))
        if (absent.length === 0) break
        for (const id of await this.#read(absent, broken)) settled.add(id)
      }
      use(ids.flatMap((id) => this.#runs.get(id) ?? []))
      return broken
    })
    this.#loading = loading.catch(() => {})
    return loading
  }

  /** Gives those that cannot be here: over, another engine's, or broken. */
  async #read(absent: readonly string[], broken: Set<string>): Promise<readonly string[]> {
    const found = await readResidents(this.#ports, absent)
    for (const id of found.broken) broken.add(id)
    for (const run of found.runs) {
      if (this.#shards.has(run.head.shard)) this.#runs.set(run.head.id, run)
    }
    return absent.filter((id) => !this.#runs.has(id))
  }

  // Turns

  #feed(
    run: ResidentRun,
    entries: readonly Entry[],
    more: { readonly committed?: () => void; readonly signals?: readonly string[] } = {},
  ): void {
    const turn = this.#take(run, entries)
    for (const key of turn.stopped) run.acting.get(key)?.abort()
    run.unwritten += 1
    const { signals = [] } = more
    const committed = () => {
      run.unwritten -= 1
      this.#inbox.settled(signals)
      more.committed?.()
      this.#ports.onWritten?.(run.head.id)
      this.#committed(run, turn)
    }
    this.#lane.append(batchOf(turn.batch, signals, committed))
  }

  #take(run: ResidentRun, entries: readonly Entry[]): Turn {
    const nowMs = this.#ports.nowMs()
    try {
      return run.take(entries, nowMs)
    } catch (error) {
      this.#ports.onTrouble(`the run ${run.head.id} is ended: the machine failed on it`, error)
      return run.break(error, nowMs)
    }
  }

  #committed(run: ResidentRun, turn: Turn): void {
    if (this.#phase === 'stopped') return
    const { outcome } = turn
    if (outcome !== null) {
      this.#ended(run, outcome)
      return
    }
    for (const act of turn.acts) this.#act(run, act) // E1
    if (turn.rest.length > 0) this.#feed(run, turn.rest)
    const { wakeAtMs } = turn.batch
    if (wakeAtMs !== null) this.#alarm.set(wakeAtMs)
    this.#evict(run)
  }

  #ended(run: ResidentRun, outcome: Outcome): void {
    const { id } = run.head
    for (const acting of run.acting.values()) acting.abort()
    this.#runs.delete(id)
    for (const resolve of this.#waiters.get(id) ?? []) resolve(outcome)
    this.#waiters.delete(id)
    if (!isEndAwaited(run.head)) return
    tellQueues(this.#ports.sql).catch(() => {}) // they look by themselves, too
  }

  /** Leaves the run to its row when nothing is being done for it. E3 */
  #evict(run: ResidentRun): void {
    if (run.isIdle) this.#runs.delete(run.head.id)
  }

  // Acts

  #act(run: ResidentRun, act: Act): void {
    const { name } = act.action.type === 'function' ? act.action : { name: '' }
    if (name === 'tutti.human') return // people answer by signal
    if (run.isPaused || !run.machine.waitsAt(act.key)) return
    const acting = new Acting(run.head)
    run.acting.set(act.key, acting)
    const { key } = act
    const { nowMs } = this.#ports
    this.#ports.act(act, acting).then(
      (output) => this.#acted(run, { kind: 'completed', atMs: nowMs(), key, output }),
      (error: unknown) => {
        if (error instanceof Later) this.#rest(run, act)
        else if (error instanceof EngineBusy) this.#actSoon(run, act)
        else this.#acted(run, { kind: 'failed', atMs: nowMs(), key, error: this.#failureOf(error) })
      },
    )
  }

  /** An engine that takes no subflow now takes it soon: that is no error of the run. */
  #actSoon(run: ResidentRun, act: Act): void {
    setTimeout(() => {
      if (this.#phase === 'running' && run.acting.delete(act.key)) this.#act(run, act)
    }, busyMs).unref()
  }

  /** A subflow ends by a signal: until then nothing is held for it. */
  #rest(run: ResidentRun, act: Act): void {
    run.acting.delete(act.key)
    if (this.#phase === 'running') this.#evict(run)
  }

  #acted(run: ResidentRun, entry: Extract<Entry, { kind: 'completed' | 'failed' }>): void {
    run.acting.delete(entry.key)
    if (this.#phase === 'stopped') return // E2, E4
    run.arrived.push(entry)
    if (run.arrived.length > 1) return
    if (run.acting.size === 0) this.#arrive(run)
    else queueMicrotask(() => this.#arrive(run))
  }

  /** What branches of a run bring at the same time is one turn: one text to hash and to store. */
  #arrive(run: ResidentRun): void {
    const entries = run.arrived.splice(0)
    if (this.#phase === 'stopped' || run.machine.outcome !== null) return
    this.#feed(run, entries)
  }

  #failureOf(error: unknown): WorkflowError {
    if (error instanceof ActFailed) return error.error
    this.#ports.onTrouble('a step failed in a way that nobody foresaw', error)
    return standardError('runtime', error instanceof Error ? error.message : String(error))
  }

  // Time

  /** Wakes the runs whose time has come, and sets the alarm for the next ones. */
  async #sweep(): Promise<void> {
    if (this.#phase === 'stopped') return
    const { sql } = this.#ports
    const [shards, nowMs] = [[...this.#shards], this.#ports.nowMs()]
    for (let after = { id: '', at_ms: 0 }; ; ) {
      const rows = await sql<{ id: string; at_ms: number }[]>`
        select id, wake_at_ms as at_ms from workflow_run
        where shard = any(${shards}) and wake_at_ms <= ${nowMs}
          and (wake_at_ms, id) > (${after.at_ms}, ${after.id})
        order by wake_at_ms, id limit ${sweepMax}`
      await this.#load(
        rows.map(({ id }) => id),
        (runs) => {
          for (const run of runs) this.#wake(run, nowMs)
        },
      )
      const last = rows.at(-1)
      if (last === undefined || rows.length < sweepMax) break
      after = last // who cannot be loaded keeps nobody behind him waiting
    }
    const [next] = await sql<{ at_ms: number | null }[]>`
      select min(wake_at_ms) as at_ms from workflow_run
      where shard = any(${shards}) and wake_at_ms > ${nowMs}`
    if (typeof next?.at_ms === 'number') this.#alarm.set(next.at_ms)
  }

  #wake(run: ResidentRun, nowMs: number): void {
    const entries = run
      .due(nowMs)
      .map((key): Entry => ({ kind: 'completed', atMs: nowMs, key, output: null }))
    if (entries.length > 0) this.#feed(run, entries)
    else this.#evict(run)
  }

  // Signals

  #deliver({ id, run: name, signal }: StoredSignal): boolean {
    const run = this.#runs.get(name)
    if (run === undefined) return false
    const upgrading = this.#upgrading.get(name)
    if (upgrading !== undefined) {
      void upgrading.then(() => this.#inbox.readAgain(id)) // it is for the version to come
      return true
    }
    if (signal.kind === 'upgrade') {
      const done = this.#upgrade(run, id, signal).then(() => void this.#upgrading.delete(name))
      this.#upgrading.set(name, done)
      return true
    }
    const isResumed = signal.kind === 'resume'
    const entries = entriesOf(run, signal, this.#ports.nowMs())
    if (isResumed || signal.kind === 'pause') run.isPaused = !isResumed
    if (isResumed) run.restate()
    const committed = isResumed ? () => this.#goOn(run) : () => {}
    if ('key' in signal) run.acting.get(signal.key)?.abort() // nobody need ask for it again
    this.#feed(run, entries, { signals: [id], committed })
    return true
  }

  /** A run that is not as it was when it was looked at, or cannot be, is looked at again soon. */
  async #upgrade(run: ResidentRun, id: string, to: UpgradeSignal): Promise<void> {
    try {
      const agreement = await agreementOf(this.#ports, run, to.version)
      if (this.#phase === 'stopped') return
      const isHere = this.#runs.get(run.head.id) === run
      const isAsSeen = isHere && agreement?.entryCount === run.entryCount
      if (agreement === null || !isAsSeen) this.#inbox.putAside(id)
      else this.#feed(run, upgrade(run, agreement, to, this.#ports.nowMs()), { signals: [id] })
    } catch (error) {
      this.#ports.onTrouble(`the run ${run.head.id} is not upgraded for now`, error)
      this.#inbox.putAside(id)
    }
  }
}
