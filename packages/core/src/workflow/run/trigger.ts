// Trigger
//
// Events that start runs: a schedule's `on` is the `listen` of a run that begins anew each time it is satisfied. What
// was heard and is not enough yet is kept, so that it is not lost with whoever listens.

import { assert } from '../../assert.ts'
import type { Json } from '../../resource/index.ts'
import type { WorkflowDocument } from '../document/index.ts'
import type { CloudEvent } from './entry.ts'
import { Machine, type Surroundings } from './machine.ts'
import { type Program, prepareWorkflow } from './program.ts'

export interface Heard {
  /** Events taken since a run was last started, the oldest first. */
  readonly taken: readonly CloudEvent[]
  /** The input of the run that this event starts; null where it starts none. */
  readonly input: Json
}

export class Trigger {
  readonly #program: Program

  constructor({ document, schedule }: WorkflowDocument) {
    const listen = { to: schedule?.on ?? {}, read: schedule?.read ?? 'data' }
    const tasks = [{ on: { listen } }]
    const prepared = prepareWorkflow(
      JSON.parse(JSON.stringify({ document: { ...document }, do: tasks })),
    )
    assert(prepared.ok, 'a schedule that was checked can be listened with')
    this.#program = prepared.program
  }

  /** The types of events that may be wanted; null where any may. */
  get types(): readonly string[] | null {
    const [command] = this.#listening([]).waiting
    return command?.kind === 'listen' ? command.types : null
  }

  /** Hears one event after those that were taken. */
  hear(taken: readonly CloudEvent[], event: CloudEvent): Heard {
    const machine = this.#listening(taken)
    const [key] = machine.listenersFor(event)
    if (key === undefined) return { taken, input: null }
    machine.apply({ kind: 'event', atMs: 0, key, event })
    const { outcome } = machine
    if (outcome === null) return { taken: [...taken, event], input: null }
    // A filter that fails on an event says so in no run: the event is passed over.
    return outcome.status === 'completed'
      ? { taken: [], input: outcome.output }
      : { taken, input: null }
  }

  #listening(taken: readonly CloudEvent[]): Machine {
    const surroundings: Surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
    const machine = new Machine(this.#program, surroundings)
    machine.apply({ kind: 'started', atMs: 0, runId: 'schedule', input: {} })
    for (const event of taken) {
      for (const key of machine.listenersFor(event)) {
        machine.apply({ kind: 'event', atMs: 0, key, event })
      }
    }
    return machine
  }
}
