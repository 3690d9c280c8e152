// Lifecycle teller
//
// Tells of a run in the CloudEvents that the specification names, while its journal is worked out. The same journal gives the
// same events with the same ids, whoever works it out and when.
//
//   V1. An event's id is the run's and its place among the run's events.
//   V2. A run that goes on from another one's journal begins with the copy: what came before is the other one's.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import type { CloudEvent, Entry, Outcome } from './entry.ts'
import type { Happening, TaskHappening } from './happening.ts'
import type { Trace } from './witness.ts'

/** What every type of event begins with. */
export const lifecyclePrefix = 'io.serverlessworkflow.'
const outputMax = 32_768 // characters; the journal and the run itself have what is larger

const times = {
  created: 'createdAt',
  started: 'startedAt',
  suspended: 'suspendedAt',
  resumed: 'resumedAt',
  retried: 'retriedAt',
  cancelled: 'cancelledAt',
  faulted: 'faultedAt',
  completed: 'completedAt',
} satisfies Record<TaskHappening['kind'], string>

/** Who is told of. */
export interface ToldRun {
  readonly id: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  /** Of the events: whose run it is. */
  readonly source: string
}

export class LifecycleTeller {
  readonly #of: ToldRun
  /** Events told so far; written by `#tell` and `#begin`. */
  #count = 0
  /** Told and not yet taken; written with `#count`, and by `take`. */
  #events: CloudEvent[] = []
  /** Whether all that was told is of the newest entry, by which another run became this one. */
  #isCopy = false

  constructor(of: ToldRun) {
    this.#of = of
  }

  /** The machine's: tells of tasks. */
  readonly trace: Trace = (happening) => this.#happened(happening)

  /** Before the machine takes an entry. */
  entry(entry: Entry): void {
    this.#isCopy = entry.kind === 'copied'
    if (entry.kind === 'started' || entry.kind === 'copied') this.#begin(entry.atMs)
    if (entry.kind === 'paused') this.#ofRun('suspended', entry.atMs)
    if (entry.kind === 'resumed') this.#ofRun('resumed', entry.atMs)
  }

  /** After the machine has ended. */
  outcome(outcome: Outcome, atMs: number): void {
    switch (outcome.status) {
      case 'completed':
        this.#ofRun('completed', atMs, fits(outcome.output) ? { output: outcome.output } : {})
        return
      case 'faulted':
        this.#ofRun('faulted', atMs, { error: asJson(outcome.error) })
        return
      case 'cancelled':
        this.#ofRun('cancelled', atMs)
    }
  }

  /** The events since it was last asked. */
  take(): readonly CloudEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** Passes over what was told in an earlier life: all but the beginning of a copy. */
  forget(): void {
    if (!this.#isCopy) this.#events = []
  }

  /** V2 */
  #begin(atMs: number): void {
    this.#count = 0
    this.#events = []
    const { namespace, name, version } = this.#of
    this.#ofRun('started', atMs, { definition: { name, namespace, version } })
  }

  #happened(happening: Happening): void {
    const { atMs } = happening
    if ('keys' in happening) {
      const { kind, keys } = happening
      const at = timed(kind === 'correlation-started' ? 'startedAt' : 'completedAt', atMs)
      const known = Object.keys(keys).length > 0 && fits(keys) ? { correlationKeys: keys } : {}
      this.#tell(`workflow.${kind}`, atMs, { name: this.#name, ...at, ...known })
      return
    }
    const { kind, reference: task, error } = happening
    const why = error === undefined ? {} : { error: asJson(error) }
    const at = timed(times[kind], atMs)
    this.#tell(`task.${kind}`, atMs, { workflow: this.#name, task, ...at, ...why })
  }

  #ofRun(
    kind: keyof typeof times,
    atMs: number,
    more: { readonly [member: string]: Json } = {},
  ): void {
    this.#tell(`workflow.${kind}`, atMs, { name: this.#name, ...timed(times[kind], atMs), ...more })
  }

  get #name(): string {
    const { id, name, namespace } = this.#of
    return `${name}-${id}.${namespace}`
  }

  /** V1 */
  #tell(type: string, atMs: number, data: Json): void {
    const { id: subject, source } = this.#of
    const id = `${subject}#${this.#count}`
    this.#count += 1
    this.#events.push({
      ...{ specversion: '1.0', id, source, subject },
      ...{ type: `${lifecyclePrefix}${type}.v1`, datacontenttype: 'application/json' },
      time: new Date(atMs).toISOString(),
      data,
    })
  }
}

function timed(name: string, atMs: number): { readonly [member: string]: Json } {
  return { [name]: new Date(atMs).toISOString() }
}

function fits(value: Json): boolean {
  return JSON.stringify(value).length <= outputMax
}
