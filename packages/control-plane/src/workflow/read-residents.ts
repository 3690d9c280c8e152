// Read residents
//
// Runs as their rows and journals say that they are, ready to go on.

import type { Program } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { emptyJournal } from './journal-head.ts'
import { loadJournals, loadRuns } from './load-runs.ts'
import { openResident, type RunSurroundings } from './open-resident.ts'
import type { ResidentRun } from './resident-run.ts'
import type { RunHead } from './run-head.ts'

export interface ResidentPorts {
  readonly sql: Sql
  readonly program: (head: RunHead) => Promise<Program>
  readonly surroundings: (project: string) => Promise<RunSurroundings>
  readonly onTrouble: (what: string, error: unknown) => void
}

export interface Residents {
  readonly runs: readonly ResidentRun[]
  /** Those that cannot be worked out again. */
  readonly broken: readonly string[]
}

/** Of those that are not over. */
export async function readResidents(
  { sql, program, surroundings, onTrouble }: ResidentPorts,
  ids: readonly string[],
): Promise<Residents> {
  const [stored, journals] = await Promise.all([loadRuns(sql, ids), loadJournals(sql, ids)])
  const runs: ResidentRun[] = []
  const broken: string[] = []
  const around = new Map<string, RunSurroundings>() // asked for once, not by each of a thousand
  for (const { head, outcome, status, wakeAtMs } of stored) {
    if (outcome !== null) continue
    try {
      const sees = around.get(head.project) ?? (await surroundings(head.project))
      around.set(head.project, sees)
      const of = await program(head)
      const { entries, head: journal } = journals.get(head.id) ?? {
        entries: [],
        head: emptyJournal,
      }
      runs.push(openResident(head, of, sees, { journal, status, wakeAtMs, entries }))
    } catch (error) {
      broken.push(head.id)
      onTrouble(`the run ${head.id} cannot be loaded`, error)
    }
  }
  return { runs, broken }
}
