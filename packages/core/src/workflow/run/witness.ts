// Witness
//
// Tells whoever watches a run what happens in it. It knows which tasks are at work, so as to tell of those, too, that are stopped from
// outside or stand still with their run. A run that nobody watches has none.

import type { Json } from '../../resource/index.ts'
import type { TaskItem } from '../document/index.ts'
import type { Happening, TaskChange } from './happening.ts'
import type { Activity, Scope } from './stage.ts'
import type { WorkflowError } from './workflow-error.ts'

export type Trace = (happening: Happening) => void

interface Work {
  readonly item: TaskItem
  readonly scope: Scope
}

export class Witness {
  /** Null: nobody listens for now. Written by `tellTo`. */
  #trace: Trace | null
  /** Tasks that have begun and not ended, in that order; written by `task` and `stopped`. */
  readonly #atWork = new Map<string, Work>()

  constructor(trace: Trace) {
    this.#trace = trace
  }

  tellTo(trace: Trace | null): void {
    this.#trace = trace
  }

  task(change: 'started' | 'retried', work: Work, atMs: number): void {
    // A task that waits for nothing else is created when it starts.
    if (change === 'started') {
      this.#tell('created', work, atMs)
      this.#atWork.set(work.scope.key, work)
    }
    this.#tell(change, work, atMs)
  }

  /** A task whose input is wrong has ended before it began. */
  ended(work: Work, atMs: number, error: WorkflowError | null): void {
    if (!this.#atWork.delete(work.scope.key)) this.#tell('created', work, atMs)
    if (error === null) this.#tell('completed', work, atMs)
    else this.#tell('faulted', work, atMs, error)
  }

  /** What went on in activities that are over is cancelled, the innermost first. */
  stopped(isOver: (activity: Activity) => boolean, atMs: number): void {
    for (const [key, work] of [...this.#atWork].reverse()) {
      if (!isOver(work.scope.activity)) continue
      this.#atWork.delete(key)
      this.#tell('cancelled', work, atMs)
    }
  }

  /** The run stands still, or goes on, with all that is at work. */
  all(change: 'paused' | 'resumed', atMs: number): void {
    const kind = change === 'paused' ? 'suspended' : change
    for (const work of this.#atWork.values()) this.#tell(kind, work, atMs)
  }

  /** It is another run from here on: what is at work has begun there, too. */
  again(atMs: number): void {
    for (const work of this.#atWork.values()) {
      this.#tell('created', work, atMs)
      this.#tell('started', work, atMs)
    }
  }

  correlation(
    kind: 'correlation-started' | 'correlation-completed',
    { reference }: Scope,
    atMs: number,
    keys: Readonly<Record<string, Json>>,
  ): void {
    this.#trace?.({ kind, reference, atMs, keys })
  }

  #tell(kind: TaskChange, { item, scope }: Work, atMs: number, error?: WorkflowError): void {
    const what = { kind, task: item.name, reference: scope.reference, atMs }
    this.#trace?.(error === undefined ? what : { ...what, error })
  }
}
