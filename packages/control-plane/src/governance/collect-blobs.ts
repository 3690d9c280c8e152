// Collect blobs
//
// Ends uploads and files that no model refers to any more. A day's grace: a push uploads its files before it
// declares the model.

import { modelSpec } from '@tutti/core/fleet'
import { approvalSpec, approvalStatus } from '@tutti/core/governance'
import { canonicalJson } from '@tutti/core/resource'
import { allResources, type Blobs, forgetGrants, type Sql, sha256 } from '../store/index.ts'
import { filesOf } from './check-references.ts'

/** Models that are not there yet, since somebody has still to say yes to them. */
async function specsAwaitingApproval(sql: Sql): Promise<unknown[]> {
  const approvals = await allResources(sql, 'Approval')
  return approvals.flatMap(({ spec, status }) => {
    const { change } = approvalSpec.parse(spec)
    const isWaiting = approvalStatus.parse(status).phase === 'pending'
    if (!isWaiting || change.kind !== 'Model' || change.declared === null) return []
    return [(change.declared as { readonly spec: unknown }).spec]
  })
}

const graceMs = 86_400_000

/** One turn; gives how many blobs were removed. */
export async function collectBlobs(sql: Sql, blobs: Blobs, nowMs: number): Promise<number> {
  const models = (await allResources(sql, 'Model')).map(({ spec }) => spec)
  const waiting = await specsAwaitingApproval(sql)
  const keep = new Set<string>()
  for (const spec of [...models, ...waiting]) {
    keep.add(sha256(canonicalJson(spec)))
    for (const { digest } of filesOf(modelSpec.parse(spec))) keep.add(digest)
  }
  for (const { subject } of await sql<{ subject: string }[]>`
    select distinct subject from workflow_lineage where kind = 'writes'
    union select unnest(artifacts) from workflow_asset`) {
    keep.add(subject)
  }
  const removed = await blobs.collect(keep, nowMs - graceMs)
  await forgetGrants(sql, removed)
  return removed.length
}
