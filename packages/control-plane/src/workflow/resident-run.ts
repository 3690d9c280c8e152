// Resident run
//
// A run in memory: its machine, and what of its journal is on its way to the database. It takes entries and
// says what to write and what to do once that is written.

import {
  type Action,
  type Command,
  type Entry,
  type Keep,
  type Machine,
  type Outcome,
  standardError,
  type WorkflowError,
} from '@tutti/core/workflow'
import type { Acting } from './acting.ts'
import type { Batch, Waiting } from './batch.ts'
import { emptyJournal, growJournal, type JournalHead } from './journal-head.ts'
import type { RunHead, RunStatus } from './run-head.ts'
import type { Signal } from './signal.ts'
import type { Telling } from './telling.ts'

export interface Act {
  readonly key: string
  readonly action: Action
  readonly task: string
  readonly keep?: Keep
}

export interface Turn {
  readonly batch: Omit<Batch, 'committed' | 'signals'>
  readonly acts: readonly Act[]
  /** Steps whose acts are no longer wanted. */
  readonly stopped: readonly string[]
  readonly outcome: Outcome | null
  /** Entries that are still to be taken, once this turn is written. */
  readonly rest: readonly Entry[]
}

const noEvents: Batch['lifecycle'] = []
const entriesMax = 1_000 // per turn: others get theirs in between

/** What its row and its journal say of a run that was here before. */
export interface Stored {
  readonly journal: JournalHead
  readonly status: RunStatus
  readonly wakeAtMs: number | null
}

export class ResidentRun {
  /** Written by `goOnWith`, as `machine` is. */
  #head: RunHead
  #machine: Machine
  /** Acts under way, by step; the engine writes. */
  readonly acting = new Map<string, Acting>()
  /** Outcomes of acts that are to be taken together; the engine writes. */
  readonly arrived: Entry[] = []
  /** Nothing more is begun for it, and no time ends; the engine writes. */
  isPaused: boolean
  /** Turns that are not yet written; the engine writes. */
  unwritten = 0
  /** When steps that wait for time may go on, by key. Written by `take` and `begin`. */
  readonly #wakeAtMs = new Map<string, number>()
  /** Steps that wait for time or for something from outside; written with `#wakeAtMs`. */
  readonly #outside = new Set<string>()
  /** Steps for which something is being done here; written with `#wakeAtMs`. */
  readonly #open = new Set<string>()
  #journal: JournalHead
  /** What the next turn says once more that it waits for; written by `restate`, taken by `take`. */
  readonly #restated: Waiting[] = []
  /** What the run's row says of it, as text; written by `take`. */
  #row = ''
  /** Says what happens in it; null: nobody wants to know. */
  readonly #telling: Telling | null

  constructor(
    head: RunHead,
    machine: Machine,
    stored: Stored | null = null,
    telling: Telling | null = null,
  ) {
    this.#head = head
    this.#telling = telling
    this.isPaused = stored?.status === 'paused'
    this.#machine = machine
    this.#journal = stored?.journal ?? emptyJournal
    if (stored !== null) this.#row = rowText(stored.status, stored.wakeAtMs, head.version)
    for (const command of machine.waiting) this.#note(command, [])
  }

  get head(): RunHead {
    return this.#head
  }

  get machine(): Machine {
    return this.#machine
  }

  /** How many entries it has, written or on their way. */
  get entryCount(): number {
    return this.#journal.length
  }

  /** Another version, whose machine waits for the same: what is under way goes on. */
  goOnWith(machine: Machine, version: string): void {
    this.#machine = machine
    this.#telling?.follow(machine)
    this.#head = { ...this.#head, version }
  }

  /** The steps that wait for time which has come, the first one first. */
  due(nowMs: number): readonly string[] {
    if (this.isPaused) return []
    return [...this.#wakeAtMs]
      .filter(([, untilMs]) => untilMs <= nowMs)
      .sort(([, a], [, b]) => a - b)
      .map(([key]) => key)
  }

  get wakeAtMs(): number | null {
    if (this.isPaused) return null
    let first: number | null = null
    for (const untilMs of this.#wakeAtMs.values()) {
      if (first === null || untilMs < first) first = untilMs
    }
    return first
  }

  /** Nothing is being done for it, and nothing of it is unwritten. */
  get isIdle(): boolean {
    return this.acting.size === 0 && this.unwritten === 0 && this.arrived.length === 0
  }

  /** The next turn says once more what it waits for: of a run whose journal somebody else wrote. */
  restate(): void {
    for (const command of this.machine.waiting) this.#note(command, this.#restated)
  }

  /** Takes entries and all that follows from them without anybody's doing. */
  take(entries: readonly Entry[], nowMs: number): Turn {
    const queue = [...entries]
    const written: Entry[] = []
    const acts = new Map<string, Act>()
    const waits = this.#restated.splice(0)
    const heard: string[] = []
    const stopped: string[] = []
    let next = 0
    while (next < queue.length && written.length < entriesMax) {
      const entry = queue[next]
      next += 1
      if (entry === undefined || this.machine.outcome !== null) break
      // Stopped meanwhile, or told already: an act and a signal may say the same.
      const isOutcome = entry.kind === 'completed' || entry.kind === 'failed'
      if (isOutcome && !this.machine.waitsAt(entry.key)) continue
      written.push(entry)
      if (entry.kind !== 'event' && 'key' in entry) this.#forget(entry.key, heard)
      this.#telling?.entry(entry)
      for (const command of this.machine.apply(entry)) {
        if (command.kind === 'complete') {
          const { key, output } = command
          queue.push({ kind: 'completed', atMs: nowMs, key, output })
        } else if (command.kind === 'act') acts.set(command.key, command)
        else if (command.kind === 'cancel') {
          if (!acts.delete(command.key)) stopped.push(command.key)
          this.#forget(command.key, heard)
        }
        this.#note(command, waits)
      }
    }
    const { outcome } = this.machine
    const endMs = written.at(-1)?.atMs ?? nowMs // as the journal has it
    if (outcome !== null) this.#telling?.outcome(outcome, endMs)
    const { wakeAtMs } = this
    const status = this.#status()
    const row = rowText(status, wakeAtMs, this.head.version)
    const isRowChanged = row !== this.#row
    this.#row = row
    const journal = this.#write(written)
    const batch = {
      head: this.head,
      status,
      wakeAtMs,
      isRowChanged,
      atMs: nowMs,
      journal,
      waits,
      heard,
      told: outcome === null ? null : this.#tell(outcome),
      lifecycle: this.#telling?.take() ?? noEvents,
      hash: outcome === null ? null : this.#journal.hash,
      outcome: outcome === null ? null : JSON.stringify(outcome),
    }
    const rest = outcome === null ? queue.slice(next) : []
    return { batch, acts: [...acts.values()], stopped, outcome, rest }
  }

  /** The end of a run that our machine cannot go on with: a bug ends one run, not the engine. */
  break(error: unknown, nowMs: number): Turn {
    const said = error instanceof Error ? error.message : String(error)
    const outcome: Outcome = {
      status: 'faulted',
      error: standardError('runtime', `the engine failed on this run: ${said}`),
    }
    this.#telling?.outcome(outcome, nowMs)
    const { status } = outcome
    const batch = {
      head: this.head,
      status,
      wakeAtMs: null,
      isRowChanged: true,
      atMs: nowMs,
      waits: [],
      journal: null,
      heard: [...this.#outside],
      told: this.#tell(outcome),
      lifecycle: this.#telling?.take() ?? noEvents,
      hash: this.#journal.hash,
      outcome: JSON.stringify(outcome),
    }
    return { batch, acts: [], stopped: [...this.acting.keys()], outcome, rest: [] }
  }

  /** What a subflow's end says to the run that waits for it. */
  #tell(outcome: Outcome): Batch['told'] {
    const { parent } = this.head
    if (parent === null) return null
    const { run, key } = parent
    const signal: Signal =
      outcome.status === 'completed'
        ? { kind: 'completed', key, output: outcome.output }
        : { kind: 'failed', key, error: errorOf(outcome) }
    return { run, body: JSON.stringify(signal) }
  }

  #write(entries: readonly Entry[]): Batch['journal'] {
    if (entries.length === 0) return null
    const body = JSON.stringify(entries)
    const { length: seq } = this.#journal
    this.#journal = growJournal(this.#journal, body, entries.length)
    return { seq, body, length: entries.length }
  }

  #note(command: Command, waits: Waiting[]): void {
    if (command.kind === 'end') {
      this.#wakeAtMs.clear()
      this.#open.clear()
    } else if (command.kind === 'wait') this.#wakeAtMs.set(command.key, command.untilMs)
    else if (command.kind === 'act') {
      const { action } = command
      if (action.type !== 'function' || action.name !== 'tutti.human') {
        this.#open.add(command.key)
        return
      }
      this.#outside.add(command.key)
      const { role = '' } = roleOf(action.arguments)
      const body = JSON.stringify({ task: command.task, ...objectOf(action.arguments) })
      waits.push({ key: command.key, kind: 'answer', subject: role, body })
    } else if (command.kind === 'listen') {
      this.#outside.add(command.key)
      for (const subject of command.types ?? ['']) {
        waits.push({ key: command.key, kind: 'event', subject, body: '{}' })
      }
    }
  }

  #forget(key: string, heard: string[]): void {
    this.#wakeAtMs.delete(key)
    this.#open.delete(key)
    if (this.#outside.delete(key)) heard.push(key)
  }

  #status(): RunStatus {
    const { outcome } = this.machine
    if (outcome !== null) return outcome.status
    if (this.isPaused) return 'paused'
    return this.#open.size === 0 ? 'waiting' : 'running'
  }
}

function rowText(status: RunStatus, wakeAtMs: number | null, version: string): string {
  return `${status} ${wakeAtMs} ${version}`
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function roleOf(value: unknown): { readonly role?: string } {
  const { assignee } = objectOf(value) as { readonly assignee?: unknown }
  const { role } = objectOf(assignee) as { readonly role?: unknown }
  return typeof role === 'string' ? { role } : {}
}

function errorOf(outcome: Exclude<Outcome, { status: 'completed' }>): WorkflowError {
  if (outcome.status === 'faulted') return outcome.error
  return standardError('runtime', `the subflow was cancelled: ${outcome.reason}`)
}
