// Lifecycle events
//
// What a run has been through as the CloudEvents that the specification names, worked out from its journal.

import type { CloudEvent, Entry } from './entry.ts'
import { LifecycleTeller, type ToldRun } from './lifecycle-teller.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'

export function lifecycleEvents(
  program: Program,
  journal: readonly Entry[],
  { run, surroundings }: { readonly run: ToldRun; readonly surroundings: Surroundings },
): readonly CloudEvent[] {
  const teller = new LifecycleTeller(run)
  const machine = new Machine(program, { ...surroundings, trace: teller.trace })
  for (const entry of journal) {
    teller.entry(entry)
    const isOver = machine.outcome !== null
    machine.apply(entry)
    const { outcome } = machine
    if (!isOver && outcome !== null) teller.outcome(outcome, entry.atMs)
  }
  return teller.take()
}
