// Record heads
//
// Puts the head of each ended run's hash chain into the ledger: from then on nobody can change the run's journal without
// strangers seeing it. Runs that end together share a record; a run is marked in the transaction that writes it.

import { randomBytes } from 'node:crypto'
import { canonicalJson } from '@tutti/core/resource'
import { workflowName } from '@tutti/core/workflow'
import { commit, saltBytes } from '@tutti/ledger'
import type { Query, Sql } from '../store/index.ts'

const batchMax = 1_000 // some 200 KB of a record

/** A record of the ledger, as canonical JSON; whoever may read workflows may read it. */
interface RunsRecord {
  readonly format: 'tutti/runs/v1'
  readonly atMs: number
  readonly project: string
  readonly runs: readonly {
    readonly id: string
    readonly workflow: string
    readonly status: string
    /** SHA-256 of the journal's turns as a chain, in hex. */
    readonly hash: string
  }[]
}

interface EndedRow {
  readonly id: string
  readonly project: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly status: string
  readonly hash: string
}

/** Records all runs that have ended; gives how many. A turn of a loop. */
export async function recordHeads(sql: Sql, nowMs: number): Promise<number> {
  for (let total = 0; ; ) {
    const count = await sql.begin((tx) => recordBatch(tx, nowMs))
    total += count
    if (count < batchMax) return total
  }
}

async function recordBatch(tx: Query, nowMs: number): Promise<number> {
  const rows = await tx<EndedRow[]>`
    select id, project, namespace, name, version, status, coalesce(hash, '') as hash
    from workflow_run where outcome is not null and not is_recorded
    order by updated_at_ms limit ${batchMax} for update skip locked`
  if (rows.length === 0) return 0
  for (const project of new Set(rows.map((row) => row.project))) {
    const own = rows.filter((row) => row.project === project)
    const runs = own.map(({ id, status, hash, ...of }) => ({
      ...{ id, workflow: workflowName(of), status, hash },
    }))
    await writeRecord(tx, { format: 'tutti/runs/v1', atMs: nowMs, project, runs })
  }
  const ids = rows.map(({ id }) => id)
  await tx`update workflow_run set is_recorded = true where id = any(${ids})`
  await tx`select pg_notify('ledger', '')`
  return rows.length
}

async function writeRecord(tx: Query, record: RunsRecord): Promise<void> {
  const body = canonicalJson(record)
  const salt = randomBytes(saltBytes)
  await tx`
    insert into ledger_entry (salt, body, commitment, resource, at_ms)
    values (${salt}, ${body}, ${Buffer.from(commit(salt, body))},
      ${`Workflow/${record.project}/runs`}, ${record.atMs})`
}
