// Approval
//
// A change that waits for somebody else's word. The Approval resource holds the change as it was asked;
// approvers sign a statement over its digest. It is void as soon as the resource or the policies it was
// asked under have changed, and it expires.
//
// Invariants:
//   P1. Nobody approves what they asked for, and nobody counts twice.
//   P2. Automation never approves.
//   P3. An approval counts only for the change and the policy set whose digests it names.

import { z } from 'zod'
import { digest } from '../resource/index.ts'
import { approvalStatement, changeAction } from './change.ts'

export const pendingChange = z.strictObject({
  action: changeAction,
  kind: z.string(),
  project: z.string(),
  name: z.string(),
  baseGeneration: z.int().min(0),
  /** The declared resource, whole; null where the change deletes. */
  declared: z.unknown(),
})
export type PendingChange = z.infer<typeof pendingChange>

export const approvalSpec = z.strictObject({
  change: pendingChange,
  changeDigest: digest,
  policySet: digest,
  requestedBy: z.string(),
  /** The Key that the requester came with: the change is judged again with its roles of then. */
  requester: z.strictObject({ id: z.string(), project: z.string(), key: z.string() }),
  approvalsNeeded: z.int().min(1),
  /** Policies that asked for it, for people. */
  because: z.array(z.string()),
  expiresAtMs: z.number(),
})
export type ApprovalSpec = z.infer<typeof approvalSpec>

export const signedApproval = z.strictObject({
  /** Canonical JSON of an ApprovalStatement. */
  statement: z.string().max(8_192),
  /** Ed25519 over `tutti/approval/v1\n` and the statement, by the approver's key. */
  signature: z.string().max(512),
})
export type SignedApproval = z.infer<typeof signedApproval>

export const approvalStatus = z.discriminatedUnion('phase', [
  z.strictObject({ phase: z.literal('pending'), signed: z.array(signedApproval) }),
  z.strictObject({ phase: z.literal('applied'), signed: z.array(signedApproval) }),
  z.strictObject({ phase: z.literal('void'), reason: z.string() }),
])
export type ApprovalStatus = z.infer<typeof approvalStatus>

export type ApprovalDecision =
  | { readonly ok: true; readonly enough: boolean }
  | { readonly ok: false; readonly reason: string }

/**
 * May this statement be added to the approval? `approver` is who presented it, verified by the
 * caller.
 */
export function decideApproval(
  spec: ApprovalSpec,
  status: ApprovalStatus,
  presented: { readonly approver: string; readonly statement: unknown },
  now: { readonly atMs: number; readonly policySet: string },
): ApprovalDecision {
  if (status.phase === 'void') return refuse(`it is void: ${status.reason}`)
  if (status.phase === 'applied') return refuse('it is applied already')
  if (now.atMs >= spec.expiresAtMs) return refuse('it has expired: ask for the change again')
  if (now.policySet !== spec.policySet) {
    // P3
    return refuse('the policies have changed since it was asked for: ask for the change again')
  }
  const parsed = approvalStatement.safeParse(presented.statement)
  if (!parsed.success) return refuse('the signed statement is malformed')
  const { change, policySet, requestedBy, approver, expiresAtMs } = parsed.data
  if (change !== spec.changeDigest || policySet !== spec.policySet) {
    return refuse(`the statement is over ${change}, expected ${spec.changeDigest}`) // P3
  }
  if (approver !== presented.approver || requestedBy !== spec.requestedBy) {
    return refuse('the statement names other people than the ones who ask')
  }
  if (now.atMs >= expiresAtMs) return refuse('the statement has expired: sign it again')
  if (!approver.startsWith('User::')) return refuse(`${approver} is not a person`) // P2
  if (approver === spec.requestedBy) return refuse(`${approver} asked for this change`) // P1
  const others = new Set(status.signed.map((signed) => approverOf(signed)))
  if (others.has(approver)) return refuse(`${approver} has approved it already`) // P1
  return { ok: true, enough: others.size + 1 >= spec.approvalsNeeded }
}

/** Who signed, as the statement says; the signature was verified when it was taken in. */
export function approverOf(signed: SignedApproval): string {
  const parsed = approvalStatement.safeParse(JSON.parse(signed.statement))
  return parsed.success ? parsed.data.approver : ''
}

function refuse(reason: string): ApprovalDecision {
  return { ok: false, reason }
}
