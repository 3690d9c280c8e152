// Retry run
//
// A faulted run once more, from what failed: a new run with the journal up to there. What was completed is not done again.

import { retryJournal } from '@tutti/core/workflow'
import { type Copied, copyRun } from './copy-run.ts'
import type { ForkPorts } from './fork-run.ts'
import { loadJournals, type StoredRun } from './load-runs.ts'

export async function retryRun(ports: ForkPorts, { head, status }: StoredRun): Promise<Copied> {
  const { sql, nowMs, program } = ports
  if (status !== 'faulted') return { ok: false, reason: `the run is ${status}, not faulted` }
  const journal = (await loadJournals(sql, [head.id])).get(head.id)
  const around = await ports.surroundings(head.project)
  const again = retryJournal(await program(head), journal?.entries ?? [], around)
  if (!again.ok) return again
  const copy = { entries: again.entries, label: 'tutti/retry-of' }
  return { ok: true, id: await copyRun(sql, head, copy, nowMs()) }
}
