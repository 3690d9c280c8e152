// Retry run
//
// A faulted run once more, from the step that failed: a new run with the journal up to there. What was completed is
// not done again.

import { randomUUID } from 'node:crypto'
import type { Entry } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { loadJournals, loadRuns } from './load-runs.ts'
import { shardOf } from './run-head.ts'
import { signalChannel } from './signal.ts'

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
  if (last?.kind !== 'failed') {
    return { ok: false, reason: 'no step failed, the document itself did: start a new run' }
  }
  const retried = randomUUID()
  const entries = journal.entries
    .slice(0, -1)
    .map((entry): Entry => (entry.kind === 'started' ? { ...entry, runId: retried } : entry))
  const { head } = run
  const labels = JSON.stringify({ ...head.labels, 'tutti/retry-of': id })
  const shard = shardOf(retried)
  await sql.begin(async (tx) => {
    await tx`
      insert into workflow_run (id, project, namespace, name, version, shard, labels, parent_run,
        parent_key, started_at_ms, updated_at_ms, status)
      values (${retried}, ${head.project}, ${head.namespace}, ${head.name}, ${head.version},
        ${shard}, ${labels}, ${head.parent?.run ?? null}, ${head.parent?.key ?? null}, ${nowMs},
        ${nowMs}, 'running')`
    await tx`
      insert into workflow_entry (run, seq, body)
      values (${retried}, 0, ${JSON.stringify(entries)})`
    await tx`
      insert into workflow_signal (run, shard, body)
      values (${retried}, ${shard}, ${JSON.stringify({ kind: 'resume' })})`
    await tx`select pg_notify(${signalChannel}, ${String(shard)})`
  })
  return { ok: true, id: retried }
}
