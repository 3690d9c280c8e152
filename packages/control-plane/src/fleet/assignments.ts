// Assignments
//
// Signed assignments with their ledger proofs, as nodes receive them. An assignment travels only when its
// record has a place under a signed checkpoint.

import type { SignedAssignment } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { type Checkpoint, type EntryRow, type Identity, proveRow } from '../governance/index.ts'
import { type Query, readTilesOnce, type Sql } from '../store/index.ts'

export interface AssignmentRow {
  readonly project: string
  readonly deployment: string
  readonly generation: number
  readonly revision: number
  readonly payload: string
  readonly signature: string
  readonly entry: string
}

/** Replaces the deployment's assignment by a newer one, in the transaction of its record. */
export async function saveAssignment(
  tx: Query,
  identity: Identity,
  row: Omit<AssignmentRow, 'signature' | 'entry'> & { readonly entry: number },
): Promise<void> {
  const signature = identity.sign(signingPrefix.assignment, row.payload)
  await tx`
    insert into assignment (project, deployment, generation, revision, payload, signature, entry)
    values (${row.project}, ${row.deployment}, ${row.generation}, ${row.revision}, ${row.payload},
      ${signature}, ${row.entry})
    on conflict (project, deployment) do update set
      generation = excluded.generation, revision = excluded.revision, payload = excluded.payload,
      signature = excluded.signature, entry = excluded.entry
    where (assignment.generation, assignment.revision)
      < (excluded.generation, excluded.revision)`
}

export async function loadAssignment(
  sql: Query,
  project: string,
  deployment: string,
): Promise<AssignmentRow | null> {
  const [row] = await sql<AssignmentRow[]>`
    select * from assignment where project = ${project} and deployment = ${deployment}`
  return row ?? null
}

/** The newest assignment of every deployment, those that were removed included. */
export async function allAssignments(sql: Query): Promise<AssignmentRow[]> {
  return await sql<AssignmentRow[]>`select * from assignment order by project, deployment`
}

/** All assignments whose records the checkpoint covers, proven against it. */
export async function signedAssignments(
  sql: Sql,
  identity: Identity,
  checkpoint: Checkpoint,
): Promise<SignedAssignment[]> {
  const rows = await sql<(AssignmentRow & EntryRow)[]>`
    select assignment.*, leaf_index, salt, body
    from assignment join ledger_entry on ledger_entry.id = assignment.entry
    order by project, deployment`
  const readTile = readTilesOnce(sql)
  const signed = await Promise.all(
    rows.map(async (row): Promise<SignedAssignment[]> => {
      const proof = await proveRow(row, checkpoint, readTile)
      if (proof === null) return [] // its checkpoint comes within 200 ms and wakes us again
      return [
        {
          payload: row.payload,
          signature: row.signature,
          keyId: identity.controlPlane,
          proof: { ...proof, hashes: [...proof.hashes] },
          checkpoint: checkpoint.note,
        },
      ]
    }),
  )
  return signed.flat()
}
