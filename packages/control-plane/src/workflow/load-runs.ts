// Load runs
//
// Heads and journals of runs, as they were last committed.

import type { Entry } from '@tutti/core/workflow'
import type { Sql } from '../store/index.ts'
import { emptyJournal, growJournal, type JournalHead } from './journal-head.ts'
import type { RunPlace } from './run-cursor.ts'
import type { RunHead, RunStatus } from './run-head.ts'

export interface StoredRun {
  readonly head: RunHead
  readonly status: RunStatus
  readonly wakeAtMs: number | null
  readonly updatedAtMs: number
  readonly hash: string | null
  readonly outcome: string | null
}

/** A row of `workflow_run`. */
export interface RunRow {
  readonly id: string
  readonly project: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly shard: number
  readonly labels: string
  readonly parent_run: string | null
  readonly parent_key: string | null
  readonly started_at_ms: number
  readonly updated_at_ms: number
  readonly status: RunStatus
  readonly wake_at_ms: number | null
  readonly hash: string | null
  readonly outcome: string | null
}

/** The heads of these runs, those that exist. */
export async function loadRuns(sql: Sql, ids: readonly string[]): Promise<readonly StoredRun[]> {
  const rows = await sql<RunRow[]>`select * from workflow_run where id = any(${[...ids]})`
  return rows.map(parseRun)
}

/** Which runs of a project; what is not given does not matter. */
export interface RunFilter {
  readonly project: string
  readonly status?: string | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
  readonly version?: string | undefined
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>>
  /** A part of the error, whatever its case. */
  readonly error?: string | undefined
  /** Digests and names of which a step used, read or made at least one. */
  readonly subjects?: readonly string[] | undefined
  readonly startedFromMs?: number | undefined
  readonly startedUntilMs?: number | undefined
  /** Only what comes after this one; absent: from the newest. */
  readonly after?: RunPlace | undefined
  readonly limit: number
}

/** Runs of a project, the newest first. */
export async function listRuns(sql: Sql, filter: RunFilter): Promise<readonly StoredRun[]> {
  const { project, status = null, namespace = null, name = null, version = null, limit } = filter
  const subjects = filter.subjects === undefined ? null : [...filter.subjects]
  const { error = null, startedFromMs = null, startedUntilMs = null, labels = {} } = filter
  const [beforeMs, beyond] = filter.after ?? [null, '']
  const rows = await sql<RunRow[]>`
    select * from workflow_run
    where project = ${project} and (${status}::text is null or status = ${status})
      and (${namespace}::text is null or namespace = ${namespace})
      and (${name}::text is null or name = ${name})
      and (${version}::text is null or version = ${version})
      and (${startedFromMs}::float8 is null or started_at_ms >= ${startedFromMs})
      and (${startedUntilMs}::float8 is null or started_at_ms < ${startedUntilMs})
      and (${JSON.stringify(labels)}::text = '{}'
        or labels::jsonb @> ${JSON.stringify(labels)}::text::jsonb)
      and (${error}::text is null
        or (status = 'faulted' and position(lower(${error}) in lower(outcome)) > 0))
      and (${subjects}::text[] is null or id in (
        select run from workflow_lineage
        where project = ${project} and subject = any(${subjects})))
      and (${beforeMs}::float8 is null or started_at_ms < ${beforeMs}
        or (started_at_ms = ${beforeMs} and id > ${beyond}))
    order by started_at_ms desc, id limit ${limit}`
  return rows.map(parseRun)
}

export interface StoredJournal {
  readonly entries: readonly Entry[]
  readonly head: JournalHead
}

/** The journals of these runs. */
export async function loadJournals(
  sql: Sql,
  ids: readonly string[],
): Promise<ReadonlyMap<string, StoredJournal>> {
  const rows = await sql<{ run: string; body: string }[]>`
    select run, body from workflow_entry where run = any(${[...ids]}) order by run, seq`
  const journals = new Map<string, { entries: Entry[]; head: JournalHead }>()
  for (const { run, body } of rows) {
    const turn: Entry[] = JSON.parse(body)
    const held = journals.get(run) ?? { entries: [], head: emptyJournal }
    held.entries.push(...turn)
    journals.set(run, { ...held, head: growJournal(held.head, body, turn.length) })
  }
  return journals
}

/** What a row says. */
export function parseRun(row: RunRow): StoredRun {
  const { parent_run: run, parent_key: key } = row
  return {
    head: {
      id: row.id,
      project: row.project,
      namespace: row.namespace,
      name: row.name,
      version: row.version,
      shard: row.shard,
      labels: JSON.parse(row.labels),
      parent: run === null || key === null ? null : { run, key },
      startedAtMs: row.started_at_ms,
    },
    status: row.status,
    wakeAtMs: row.wake_at_ms,
    updatedAtMs: row.updated_at_ms,
    hash: row.hash,
    outcome: row.outcome,
  }
}
