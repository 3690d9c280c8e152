// Lifecycle events
//
// What a run has been through as the CloudEvents that the specification names, worked out from its journal: nobody stores them, and
// the same journal gives the same events with the same ids. Those of pausing and resuming are not among them: a journal knows of neither.

import type { Json } from '../../resource/index.ts'
import { asJson } from './as-json.ts'
import type { CloudEvent, Entry, Outcome } from './entry.ts'
import type { Happening } from './happening.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'

const times = { started: 'startedAt', completed: 'completedAt', faulted: 'faultedAt' } as const

export function lifecycleEvents(
  program: Program,
  journal: readonly Entry[],
  { source, surroundings }: { readonly source: string; readonly surroundings: Surroundings },
): readonly CloudEvent[] {
  const { namespace, name, version } = program.document.document
  const events: CloudEvent[] = []
  let run = ''
  const workflow = () => `${name}-${run}.${namespace}`
  const tell = (type: string, atMs: number, data: Json) => {
    const about = { specversion: '1.0', id: `${run}#${events.length}`, source, subject: run }
    const time = new Date(atMs).toISOString()
    const what = { type: `io.serverlessworkflow.${type}.v1`, datacontenttype: 'application/json' }
    events.push({ ...about, ...what, time, data })
  }
  const trace = ({ kind, reference, atMs }: Happening) => {
    const at = new Date(atMs).toISOString()
    tell(`task.${kind}`, atMs, { workflow: workflow(), task: reference, [times[kind]]: at })
  }
  const machine = new Machine(program, { ...surroundings, trace })
  for (const entry of journal) {
    const at = new Date(entry.atMs).toISOString()
    if (entry.kind === 'started') {
      run = entry.runId
      const definition = { name, namespace, version }
      tell('workflow.started', entry.atMs, { name: workflow(), definition, startedAt: at })
    }
    const isOver = machine.outcome !== null
    machine.apply(entry)
    const { outcome } = machine
    if (!isOver && outcome !== null) {
      tell(`workflow.${outcome.status}`, entry.atMs, { name: workflow(), ...endOf(outcome, at) })
    }
  }
  return events
}

function endOf(outcome: Outcome, at: string): { readonly [member: string]: Json } {
  switch (outcome.status) {
    case 'completed':
      return { completedAt: at, output: outcome.output }
    case 'faulted':
      return { faultedAt: at, error: asJson(outcome.error) }
    case 'cancelled':
      return { cancelledAt: at }
  }
}
