// Copy run
//
// A new run that goes on from a journal that another one has: written at once, then its shard's engine is told.

import { randomUUID } from 'node:crypto'
import type { Entry } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { type RunHead, shardOf } from './run-head.ts'
import { sendSignal } from './signal.ts'

/** The new run, or why there is none. */
export type Copied =
  | { readonly ok: true; readonly id: string }
  | { readonly ok: false; readonly reason: string }

/** Gives the new run's id. */
export async function copyRun(
  sql: Sql,
  head: RunHead,
  { entries, label }: { readonly entries: readonly Entry[]; readonly label: string },
  nowMs: number,
): Promise<string> {
  const id = randomUUID()
  const leftAtMs = entries.reduce((newest, { atMs }) => Math.max(newest, atMs), 0)
  const awayMs = Math.max(0, nowMs - leftAtMs)
  const own: readonly Entry[] = [
    ...entries.map((entry) => (entry.kind === 'started' ? { ...entry, runId: id } : entry)),
    { kind: 'copied', atMs: nowMs, of: head.id, awayMs },
  ]
  const labels = JSON.stringify({ ...head.labels, [label]: head.id })
  await sql.begin(async (tx) => {
    await tx`
      insert into workflow_run (id, project, namespace, name, version, shard, labels, parent_run,
        parent_key, started_at_ms, updated_at_ms, status)
      values (${id}, ${head.project}, ${head.namespace}, ${head.name}, ${head.version},
        ${shardOf(id)}, ${labels}, ${head.parent?.run ?? null}, ${head.parent?.key ?? null},
        ${nowMs}, ${nowMs}, 'running')`
    await tx`
      insert into workflow_entry (run, seq, body) values (${id}, 0, ${JSON.stringify(own)})`
    await sendSignal(tx, id, { kind: 'resume' })
  })
  return id
}
