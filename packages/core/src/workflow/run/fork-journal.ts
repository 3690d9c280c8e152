// Fork journal
//
// The beginning of a run's journal up to where a task begins: what a new run goes on from, so that this task and all that
// came after it are done again.

import type { Json } from '../../resource/index.ts'
import type { Entry } from './entry.ts'
import { Machine, type Surroundings } from './machine.ts'
import type { Program } from './program.ts'

export interface ForkPoint {
  /** As the journal has it: `/do/1/charge`. */
  readonly from: string
  /** What the task gets instead of what it got; absent: the same. */
  readonly input?: Json
}

/** Null where the task has not begun, or has no step of its own to begin with. */
export function forkJournal(
  program: Program,
  journal: readonly Entry[],
  { from, input }: ForkPoint,
  surroundings: Surroundings,
): readonly Entry[] | null {
  const machine = new Machine(program, surroundings)
  const isThere = (key: string) =>
    key === from || [...'/#@~!'].some((mark) => key.startsWith(from + mark))
  for (const [index, entry] of journal.entries()) {
    machine.apply(entry)
    if (!machine.waiting.some((command) => 'key' in command && isThere(command.key))) continue
    const kept = journal.slice(0, index + 1)
    return input === undefined ? kept : edit(kept, from, input)
  }
  return null
}

/** The edit comes first: where the task is the first one, it begins with the journal. */
function edit(kept: readonly Entry[], key: string, input: Json): readonly Entry[] {
  const atMs = kept[0]?.atMs ?? 0
  return [{ kind: 'edited', atMs, key, input }, ...kept]
}
