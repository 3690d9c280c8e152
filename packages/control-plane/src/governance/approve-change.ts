// Approve change
//
// Takes a second person's signed statement, and commits the change that waited for it once there are
// enough. An approval whose ground has moved (the resource or the policies changed) becomes void.

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
import type { Declared } from '@tutti/core/kinds'
import { canonicalJson, kindOf, type Resource, signingPrefix } from '@tutti/core/resource'
import { verifyText } from '@tutti/ledger'
import {
  type Alongside,
  loadResource,
  type RecordDraft,
  sha256,
  type Write,
  writeChange,
} from '../store/index.ts'
import { emptyContext, formatPrincipal, type Principal } from './policy-engine.ts'
import { presentPrincipal } from './principal-of-key.ts'
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
  const needed = spec.approvalsNeeded
  if (signed.length >= needed) return await applyApproved(ports, approval, { request, signed })
  const status2: ApprovalStatus = { phase: 'pending', signed }
  const isKept = await saveApproval(ports, approval, { request, status: status2 })
  return isKept ? { outcome: 'waiting', approvals: signed.length, needed } : raced
}

/** Commits the change and its approval together; a change that cannot be voids the approval. */
async function applyApproved(
  ports: AdmissionPorts,
  approval: Resource,
  { request, signed }: { readonly request: ApprovalRequest; readonly signed: SignedApproval[] },
): Promise<ApproveOutcome> {
  const status: ApprovalStatus = { phase: 'applied', signed }
  const write = writeOf(approval, status)
  const draft = await draftOf(ports, approval, { request, status })
  const change = await commitApproved(ports, approvalSpec.parse(approval.spec), {
    signed,
    alongside: async (tx) => {
      const done = await writeChange(tx, write, draft)
      if (!done.ok) throw new ApprovedTwice()
    },
  }).catch((error: unknown) => {
    if (error instanceof ApprovedTwice) return null
    throw error
  })
  if (change === null) return raced
  if (typeof change !== 'string' && change.outcome === 'committed') {
    return { outcome: 'applied', change }
  }
  const reason = typeof change === 'string' ? change : voidReason(change)
  const end: ApprovalStatus = { phase: 'void', reason }
  if (!(await saveApproval(ports, approval, { request, status: end }))) return raced
  return typeof change === 'string'
    ? { outcome: 'refused', reason: `it is void: ${reason}` }
    : { outcome: 'applied', change }
}

class ApprovedTwice extends Error {}
const raced: ApproveOutcome = {
  outcome: 'refused',
  reason: 'somebody else approved at the same moment: try again',
}

async function whyRefused(
  ports: AdmissionPorts,
  request: ApprovalRequest,
  held: { readonly spec: ApprovalSpec; readonly status: ApprovalStatus },
): Promise<string | null> {
  const { approver, approvalKey, signed } = request
  const { statement: text, signature } = signed
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
  if (verdict.kind !== 'allow') return verdict.denials[0]?.reason ?? 'policy forbids it'
  // Last: whom a key would not help is not told to get one.
  if (approvalKey === undefined) {
    return `the key of ${approver.id} has no approvalKey: add the did:key that signs to its spec`
  }
  const isSigned = verifyText(approvalKey, signingPrefix.approval, { text, signature })
  return isSigned ? null : `the statement is not signed by ${approvalKey}`
}

/** Takes the change down its path again, with the rights that its requester has now. */
async function commitApproved(
  ports: AdmissionPorts,
  spec: ApprovalSpec,
  at: { readonly signed: readonly SignedApproval[]; readonly alongside: Alongside },
): Promise<ChangeOutcome | string> {
  const principal = await presentPrincipal(ports.sql, spec.requester, ports.nowMs())
  if (principal === null) return `the key that ${spec.requestedBy} asked with has ended`
  const { change } = spec
  const key = { kind: change.kind, project: change.project, name: change.name }
  const held = await loadResource(ports.sql, key)
  const generation = held?.metadata.generation ?? 0
  const expected = change.baseGeneration
  if (generation !== expected) return { outcome: 'conflict', key, generation, expected }
  const declared = change.declared === null ? null : declaredOf(change.declared)
  return await submitChange(ports, {
    principal,
    change: declared === null ? { kind: 'delete', key } : { kind: 'apply', declared },
    dryRun: false,
    approved: spec.changeDigest,
    approvals: at.signed.map((one) => ({ approver: approverOf(one), signed: one })),
    alongside: at.alongside,
  })
}

async function saveApproval(
  ports: AdmissionPorts,
  approval: Resource,
  said: { readonly request: ApprovalRequest; readonly status: ApprovalStatus },
): Promise<boolean> {
  const draft = await draftOf(ports, approval, said)
  const done = await ports.changes.commit(writeOf(approval, said.status), draft)
  return done.ok
}

function writeOf({ kind, metadata, spec }: Resource, status: ApprovalStatus): Write {
  const { project, name, generation, labels, annotations } = metadata
  const key = { kind, project, name }
  return { key, baseGeneration: generation, labels, annotations, spec, status }
}

async function draftOf(
  ports: AdmissionPorts,
  { metadata, spec }: Resource,
  { request, status }: { readonly request: ApprovalRequest; readonly status: ApprovalStatus },
): Promise<RecordDraft> {
  const approver = formatPrincipal(request.approver)
  const policySet = (await ports.policies()).digest
  return {
    ...{ atMs: ports.nowMs(), principal: approver, action: 'approve', policies: [], policySet },
    digest: sha256(canonicalJson({ spec, status })),
    approvals: [{ approver, ...request.signed }],
    summary: `approve ${metadata.name}`,
  }
}

function voidReason(change: ChangeOutcome): string {
  switch (change.outcome) {
    case 'conflict':
      return 'the resource has changed since it was asked for'
    case 'denied':
      return change.verdict.denials.map((denial) => denial.reason).join('; ')
    case 'invalid':
      return change.findings.map((finding) => finding.message).join('; ')
    case 'held':
      return change.reason
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
