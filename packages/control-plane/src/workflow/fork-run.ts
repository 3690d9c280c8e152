// Fork run
//
// A run once more from any of its tasks, with another input if wanted: a new run, whatever became of the first one.

import { type ForkPoint, forkJournal, type Program } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { copyRun } from './copy-run.ts'
import { loadJournals, type StoredRun } from './load-runs.ts'
import type { Retry } from './retry-run.ts'
import type { RunHead } from './run-head.ts'

export interface ForkPorts {
  readonly sql: Sql
  readonly nowMs: () => number
  readonly program: (of: RunHead) => Promise<Program>
}

export async function forkRun(ports: ForkPorts, run: StoredRun, point: ForkPoint): Promise<Retry> {
  const { sql, nowMs, program } = ports
  const { head } = run
  const journal = (await loadJournals(sql, [head.id])).get(head.id)
  // Where a task begins does not depend on secrets: those who do would fail there, and wait for nothing.
  const surroundings = { secrets: {}, runtime: { name: 'tutti', version: '' } }
  const entries = forkJournal(await program(head), journal?.entries ?? [], point, surroundings)
  if (entries === null) {
    return { ok: false, reason: `no step of the run began at ${point.from}` }
  }
  // Nobody waits for what is tried out.
  const own = { ...head, parent: null }
  return { ok: true, id: await copyRun(sql, own, { entries, label: 'tutti/fork-of' }, nowMs()) }
}
