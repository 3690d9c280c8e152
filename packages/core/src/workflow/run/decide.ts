// Decide
//
// A program and its journal → what is to be done now. Whoever acts keeps a machine and gives it entry by
// entry; this is the same from the beginning, for restarts and for those who want to check.

import type { Command } from './command.ts'
import type { Entry, Outcome } from './entry.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'

export interface Decision {
  /** Everything that is asked for and has no outcome yet. */
  readonly commands: readonly Command[]
  readonly outcome: Outcome | null
}

/** Works a journal out from its beginning. */
export function decide(
  program: Program,
  journal: readonly Entry[],
  surroundings: Surroundings,
): Decision {
  const machine = replay(program, journal, surroundings)
  return { commands: machine.waiting, outcome: machine.outcome }
}

/** A machine that stands where the journal ends. */
export function replay(
  program: Program,
  journal: readonly Entry[],
  surroundings: Surroundings,
): Machine {
  const machine = new Machine(program, surroundings)
  for (const entry of journal) machine.apply(entry)
  return machine
}
