// Cancel queued
//
// A run that is cancelled before its queue has let it begin: it leaves the queue and is seen as cancelled, with a
// journal that says so, in one transaction. No engine has it, so that no fence is needed; where its queue admits it
// at the same time, one of the two takes the row.

import type { Entry, Outcome } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { emptyJournal, growJournal } from './journal-head.ts'
import { tellQueues } from './queue.ts'
import { shardOf } from './run-head.ts'
import { writtenChannel } from './signal.ts'
import type { StartRequest } from './start-request.ts'
import { tellCancelled } from './tell-cancelled.ts'

/** False where it has been admitted by now, or does not wait. */
export async function cancelQueued(
  sql: Sql,
  run: string,
  { reason, nowMs }: { readonly reason: string; readonly nowMs: number },
): Promise<boolean> {
  return await sql.begin(async (tx) => {
    const [left] = await tx<{ request: string; asked_at_ms: number }[]>`
      delete from workflow_queued where run = ${run} and admitted_at_ms is null
      returning request, asked_at_ms`
    if (left === undefined) return false
    const request: StartRequest = JSON.parse(left.request)
    const { project, namespace, name, version, labels = {} } = request
    // It never started: a journal that said so would be worked out to another end.
    const entries: readonly Entry[] = [{ kind: 'cancelled', atMs: nowMs, reason }]
    const body = JSON.stringify(entries)
    const { hash } = growJournal(emptyJournal, body, entries.length)
    const outcome: Outcome = { status: 'cancelled', reason }
    await tx`
      insert into workflow_run (id, project, namespace, name, version, shard, labels,
        started_at_ms, updated_at_ms, status, outcome, hash)
      values (${run}, ${project}, ${namespace}, ${name}, ${version}, ${shardOf(run)},
        ${JSON.stringify(labels)}, ${left.asked_at_ms}, ${nowMs}, ${outcome.status},
        ${JSON.stringify(outcome)}, ${hash})`
    const named = { id: run, project, namespace, name, version, labels, parent: null }
    const head = { ...named, shard: shardOf(run), startedAtMs: left.asked_at_ms }
    await tellCancelled(tx, head, { reason, nowMs })
    await tx`insert into workflow_entry (run, seq, body) values (${run}, 0, ${body})`
    await tellQueues(tx)
    await tx`select pg_notify(${writtenChannel}, ${run})`
    return true
  })
}
