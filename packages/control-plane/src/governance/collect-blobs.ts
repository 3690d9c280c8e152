// Collect blobs
//
// Ends uploads and files that no model refers to any more. A day's grace: a push uploads its files before it
// declares the model.

import { modelSpec } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import { allResources, type Blobs, type Sql, sha256 } from '../store/index.ts'
import { filesOf } from './check-references.ts'

const graceMs = 86_400_000

/** One turn; gives how many files were removed. */
export async function collectBlobs(sql: Sql, blobs: Blobs, nowMs: number): Promise<number> {
  const models = await allResources(sql, 'Model')
  const keep = new Set<string>()
  for (const { spec } of models) {
    keep.add(sha256(canonicalJson(spec)))
    for (const { digest } of filesOf(modelSpec.parse(spec))) keep.add(digest)
  }
  return await blobs.collect(keep, nowMs - graceMs)
}
