// Open resident
//
// A run in memory, as its journal says that it is: watched, where its project wants to be told of what happens in its runs.

import {
  type Entry,
  LifecycleTeller,
  Machine,
  type Program,
  type Surroundings,
} from '@tutti/core/workflow'
import { ResidentRun, type Stored } from './resident-run.ts'
import type { RunHead } from './run-head.ts'
import { type LifecycleLevel, openTelling, toldRun } from './telling.ts'

/** What runs of a project see, and what is told of them. */
export interface RunSurroundings extends Surroundings {
  /** Absent: nothing is told, and nothing is spent on it. */
  readonly lifecycle?: LifecycleLevel
}

export function openResident(
  head: RunHead,
  program: Program,
  around: RunSurroundings,
  stored: (Stored & { readonly entries: readonly Entry[] }) | null,
): ResidentRun {
  const entries = stored?.entries ?? []
  const { lifecycle: level = 'none' } = around
  if (level === 'none') {
    const machine = new Machine(program, around)
    for (const entry of entries) machine.apply(entry)
    return new ResidentRun(head, machine, stored)
  }
  const teller = new LifecycleTeller(toldRun(head))
  const machine = new Machine(program, { ...around, trace: teller.trace })
  for (const entry of entries) {
    teller.entry(entry)
    machine.apply(entry)
  }
  teller.forget()
  return new ResidentRun(head, machine, stored, openTelling(head, program, { teller, level }))
}
