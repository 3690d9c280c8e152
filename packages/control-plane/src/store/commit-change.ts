// Commit change
//
// One change in a transaction of its own, together with what belongs to it. Many at a time are faster: see
// `change-line.ts`.

import type { Query, Sql } from './database.ts'
import {
  type CommitOutcome,
  type Committed,
  type RecordDraft,
  type Write,
  writeChanges,
} from './write-changes.ts'

/** Writes, in a change's transaction, what belongs to it; throws to have nothing written. */
export type Alongside = (tx: Query, committed: Committed) => Promise<void>

/**
 * Writes resource and record, or neither. `alongside` runs in the same transaction, after both, for
 * what belongs to the change (an assignment, a used token, the approval that let it pass).
 */
export async function commitChange(
  sql: Sql,
  write: Write,
  draft: RecordDraft,
  alongside: Alongside = async () => {},
): Promise<CommitOutcome> {
  return await sql.begin(async (tx): Promise<CommitOutcome> => {
    const outcome = await writeChange(tx, write, draft)
    if (outcome.ok) await alongside(tx, outcome.committed)
    return outcome
  })
}

/** One change within a transaction that holds more: see `commitChange`. */
export async function writeChange(
  tx: Query,
  write: Write,
  draft: RecordDraft,
): Promise<CommitOutcome> {
  const [outcome] = await writeChanges(tx, [{ write, draft }])
  if (outcome === undefined) throw new Error('a change was written without an outcome')
  return outcome
}
