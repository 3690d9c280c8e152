// Note refusal
//
// What stands at a schedule whose ticks policy refuses, and in the ledger: when it began, when it became another refusal, and when
// it ended. A tick each second that is refused for a year is one record.

import { randomBytes } from 'node:crypto'
import { canonicalJson } from '@tutti/core/resource'
import { workflowName } from '@tutti/core/workflow'
import { commit, saltBytes } from '@tutti/ledger'
import type { Query } from '../store/index.ts'
import type { Schedule } from './sync-schedules.ts'

/** A record of the ledger, as canonical JSON; whoever may read the workflow may read it. */
interface ScheduleRecord {
  readonly format: 'tutti/schedule/v1'
  readonly atMs: number
  readonly project: string
  readonly workflow: string
  readonly schedule: string
  /** Null: its ticks start runs again. */
  readonly refusal: string | null
}

/** Notes that ticks were refused, or (null) that they were not. */
export async function noteRefusal(
  tx: Query,
  schedule: Schedule,
  refused: { readonly reason: string; readonly ticks: number } | null,
  atMs: number,
): Promise<void> {
  const { id } = schedule
  const [row] = await tx<{ refusal: string | null }[]>`
    select refusal from workflow_schedule where id = ${id}`
  const refusal = refused?.reason ?? null
  if (refused === null) {
    if (row?.refusal == null) return
    await tx`
      update workflow_schedule set refusal = null, refused_ticks = 0, refused_at_ms = null
      where id = ${id}`
  } else {
    await tx`
      update workflow_schedule set refusal = ${refusal}, refused_at_ms = ${atMs},
        refused_ticks = refused_ticks + ${refused.ticks} where id = ${id}`
  }
  if (row?.refusal === refusal) return
  const { project, timing } = schedule
  const workflow = workflowName(schedule)
  const record: ScheduleRecord = {
    ...{ format: 'tutti/schedule/v1', atMs, project, workflow },
    ...{ schedule: timing.kind, refusal },
  }
  const body = canonicalJson(record)
  const salt = randomBytes(saltBytes)
  await tx`
    insert into ledger_entry (salt, body, commitment, resource, at_ms)
    values (${salt}, ${body}, ${Buffer.from(commit(salt, body))},
      ${`Workflow/${project}/${workflow}`}, ${atMs})`
  await tx`select pg_notify('ledger', '')`
}
