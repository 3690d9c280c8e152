// Machine
//
// One run of one document, worked out from its journal. Entries go in, commands come out; the same entries
// in the same order always give the same commands, whether they come one by one or all at once.
//
//   M1. Nothing goes on but by an entry: no clock, no chance, no I/O.
//   M2. A key waits for at most one outcome, and takes it once.
//   M3. What is stopped does not go on: its keys are cancelled, and outcomes that come late are ignored.
//   M5. A run ends after everything is undone that is to be undone, whatever ended it.
//   M4. An entry sets off a bounded number of turns: a document that runs in a circle is a faulted run.

import { assert } from '../../assert.ts'
import type { Json } from '../../resource/index.ts'
import { whyNoPartition } from '../asset/index.ts'
import { durationMs, type TaskItem, type TaskList } from '../document/index.ts'
import { asJson } from './as-json.ts'
import type { Action, Command } from './command.ts'
import type { CloudEvent, Entry, Outcome } from './entry.ts'
import type { GlobalName, Sight } from './expressions.ts'
import { keepOf } from './keep-of.ts'
import type { Program } from './program.ts'
import { secretOf } from './resolve.ts'
import { RunBudget } from './run-budget.ts'
import { runList } from './run-list.ts'
import { checkAgainst, runTask } from './run-task.ts'
import type { Activity, Done, Listener, Result, Scope, Site, Stage, Undo } from './stage.ts'
import { type Trace, Witness } from './witness.ts'
import { Fault, fault, standardError, type WorkflowError } from './workflow-error.ts'

const turnsMax = 20_000 // per entry; 2,000 branches start in 4,000 turns

export interface Surroundings {
  readonly secrets: Readonly<Record<string, Json>>
  readonly runtime: { readonly name: string; readonly version: string }
  /** Told of all that happens in the run, also when a journal is worked out again. */
  readonly trace?: Trace
}

interface Pending {
  readonly activity: Activity
  readonly command: Command
  readonly settle: (result: Result) => void
  readonly listener: Listener | null
}

export class Machine implements Stage {
  readonly #program: Program
  readonly #surroundings: Surroundings
  /** Steps that wait for their outcome, in the order in which they began. */
  readonly #pending = new Map<string, Pending>()
  /** Taken by `apply` when it is done. */
  #commands: Command[] = []
  /** Turns still to be made for this entry. */
  #turns: (() => void)[] = []
  /** Inputs of tasks that were edited, by key; written by `#take`. */
  readonly #edits = new Map<string, Json>()
  #nowMs = 0
  #runId = ''
  #rawInput: Json = null
  #startedAtMs = 0
  #context: Json = null
  #outcome: Outcome | null = null
  readonly #root: Activity = { parent: null, isOver: false }
  /** Where undoing goes on: nothing stops it. */
  readonly #undoing: Activity = { parent: null, isOver: false }
  /** What is undone where these are stopped, the outermost first; written by `onStop`. */
  readonly #stops = new Map<Activity, Undo>()
  /** To be undone, the first one under way; written by `undo` and `#nextUndo`. */
  readonly #undos: Undo[] = []
  /** What could not be undone; written by `#nextUndo`. */
  readonly #notUndone: string[] = []
  readonly #budget: RunBudget
  readonly #witness: Witness | null
  /** How the run ends once everything is undone; written by `#end`. */
  #ending: Outcome | null = null

  constructor(program: Program, surroundings: Surroundings) {
    this.#program = program
    this.#surroundings = surroundings
    this.#budget = new RunBudget(program.properties.budget)
    this.#witness = surroundings.trace === undefined ? null : new Witness(surroundings.trace)
  }

  /** From here on another one is told of a run that is watched; null: nobody. */
  tellTo(trace: Trace | null): void {
    this.#witness?.tellTo(trace)
  }

  get outcome(): Outcome | null {
    return this.#outcome
  }

  get context(): Json {
    return this.#context
  }

  /** What is waited for, in the order in which it began: the commands to give after a restart. */
  get waiting(): readonly Command[] {
    return [...this.#pending.values()].map(({ command }) => command)
  }

  /** Whether the outcome of this step is still wanted. */
  waitsAt(key: string): boolean {
    return this.#pending.has(key)
  }

  /** The listeners that would take this event, by key. */
  listenersFor(event: CloudEvent): readonly string[] {
    return [...this.#pending].flatMap(([key, { listener }]) => {
      if (listener === null) return []
      try {
        return listener.accepts(event) ? [key] : []
      } catch (error) {
        if (error instanceof Fault) return [] // an event that a filter cannot read is not wanted
        throw error
      }
    })
  }

  /** Takes an entry; gives what is to be done now. */
  apply(entry: Entry): readonly Command[] {
    this.#nowMs = Math.max(this.#nowMs, entry.atMs) // a clock that was set back does not count
    if (this.#outcome === null) {
      this.#take(entry)
      this.#makeTurns()
    }
    const commands = this.#commands
    this.#commands = []
    return commands
  }

  #take(entry: Entry): void {
    switch (entry.kind) {
      case 'started':
        this.#runId = entry.runId
        this.#rawInput = entry.input
        this.#startedAtMs = entry.atMs
        this.#start(entry.input)
        return
      case 'completed':
        this.#settle(entry.key, { ok: true, output: entry.output, next: null })
        return
      case 'failed':
        this.#settle(entry.key, { ok: false, error: entry.error })
        return
      case 'edited':
        this.#edits.set(entry.key, entry.input)
        return
      case 'event':
        this.#pending.get(entry.key)?.listener?.take(entry.event) // M3
        return
      case 'copied':
        this.#putOff(entry.awayMs)
        this.#witness?.again(this.#nowMs)
        return
      case 'upgraded':
        return
      case 'paused':
      case 'resumed':
        this.#witness?.all(entry.kind, this.#nowMs)
        return
      case 'cancelled':
        this.close(this.#root)
        this.#end({ status: 'cancelled', reason: entry.reason })
    }
  }

  /** All that waits for time waits this much longer. */
  #putOff(byMs: number): void {
    for (const [key, pending] of this.#pending) {
      const { command } = pending
      if (command.kind !== 'wait') continue
      const later = { ...command, untilMs: command.untilMs + byMs }
      this.#pending.set(key, { ...pending, command: later })
    }
  }

  #settle(key: string, result: Result): void {
    const pending = this.#pending.get(key)
    if (pending === undefined || pending.listener !== null) return // M3
    this.#pending.delete(key) // M2
    pending.settle(result)
  }

  #makeTurns(): void {
    for (let made = 0; this.#outcome === null; made++) {
      const turns = this.#turns
      if (turns.length === 0) return
      this.#turns = []
      for (const turn of turns) turn()
      if (made + turns.length > turnsMax) {
        this.close(this.#root)
        const detail = `more than ${turnsMax} turns without a step: the workflow runs in a circle`
        this.#end({ status: 'faulted', error: standardError('runtime', detail) }) // M4
      }
    }
  }

  #start(raw: Json): void {
    const { document } = this.#program
    const scope: Scope = {
      key: '',
      reference: '',
      names: [],
      values: [],
      activity: this.#root,
      isExtension: false,
      saga: null,
    }
    const { partition } = this.#program.properties
    this.#guard(() => {
      checkAgainst(this, document.input?.schema, raw, "the workflow's input")
      const wrong = partition === undefined ? null : whyNoPartition(partition, raw)
      if (wrong !== null) fault('validation', wrong)
      const from = document.input?.from
      const input =
        from === undefined ? raw : this.expressions.transform(from, raw, this.sight({ scope }))
      this.#limit(scope)
      this.runList(document.do, { ...scope, key: '/do', reference: '/do' }, input, (result) => {
        if (result.ok) this.#guard(() => this.#finish(result.output, scope))
        else this.#fault(result.error)
      })
    })
  }

  #limit(scope: Scope): void {
    const { timeout, use } = this.document
    if (timeout === undefined) return
    const found = typeof timeout === 'string' ? use?.timeouts?.[timeout] : timeout
    const afterMs = found === undefined ? null : durationMs(found.after)
    if (afterMs === null) fault('configuration', 'the timeout of the workflow is no duration')
    this.wait({ ...scope, key: '!timeout' }, this.#nowMs + (afterMs ?? 0), () =>
      this.#fault(standardError('timeout', `the workflow is not done after ${afterMs} ms`)),
    )
  }

  #finish(raw: Json, scope: Scope): void {
    const { output: { schema, as } = {} } = this.document
    const output =
      as === undefined ? raw : this.expressions.transform(as, raw, this.sight({ scope }, raw))
    checkAgainst(this, schema, output, "the workflow's output")
    this.close(this.#root)
    this.#end({ status: 'completed', output })
  }

  #fault(error: WorkflowError): void {
    this.close(this.#root)
    this.#end({ status: 'faulted', error })
  }

  #guard(turn: () => void): void {
    try {
      turn()
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      this.#fault(error.error)
    }
  }

  #end(outcome: Outcome): void {
    this.#ending ??= outcome
    this.#endIfUndone()
  }

  /** M5 */
  #endIfUndone(): void {
    if (this.#ending === null || this.#undos.length > 0 || this.#outcome !== null) return
    this.#outcome = told(this.#ending, this.#notUndone)
    this.#commands.push({ kind: 'end', outcome: this.#outcome })
  }

  onStop(activity: Activity, undo: Undo): () => void {
    this.#stops.set(activity, undo)
    return () => this.#stops.delete(activity)
  }

  undo(undo: Undo): void {
    this.#undos.push(undo)
    if (this.#undos.length === 1) this.#nextUndo()
  }

  #nextUndo(): void {
    this.#undos[0]?.(this.#undoing, (failures) => {
      this.#notUndone.push(...failures)
      this.#undos.shift()
      this.#nextUndo()
      this.#endIfUndone()
    })
  }

  isOver(activity: Activity): boolean {
    return isOver(activity)
  }

  // What task types need; see stage.ts.

  get document() {
    return this.#program.document
  }

  get expressions() {
    return this.#program.expressions
  }

  get runId() {
    return this.#runId
  }

  get partition(): string {
    if (this.#program.properties.partition === undefined) return ''
    const { partition = '' } = { ...Object(this.#rawInput) }
    return String(partition)
  }

  get secrets() {
    return this.#surroundings.secrets
  }

  nowMs(): number {
    return this.#nowMs
  }

  sight(site: Pick<Site, 'scope'> & Partial<Site>, output: Json = null): Sight {
    const { names, values } = site.scope
    return {
      names,
      values,
      nowMs: this.#nowMs,
      global: (name) => this.#global(name, site, output),
    }
  }

  #global(name: GlobalName, site: Pick<Site, 'scope'> & Partial<Site>, output: Json): Json {
    switch (name) {
      case 'context':
        return this.#context
      case 'input':
        return site.item === undefined ? this.#rawInput : (site.input ?? null)
      case 'output':
        return output
      case 'secrets': {
        const declared = this.document.use?.secrets ?? []
        return Object.fromEntries(declared.map((key) => [key, secretOf(this, key)]))
      }
      case 'authorization':
        return null
      case 'task':
        return site.item === undefined ? null : presentTask(site.item, site, output)
      case 'workflow':
        return {
          id: this.#runId,
          definition: this.#program.source,
          input: this.#rawInput,
          startedAt: presentTime(this.#startedAtMs),
        }
      case 'runtime':
        return { ...this.#surroundings.runtime, metadata: {} }
    }
  }

  /** What a task gets that was edited; else what it would get. */
  inputAt(key: string, input: Json): Json {
    return this.#edits.get(key) ?? input
  }

  runTask(item: TaskItem, scope: Scope, input: Json, done: Done): void {
    runTask(this, item, { scope, input }, done)
  }

  tell(change: 'started' | 'retried', item: TaskItem, scope: Scope): void {
    this.#witness?.task(change, { item, scope }, this.#nowMs)
  }

  tellEnd(item: TaskItem, scope: Scope, error: WorkflowError | null): void {
    this.#witness?.ended({ item, scope }, this.#nowMs, error)
  }

  tellCorrelation(scope: Scope, keys: ReadonlyMap<string, Json> | null): void {
    const kind = keys === null ? 'correlation-started' : 'correlation-completed'
    this.#witness?.correlation(kind, scope, this.#nowMs, Object.fromEntries(keys ?? []))
  }

  runList(list: TaskList, scope: Scope, input: Json, done: Done): void {
    runList(this, list, { scope, input }, done)
  }

  soon({ activity }: Scope, turn: () => void): void {
    this.#turns.push(() => {
      if (!isOver(activity)) turn() // M3
    })
  }

  complete(scope: Scope, output: Json, done: Done): void {
    this.#await(scope, { kind: 'complete', key: scope.key, output }, done)
  }

  act(site: Pick<Site, 'item' | 'scope'>, wanted: Action, done: Done): void {
    const { item, scope } = site
    const action = this.#budget.open(wanted)
    const keep = keepOf(this, site)
    const command = { kind: 'act', key: scope.key, action, task: item.name } as const
    this.#await(scope, keep === undefined ? command : { ...command, keep }, (result) => {
      const error = result.ok ? this.#budget.meter(action, result.output) : result.error
      if (error === null) done(result)
      else done({ ok: false, error: { instance: scope.reference, ...error } })
    })
  }

  wait(scope: Scope, untilMs: number, then: () => void): void {
    this.#await(scope, { kind: 'wait', key: scope.key, untilMs }, then)
  }

  listen(scope: Scope, listener: Listener): void {
    const { types } = listener
    this.#await(scope, { kind: 'listen', key: scope.key, types }, () => {}, listener)
  }

  #await(scope: Scope, command: Command, done: Done, listener: Listener | null = null): void {
    const { activity, key } = scope
    assert(!this.#pending.has(key), `two steps have the key ${key}`) // M2
    const settle = (result: Result) => this.#guard(() => done(result))
    this.#pending.set(key, { activity, command, settle, listener })
    this.#commands.push(command)
  }

  cancel(key: string): void {
    if (!this.#pending.delete(key)) return
    // What was asked for in this very turn need not be taken back.
    const index = this.#commands.findIndex((command) => 'key' in command && command.key === key)
    if (index >= 0) this.#commands.splice(index, 1)
    else this.#commands.push({ kind: 'cancel', key })
  }

  open(parent: Activity): Activity {
    return { parent, isOver: false }
  }

  close(activity: Activity): void {
    if (activity.isOver) return
    activity.isOver = true
    if (this.#pending.size > 0) {
      for (const [key, pending] of [...this.#pending]) {
        if (isOver(pending.activity)) this.cancel(key) // M3
      }
    }
    this.#witness?.stopped(isOver, this.#nowMs)
    if (this.#stops.size === 0) return
    for (const [stopped, undo] of [...this.#stops].reverse()) {
      if (isOver(stopped) && this.#stops.delete(stopped)) this.undo(undo)
    }
  }

  checkSchema(schema: Json, value: Json): string | null {
    return this.#program.checkSchema(schema, value)
  }

  setContext(context: Json): void {
    this.#context = context
  }
}

/** An end that left something behind says so. */
function told(outcome: Outcome, notUndone: readonly string[]): Outcome {
  if (notUndone.length === 0 || outcome.status === 'completed') return outcome
  const more = `not undone: ${notUndone.join('; ')}`
  if (outcome.status === 'cancelled') return { ...outcome, reason: `${outcome.reason}; ${more}` }
  const { error } = outcome
  return { ...outcome, error: { ...error, detail: `${error.detail ?? error.type}; ${more}` } }
}

function isOver(activity: Activity): boolean {
  for (let at: Activity | null = activity; at !== null; at = at.parent) if (at.isOver) return true
  return false
}

/** `$task`: its definition's members can be named directly too. */
function presentTask(
  item: TaskItem,
  site: Partial<Site> & Pick<Site, 'scope'>,
  output: Json,
): Json {
  const definition: Json = asJson(item.definition ?? null)
  const members = typeof definition === 'object' && definition !== null ? definition : {}
  return {
    ...members,
    name: item.name,
    reference: site.scope.reference,
    definition,
    input: site.input ?? null,
    output,
    startedAt: presentTime(site.startedAtMs ?? 0),
  }
}

function presentTime(ms: number): Json {
  const iso8601 = new Date(ms).toISOString()
  return { iso8601, epoch: { seconds: Math.floor(ms / 1000), milliseconds: ms } }
}
