// Archive runs
//
// What ended long ago leaves the tables that engines work on: first into one compressed row each, later for good. A run is
// archived once its head stands in the ledger, and stays checkable: its turns are kept as they were hashed.

import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import type { Query, Sql } from '../store/index.ts'
import { emptyJournal, growJournal } from './journal-head.ts'
import { forgetLifecycle } from './lifecycle-rows.ts'
import { parseRun, type RunRow, type StoredJournal, type StoredRun } from './load-runs.ts'

const zip = promisify(gzip)
const unzip = promisify(gunzip)

export interface Retention {
  /** How long after its end a run stays as it is. */
  readonly runMs: number
  /** How long after its end an archived run is kept. */
  readonly archiveMs: number
}

const dayMs = 86_400_000
export const retentionDefault: Retention = { runMs: 30 * dayMs, archiveMs: 365 * dayMs }
const eventMs = 7 * dayMs // an event that comes again after a week is another one
const batchMax = 100 // runs in one transaction: some hundred KB each at worst

/** Archives and forgets what is old enough; gives how many runs were archived. A turn of a loop. */
export async function archiveRuns(sql: Sql, retention: Retention, nowMs: number): Promise<number> {
  await sql`delete from workflow_event where at_ms < ${nowMs - eventMs}`
  await sql`
    with gone as (
      delete from workflow_archive where ended_at_ms < ${nowMs - retention.archiveMs} returning run)
    delete from workflow_lineage using gone where workflow_lineage.run = gone.run`
  await forgetLifecycle(sql, nowMs)
  await sql`delete from workflow_cache where expires_at_ms < ${nowMs}`
  for (let total = 0; ; ) {
    const count = await sql.begin((tx) => archiveBatch(tx, nowMs - retention.runMs))
    total += count
    if (count < batchMax) return total
  }
}

async function archiveBatch(tx: Query, untilMs: number): Promise<number> {
  const rows = await tx<RunRow[]>`
    select * from workflow_run where outcome is not null and is_recorded
      and updated_at_ms < ${untilMs} limit ${batchMax} for update skip locked`
  const ids = rows.map(({ id }) => id)
  if (ids.length === 0) return 0
  const turns = await tx<{ run: string; body: string }[]>`
    select run, body from workflow_entry where run = any(${ids}) order by run, seq`
  for (const row of rows) {
    const bodies = turns.filter(({ run }) => run === row.id).map(({ body }) => body)
    const journal = await zip(JSON.stringify(bodies))
    await tx`
      insert into workflow_archive (run, project, ended_at_ms, head, journal)
      values (${row.id}, ${row.project}, ${row.updated_at_ms}, ${JSON.stringify(row)}, ${journal})
      on conflict do nothing`
  }
  await tx`delete from workflow_entry where run = any(${ids})`
  await tx`delete from workflow_waiting where run = any(${ids})`
  await tx`delete from workflow_run where id = any(${ids})`
  return ids.length
}

/** A run that is archived, with its journal; null where there is none. */
export async function loadArchived(
  sql: Sql,
  id: string,
): Promise<{ readonly run: StoredRun; readonly journal: StoredJournal } | null> {
  const [row] = await sql<{ head: string; journal: Buffer }[]>`
    select head, journal from workflow_archive where run = ${id}`
  if (row === undefined) return null
  const bodies: readonly string[] = JSON.parse((await unzip(row.journal)).toString())
  let head = emptyJournal
  const entries = bodies.flatMap((body): StoredJournal['entries'] => {
    const turn: StoredJournal['entries'] = JSON.parse(body)
    head = growJournal(head, body, turn.length)
    return turn
  })
  return { run: parseRun(JSON.parse(row.head)), journal: { entries, head } }
}
