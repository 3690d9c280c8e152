// Change
//
// One change of one resource: what was asked, by whom, and the record of it that the ledger keeps. The
// record carries digests, not contents, so that a secret or a prompt never enters the log.

import { z } from 'zod'
import { digest } from '../resource/index.ts'

export const changeAction = z.enum([
  'create',
  'update',
  'delete',
  'approve',
  // A rollout's steps: on to more nodes, or back.
  'advance',
  'revert',
  'join',
])
export type ChangeAction = z.infer<typeof changeAction>

/** The leaf's body: canonical JSON of this, beside a salt. */
export const changeRecord = z.strictObject({
  format: z.literal('tutti/change/v1'),
  atMs: z.number(),
  /** Who: `User::"alice"`, `Automation::"rollout"`, `Node::"edge-7"`. */
  principal: z.string(),
  action: changeAction,
  /** What: `Deployment/default/parts`. */
  resource: z.string(),
  uid: z.string(),
  generation: z.int().min(0),
  /**
   * SHA-256 of the canonical JSON of what was declared: the spec, or for a Rollout its
   * Assignment.
   */
  digest,
  /** Ids of the policies that decided, and of the policy set as a whole. */
  policies: z.array(z.string()),
  policySet: digest,
  /** Statements of those who approved, each over this change's own digest. */
  approvals: z.array(
    z.strictObject({ approver: z.string(), statement: z.string(), signature: z.string() }),
  ),
  /** One sentence for people; never a secret. */
  summary: z.string().max(2_000),
})
export type ChangeRecord = z.infer<typeof changeRecord>

/** What an approver signs: exactly this change, under exactly these policies, until then. */
export const approvalStatement = z.strictObject({
  format: z.literal('tutti/approval/v1'),
  /** Digest of the change: see `changeSubject`. */
  change: digest,
  policySet: digest,
  requestedBy: z.string(),
  approver: z.string(),
  expiresAtMs: z.number(),
})
export type ApprovalStatement = z.infer<typeof approvalStatement>

/**
 * The value whose canonical JSON's SHA-256 names a change: a different change has a different
 * digest.
 */
export function changeSubject(change: {
  readonly action: ChangeAction
  readonly kind: string
  readonly project: string
  readonly name: string
  /** Generation that the change builds on; 0 where it creates. */
  readonly baseGeneration: number
  readonly spec: unknown
}): unknown {
  return { format: 'tutti/change-subject/v1', ...change }
}
