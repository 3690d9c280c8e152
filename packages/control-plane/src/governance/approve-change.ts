// Approve change
//
// Takes a second person's signed statement, and commits the change that waited for it once there are
// enough. An approval whose ground has moved (the resource or the policies changed) becomes void.

import { signingPrefix } from '@tutti/core/fleet'
import {
  type ApprovalSpec,
  type ApprovalStatus,
  approvalSpec,
  approvalStatus,
  approverOf,
  decideApproval,
  decideVerdict,
  type SignedApproval,
} from '@tutti/core/governance'
import { type Declared, kindOf } from '@tutti/core/kinds'
import { canonicalJson, type Resource } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import { commitChange, loadResource, sha256 } from '../store/index.ts'
import { emptyContext, formatPrincipal, type Principal } from './policy-engine.ts'
import { type AdmissionPorts, type ChangeOutcome, submitChange } from './submit-change.ts'

export interface ApprovalRequest {
  readonly approver: Principal
  /** The did:key that the approver's Key names; absent where it names none. */
  readonly approvalKey: string | undefined
  readonly project: string
  readonly name: string
  readonly signed: SignedApproval
}

export type ApproveOutcome =
  | { readonly outcome: 'refused'; readonly reason: string }
  | { readonly outcome: 'not-found' }
  | { readonly outcome: 'waiting'; readonly approvals: number; readonly needed: number }
  | { readonly outcome: 'applied'; readonly change: ChangeOutcome }

/** Adds one approval; commits the change when it was the last that was needed. */
export async function approveChange(
  ports: AdmissionPorts,
  request: ApprovalRequest,
): Promise<ApproveOutcome> {
  const key = { kind: 'Approval', project: request.project, name: request.name }
  const approval = await loadResource(ports.sql, key)
  if (approval === null) return { outcome: 'not-found' }
  const spec = approvalSpec.parse(approval.spec)
  const status = approvalStatus.parse(approval.status)
  const refusal = await whyRefused(ports, request, { spec, status })
  if (refusal !== null) return { outcome: 'refused', reason: refusal }
  if (status.phase !== 'pending') return { outcome: 'refused', reason: `it is ${status.phase}` }

  const signed = [...status.signed, request.signed]
  const isEnough = signed.length >= spec.approvalsNeeded
  const next: ApprovalStatus = { phase: isEnough ? 'applied' : 'pending', signed }
  if (!isEnough) {
    const kept = await saveApproval(ports, approval, { request, status: next })
    return kept
      ? { outcome: 'waiting', approvals: signed.length, needed: spec.approvalsNeeded }
      : { outcome: 'refused', reason: 'somebody else approved at the same moment: try again' }
  }
  const change = await commitApproved(ports, spec, signed)
  const isDone = change.outcome === 'committed' || change.outcome === 'unchanged'
  const status2: ApprovalStatus = isDone ? next : { phase: 'void', reason: voidReason(change) }
  await saveApproval(ports, approval, { request, status: status2 })
  return { outcome: 'applied', change }
}

async function whyRefused(
  ports: AdmissionPorts,
  request: ApprovalRequest,
  held: { readonly spec: ApprovalSpec; readonly status: ApprovalStatus },
): Promise<string | null> {
  const { approver, approvalKey, signed } = request
  if (approvalKey === undefined) {
    return `the key of ${approver.id} has no approvalKey: add the did:key that signs to its spec`
  }
  const { statement: text, signature } = signed
  if (!verifyText(approvalKey, signingPrefix.approval, { text, signature })) {
    return `the statement is not signed by ${approvalKey}`
  }
  const engine = await ports.policies()
  const decision = decideApproval(
    held.spec,
    held.status,
    { approver: formatPrincipal(approver), statement: parseJson(text) },
    { atMs: ports.nowMs(), policySet: engine.digest },
  )
  if (!decision.ok) return decision.reason
  const resource = { kind: 'Approval', project: request.project, name: request.name, labels: {} }
  const question = { principal: approver, action: 'approve', resource, context: emptyContext }
  const verdict = decideVerdict(engine.answer(question))
  return verdict.kind === 'allow' ? null : (verdict.denials[0]?.reason ?? 'policy forbids it')
}

async function commitApproved(
  ports: AdmissionPorts,
  spec: ApprovalSpec,
  signed: readonly SignedApproval[],
): Promise<ChangeOutcome> {
  const { change } = spec
  const key = { kind: change.kind, project: change.project, name: change.name }
  const held = await loadResource(ports.sql, key)
  const generation = held?.metadata.generation ?? 0
  if (generation !== change.baseGeneration) return { outcome: 'conflict', generation }
  const declared = change.declared === null ? null : declaredOf(change.declared)
  return await submitChange(ports, {
    principal: { type: 'User', ...spec.requester },
    change: declared === null ? { kind: 'delete', key } : { kind: 'apply', declared },
    dryRun: false,
    approved: spec.changeDigest,
    approvals: signed.map((one) => ({ approver: approverOf(one), signed: one })),
  })
}

async function saveApproval(
  ports: AdmissionPorts,
  approval: Resource,
  { request, status }: { readonly request: ApprovalRequest; readonly status: ApprovalStatus },
): Promise<boolean> {
  const { kind, metadata, spec } = approval
  const { project, name, generation, labels, annotations } = metadata
  const key = { kind, project, name }
  const done = await commitChange(
    ports.sql,
    { key, baseGeneration: generation, labels, annotations, spec, status },
    {
      atMs: ports.nowMs(),
      principal: formatPrincipal(request.approver),
      action: 'approve',
      digest: sha256(canonicalJson({ spec, status })),
      policies: [],
      policySet: (await ports.policies()).digest,
      approvals: [{ approver: formatPrincipal(request.approver), ...request.signed }],
      summary: `approve ${name}`,
    },
  )
  return done.ok
}

function voidReason(change: ChangeOutcome): string {
  switch (change.outcome) {
    case 'conflict':
      return 'the resource has changed since it was asked for'
    case 'denied':
      return change.verdict.denials.map((denial) => denial.reason).join('; ')
    case 'invalid':
      return change.findings.map((finding) => finding.message).join('; ')
    default:
      return `it could not be applied (${change.outcome})`
  }
}

function declaredOf(value: unknown): Declared {
  const declared = value as Declared // stored by askForApproval, which parsed it
  if (kindOf(declared.kind) === null) throw new Error(`stored change of unknown kind`)
  return declared
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // decideApproval says that it is malformed
  }
}
