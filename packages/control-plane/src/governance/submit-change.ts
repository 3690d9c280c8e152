// Submit change
//
// The one path that every change takes, whoever makes it: parse → policy → approval → commit. What follows
// from a committed change is the loops' work; they compare what is declared with what is seen.

import { Readable } from 'node:stream'
import {
  type ApprovalSpec,
  type ChangeAction,
  changeSubject,
  decideVerdict,
  type SignedApproval,
  type Verdict,
} from '@tutti/core/governance'
import { type Declared, kinds } from '@tutti/core/kinds'
import {
  canonicalJson,
  type Finding,
  formatKey,
  type Resource,
  type ResourceKey,
} from '@tutti/core/resource'
import {
  type Blobs,
  commitChange,
  loadResource,
  type RecordDraft,
  type Sql,
  sha256,
  type Write,
} from '../store/index.ts'
import { checkReferences } from './check-references.ts'
import type { Identity } from './identity.ts'
import type { PlannedChange } from './planned-change.ts'
import {
  formatPrincipal,
  type PolicyEngine,
  type Principal,
  type QuestionContext,
} from './policy-engine.ts'
import { questionContext } from './question-context.ts'

export interface AdmissionPorts {
  readonly sql: Sql
  readonly blobs: Blobs
  readonly identity: Identity
  /** The engine over the policies as they are now. */
  readonly policies: () => Promise<PolicyEngine>
  readonly nowMs: () => number
}

export interface ChangeRequest {
  readonly principal: Principal
  /** The resource as declared; `delete` names what to delete. */
  readonly change:
    | { readonly kind: 'apply'; readonly declared: Declared }
    | { readonly kind: 'delete'; readonly key: ResourceKey }
  readonly dryRun: boolean
  /** Signed statements, verified already, over this very change. */
  readonly approvals: readonly { readonly approver: string; readonly signed: SignedApproval }[]
}

export type ChangeOutcome =
  | {
      readonly outcome: 'committed'
      readonly action: ChangeAction
      readonly resource: Resource
      readonly entry: number
    }
  | { readonly outcome: 'unchanged'; readonly resource: Resource }
  | { readonly outcome: 'planned'; readonly plan: PlannedChange; readonly verdict: Verdict }
  | { readonly outcome: 'denied'; readonly verdict: Verdict & { kind: 'deny' } }
  | {
      readonly outcome: 'needs-approval'
      readonly approval: Resource
      readonly verdict: Verdict & { kind: 'needs-approval' }
    }
  | { readonly outcome: 'invalid'; readonly findings: readonly Finding[] }
  | { readonly outcome: 'conflict'; readonly generation: number }
  | { readonly outcome: 'not-found'; readonly key: ResourceKey }

const approvalMs = 7 * 86_400_000 // a week: longer, and nobody remembers what was asked

/** Takes one change down the path. Nothing is written unless the outcome says so. */
export async function submitChange(
  ports: AdmissionPorts,
  request: ChangeRequest,
): Promise<ChangeOutcome> {
  const planned = await planChange(ports, request)
  if ('outcome' in planned) return planned
  const engine = await ports.policies()
  const context = await questionContext(ports, planned, request.approvals)
  const verdict = judge(engine, request.principal, planned, context)
  if (request.dryRun) return { outcome: 'planned', plan: hideSecrets(planned), verdict }
  switch (verdict.kind) {
    case 'deny':
      return { outcome: 'denied', verdict }
    case 'needs-approval':
      return await askForApproval(ports, request, { planned, verdict, policySet: engine.digest })
    case 'allow':
      return await commitPlanned(ports, request, { planned, verdict, policySet: engine.digest })
  }
}

async function planChange(
  ports: AdmissionPorts,
  { change, principal }: ChangeRequest,
): Promise<PlannedChange | ChangeOutcome> {
  const key = change.kind === 'delete' ? change.key : keyOf(change.declared)
  const before = await loadResource(ports.sql, key)
  if (change.kind === 'delete') {
    if (before === null) return { outcome: 'not-found', key }
    const { labels, annotations } = before.metadata
    const base = before.metadata.generation
    return finishPlan('delete', before, {
      key,
      baseGeneration: base,
      labels,
      annotations,
      spec: null,
    })
  }
  const { declared } = change
  const expected = declared.metadata.generation
  const base = before?.metadata.generation ?? 0
  if (expected !== undefined && expected !== base) return { outcome: 'conflict', generation: base }
  const findings = await checkReferences(ports, { declared, before, principal })
  if (findings.length > 0) return { outcome: 'invalid', findings }
  const { labels, annotations } = declared.metadata
  if (before !== null && isSame(ports.identity, before, declared)) {
    return { outcome: 'unchanged', resource: before }
  }
  const spec = sealSecret(ports.identity, declared)
  const write = { key, baseGeneration: base, labels, annotations, spec }
  return finishPlan(before === null ? 'create' : 'update', before, write)
}

function finishPlan(action: ChangeAction, before: Resource | null, write: Write): PlannedChange {
  const { kind, project, name } = write.key
  const { baseGeneration, labels, annotations, spec } = write
  const declared = spec === null ? null : { labels, annotations, spec }
  const subject = changeSubject({ action, kind, project, name, baseGeneration, spec: declared })
  return { action, key: write.key, before, write, digest: sha256(canonicalJson(subject)) }
}

function judge(
  engine: PolicyEngine,
  principal: Principal,
  planned: PlannedChange,
  context: QuestionContext,
): Verdict {
  const { kind, project, name } = planned.key
  const { labels } = planned.write
  const question = { principal, action: planned.action, resource: { kind, project, name, labels } }
  const verdict = decideVerdict(engine.answer({ ...question, context }))
  if (verdict.kind !== 'needs-approval') return verdict
  // A forbid hides whether anything permits it: only a change that approvals would let pass may wait.
  const approved = { ...context, approvals: verdict.approvals }
  const then = decideVerdict(engine.answer({ ...question, context: approved }))
  return then.kind === 'deny' ? then : verdict
}

interface Judged<V extends Verdict> {
  readonly planned: PlannedChange
  readonly verdict: V
  readonly policySet: string
}

async function commitPlanned(
  ports: AdmissionPorts,
  request: ChangeRequest,
  { planned, verdict, policySet }: Judged<Verdict & { kind: 'allow' }>,
): Promise<ChangeOutcome> {
  const draft: RecordDraft = {
    atMs: ports.nowMs(),
    principal: formatPrincipal(request.principal),
    action: planned.action,
    digest: sha256(canonicalJson(planned.write.spec)),
    policies: [...verdict.policies],
    policySet,
    approvals: request.approvals.map(({ approver, signed }) => ({ approver, ...signed })),
    summary: `${planned.action} ${formatKey(planned.key)}`,
  }
  await keepModelSpec(ports, planned)
  const done = await commitChange(ports.sql, planned.write, draft)
  if (!done.ok) return { outcome: 'conflict', generation: done.generation }
  return { outcome: 'committed', action: planned.action, ...done.committed }
}

/** Nodes fetch a model's spec by its digest, like any other file of it. */
async function keepModelSpec(
  { blobs }: AdmissionPorts,
  { key, write }: PlannedChange,
): Promise<void> {
  if (key.kind !== 'Model' || write.spec === null) return
  const bytes = Buffer.from(canonicalJson(write.spec))
  const digest = sha256(bytes)
  const offset = await blobs.uploaded(digest)
  const chunks = Readable.from([bytes.subarray(offset)])
  await blobs.write({ digest, offset, totalBytes: bytes.length, chunks })
}

async function askForApproval(
  ports: AdmissionPorts,
  request: ChangeRequest,
  { planned, verdict, policySet }: Judged<Verdict & { kind: 'needs-approval' }>,
): Promise<ChangeOutcome> {
  const { kind, project, name } = planned.key
  const nowMs = ports.nowMs()
  const spec: ApprovalSpec = {
    change: {
      ...{ action: planned.action, kind, project, name },
      baseGeneration: planned.write.baseGeneration,
      declared: request.change.kind === 'delete' ? null : request.change.declared,
    },
    changeDigest: planned.digest,
    policySet,
    requestedBy: formatPrincipal(request.principal),
    requester: {
      id: request.principal.id,
      roles: [...request.principal.roles],
      project: request.principal.project,
    },
    approvalsNeeded: verdict.approvals,
    because: verdict.denials.map((denial) => denial.id),
    expiresAtMs: nowMs + approvalMs,
  }
  const key = {
    kind: 'Approval',
    project: project === '' ? 'default' : project,
    name: nameOf(planned),
  }
  const held = await loadResource(ports.sql, key)
  if (held !== null && isPending(held, policySet, nowMs)) {
    return { outcome: 'needs-approval', approval: held, verdict }
  }
  const status = { phase: 'pending', signed: [] }
  const baseGeneration = held?.metadata.generation ?? 0
  const done = await commitChange(
    ports.sql,
    { key, baseGeneration, labels: {}, annotations: {}, spec, status },
    {
      atMs: nowMs,
      principal: formatPrincipal(request.principal),
      action: 'create',
      digest: sha256(canonicalJson(spec)),
      policies: spec.because,
      policySet,
      approvals: [],
      summary: `ask for approval to ${planned.action} ${formatKey(planned.key)}`,
    },
  )
  if (!done.ok) return { outcome: 'conflict', generation: done.generation }
  return { outcome: 'needs-approval', approval: done.committed.resource, verdict }
}

function isPending(held: Resource, policySet: string, nowMs: number): boolean {
  const spec = held.spec as ApprovalSpec
  const { phase } = held.status as { phase: string }
  return phase === 'pending' && spec.policySet === policySet && nowMs < spec.expiresAtMs
}

/** One change, one name: asking twice finds the first request again. */
function nameOf({ key, digest }: PlannedChange): string {
  const hex = digest.slice('sha256:'.length, 'sha256:'.length + 8)
  return `${key.name.replace(/[^a-z0-9-]/g, '-').slice(0, 40)}-${hex}`
}

function keyOf({ kind, metadata }: Declared): ResourceKey {
  return { kind, project: metadata.project, name: metadata.name }
}

function isSame(identity: Identity, before: Resource, declared: Declared): boolean {
  const { labels, annotations } = declared.metadata
  const spec = declared.kind === 'Secret' ? openSecret(identity, before.spec) : before.spec
  const held = { labels: before.metadata.labels, annotations: before.metadata.annotations, spec }
  return canonicalJson(held) === canonicalJson({ labels, annotations, spec: declared.spec })
}

/** A Secret's value is encrypted before anything is digested, stored or recorded. */
function sealSecret(identity: Identity, { kind, spec }: Declared): unknown {
  if (kind !== 'Secret') return spec
  const parsed = kinds.Secret.spec.parse(spec)
  return { value: identity.encrypt(parsed.value) }
}

function openSecret(identity: Identity, spec: unknown): unknown {
  return { value: identity.decrypt(kinds.Secret.spec.parse(spec).value) }
}

function hideSecrets(planned: PlannedChange): PlannedChange {
  if (planned.key.kind !== 'Secret') return planned
  return { ...planned, before: null, write: { ...planned.write, spec: { value: '***' } } }
}
