// Planned change
//
// A change between the asking and the writing: what admission judges and approvers sign.

import type { ChangeAction } from '@tutti/core/governance'
import type { Resource, ResourceKey } from '@tutti/core/resource'
import type { Write } from '../store/index.ts'

/** A change as it would be written: what an approver signs the digest of. */
export interface PlannedChange {
  readonly action: ChangeAction
  readonly key: ResourceKey
  readonly before: Resource | null
  readonly write: Write
  readonly digest: string
}
