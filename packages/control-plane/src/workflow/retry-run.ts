// Retry run
//
// A faulted run once more, from the step that failed: a new run with the journal up to there. What was completed is
// not done again.

import type { Entry } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { copyRun } from './copy-run.ts'
import { loadJournals, loadRuns } from './load-runs.ts'

export type Retry =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly reason: string }

export async function retryRun(sql: Sql, id: string, nowMs: number): Promise<Retry> {
  const [run] = await loadRuns(sql, [id])
  const journal = (await loadJournals(sql, [id])).get(id)
  if (run === undefined || journal === undefined)
    return { ok: false, reason: 'there is no such run' }
  if (run.status !== 'faulted')
    return { ok: false, reason: `the run is ${run.status}, not faulted` }
  const last = journal.entries.at(-1)
  if (last === undefined || !isFailure(last)) {
    return { ok: false, reason: 'no step failed, the document did: fork it from a task' }
  }
  const copy = { entries: journal.entries.slice(0, -1), label: 'tutti/retry-of' }
  return { ok: true, id: await copyRun(sql, run.head, copy, nowMs) }
}

/** A step that failed, or a limit of time that passed: again it has all the time that it had. */
function isFailure(entry: Entry): boolean {
  return entry.kind === 'failed' || (entry.kind === 'completed' && entry.key.endsWith('!timeout'))
}
