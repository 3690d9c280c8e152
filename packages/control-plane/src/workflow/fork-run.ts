// Fork run
//
// A run once more from any of its tasks, with another input if wanted: a new run, whatever became of the first one.

import { type ForkPoint, forkJournal } from '@tutti/core/workflow'
import { type Copied, copyRun } from './copy-run.ts'
import { loadJournals, type StoredRun } from './load-runs.ts'
import type { AgreementPorts } from './upgrade-resident.ts'

export interface ForkPorts extends AgreementPorts {
  readonly nowMs: () => number
}

export async function forkRun(ports: ForkPorts, run: StoredRun, point: ForkPoint): Promise<Copied> {
  const { sql, nowMs, program } = ports
  const { head } = run
  const journal = (await loadJournals(sql, [head.id])).get(head.id)
  const around = await ports.surroundings(head.project)
  const entries = forkJournal(await program(head), journal?.entries ?? [], point, around)
  if (entries === null) {
    return { ok: false, reason: `no step of the run began at ${point.from}` }
  }
  // Nobody waits for what is tried out.
  const own = { ...head, parent: null }
  return { ok: true, id: await copyRun(sql, own, { entries, label: 'tutti/fork-of' }, nowMs()) }
}
