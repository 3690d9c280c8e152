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
  sealedSecretSpec,
  type Verdict,
} from '@tutti/core/governance'
import { type Declared, specs } from '@tutti/core/kinds'
import {
  canonicalJson,
  type Finding,
  formatKey,
  type Resource,
  type ResourceKey,
} from '@tutti/core/resource'
import {
  type Alongside,
  type Blobs,
  type ChangeLine,
  grantBlob,
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
  emptyContext,
  formatPrincipal,
  type PolicyEngine,
  type Principal,
  type QuestionContext,
} from './policy-engine.ts'
import { questionContext } from './question-context.ts'
import { whyHeld } from './why-held.ts'

export interface AdmissionPorts {
  readonly sql: Sql
  readonly changes: ChangeLine
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
  /** Signed statements, verified already, over the change with the digest `approved`. */
  readonly approvals: readonly { readonly approver: string; readonly signed: SignedApproval }[]
  /** Digest that the approvals are over: a change that has become another is a conflict (P3). */
  readonly approved?: string
  /** Written with the change or not at all. */
  readonly alongside?: Alongside
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
  | {
      readonly outcome: 'denied'
      readonly verdict: Verdict & { kind: 'deny' }
      readonly asked: {
        readonly principal: Principal
        /** Whether that would create it or change it says who may read it. */
        readonly action: 'apply' | 'delete'
        readonly resource: ResourceKey
      }
    }
  | {
      readonly outcome: 'needs-approval'
      readonly approval: Resource
      readonly verdict: Verdict & { kind: 'needs-approval' }
    }
  | { readonly outcome: 'invalid'; readonly findings: readonly Finding[] }
  | {
      readonly outcome: 'conflict'
      readonly key: ResourceKey
      /** The one that is there; 0 where there is none. */
      readonly generation: number
      /** The one that the change names; null where it names none. */
      readonly expected: number | null
    }
  /** It cannot be deleted yet. */
  | { readonly outcome: 'held'; readonly reason: string }
  | { readonly outcome: 'not-found'; readonly key: ResourceKey }

const approvalMs = 7 * 86_400_000 // a week: longer, and nobody remembers what was asked

/** Takes one change down the path. Nothing is written unless the outcome says so. */
export async function submitChange(
  ports: AdmissionPorts,
  request: ChangeRequest,
): Promise<ChangeOutcome> {
  const { change } = request
  const key = change.kind === 'delete' ? change.key : keyOf(change.declared)
  const before = await loadResource(ports.sql, key)
  const planned = await planChange(ports, request, before)
  const engine = await ports.policies()
  const unread = whyUnread(engine, request.principal, key, before)
  const asked = { principal: request.principal, action: change.kind, resource: key }
  if ('outcome' in planned) {
    return unread === null ? planned : { outcome: 'denied', verdict: unread, asked }
  }
  if (request.approved !== undefined && request.approved !== planned.digest) {
    return conflictOf(request, key, planned.before?.metadata.generation ?? 0)
  }
  const context = await questionContext(ports, planned, request.approvals)
  const verdict = judge(engine, request.principal, planned, context)
  // After the verdict: who may not delete it does not learn what is in it.
  const isSeen = (one: Resource) => whyUnread(engine, request.principal, keyOf(one), one) === null
  const isAllowed = planned.action === 'delete' && verdict.kind !== 'deny'
  const reason = isAllowed ? await whyHeld(ports.sql, key, isSeen) : null
  if (reason !== null) return { outcome: 'held', reason }
  if (request.dryRun) {
    const plan = unread === null ? planned : { ...planned, before: null }
    return { outcome: 'planned', plan: hideSecrets(plan), verdict }
  }
  switch (verdict.kind) {
    case 'deny':
      return { outcome: 'denied', verdict, asked }
    case 'needs-approval':
      return await askForApproval(ports, request, { planned, verdict, policySet: engine.digest })
    case 'allow':
      return await commitPlanned(ports, request, { planned, verdict, policySet: engine.digest })
  }
}

/** Who may not read a resource learns nothing of it by asking for changes: the denial, or null. */
function whyUnread(
  engine: PolicyEngine,
  principal: Principal,
  key: ResourceKey,
  before: Resource | null,
): (Verdict & { kind: 'deny' }) | null {
  if (principal.type === 'Automation') return null
  for (const labels of [{}, before?.metadata.labels ?? {}]) {
    const resource = { ...key, labels }
    const question = { principal, action: 'read', resource, context: emptyContext }
    const verdict = decideVerdict(engine.answer(question))
    if (verdict.kind !== 'allow') return { kind: 'deny', denials: verdict.denials }
  }
  return null
}

async function planChange(
  ports: AdmissionPorts,
  request: ChangeRequest,
  before: Resource | null,
): Promise<PlannedChange | ChangeOutcome> {
  const { change, principal, approved } = request
  if (change.kind === 'delete') {
    const { key } = change
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
  // A Secret that waited for approval waited sealed.
  const declared =
    approved === undefined ? sealSecret(ports.identity, change.declared) : change.declared
  const expected = declared.metadata.generation
  const base = before?.metadata.generation ?? 0
  const key = keyOf(declared)
  if (expected !== undefined && expected !== base) return conflictOf(request, key, base)
  const findings = await checkReferences(ports, { declared, before, principal })
  if (findings.length > 0) return { outcome: 'invalid', findings }
  const { labels, annotations } = declared.metadata
  if (before !== null && isSame(ports.identity, before, declared)) {
    return { outcome: 'unchanged', resource: before }
  }
  const { spec } = declared
  const write = { key, baseGeneration: base, labels, annotations, spec }
  return finishPlan(before === null ? 'create' : 'update', before, write)
}

function conflictOf(
  { change }: Pick<ChangeRequest, 'change'>,
  key: ResourceKey,
  generation: number,
): ChangeOutcome {
  const named = change.kind === 'apply' ? change.declared.metadata.generation : undefined
  return { outcome: 'conflict', key, generation, expected: named ?? null }
}

function finishPlan(action: ChangeAction, before: Resource | null, write: Write): PlannedChange {
  const { kind, project, name } = write.key
  const { baseGeneration, labels, annotations, spec } = write
  const declared = spec === null ? null : { labels, annotations, spec }
  const subject = changeSubject({ action, kind, project, name, baseGeneration, spec: declared })
  return { action, key: write.key, before, write, digest: sha256(canonicalJson(subject)) }
}

/** Allowed as the resource is and as it is to be: no label is taken off in order to pass. */
function judge(
  engine: PolicyEngine,
  principal: Principal,
  planned: PlannedChange,
  context: QuestionContext,
): Verdict {
  const after = judgeLabelled(engine, principal, { planned, labels: planned.write.labels, context })
  const labels = planned.before?.metadata.labels
  const isRelabelled =
    labels !== undefined && canonicalJson(labels) !== canonicalJson(planned.write.labels)
  if (!isRelabelled || after.kind === 'deny') return after
  const before = judgeLabelled(engine, principal, { planned, labels, context })
  if (before.kind !== 'needs-approval' || after.kind !== 'needs-approval') {
    return before.kind === 'allow' ? after : before
  }
  return before.approvals >= after.approvals ? before : after
}

function judgeLabelled(
  engine: PolicyEngine,
  principal: Principal,
  of: {
    readonly planned: PlannedChange
    readonly labels: Readonly<Record<string, string>>
    readonly context: QuestionContext
  },
): Verdict {
  const { planned, labels, context } = of
  const { kind, project, name } = planned.key
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
  const done = await ports.changes.commit(planned.write, draft, request.alongside)
  if (!done.ok) return conflictOf(request, planned.key, done.generation)
  return { outcome: 'committed', action: planned.action, ...done.committed }
}

/** Nodes fetch a model's spec by its digest, like any other file of it. */
async function keepModelSpec(
  { sql, blobs }: AdmissionPorts,
  { key, write }: PlannedChange,
): Promise<void> {
  if (key.kind !== 'Model' || write.spec === null) return
  const bytes = Buffer.from(canonicalJson(write.spec))
  const digest = sha256(bytes)
  const { project } = key
  const offset = await blobs.uploaded({ digest, project })
  const chunks = Readable.from([bytes.subarray(offset)])
  await blobs.write({ digest, project, offset, totalBytes: bytes.length, chunks })
  await grantBlob(sql, { digest, project })
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
      declared: declaredOf(request, planned),
    },
    changeDigest: planned.digest,
    policySet,
    requestedBy: formatPrincipal(request.principal),
    requester: {
      id: request.principal.id,
      project: request.principal.project,
      key: request.principal.key,
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
  const done = await ports.changes.commit(
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
  if (!done.ok) return { outcome: 'conflict', key, generation: done.generation, expected: null }
  return { outcome: 'needs-approval', approval: done.committed.resource, verdict }
}

/** As it will be written: a Secret's value is sealed in it. */
function declaredOf({ change }: ChangeRequest, { write }: PlannedChange): Declared | null {
  return change.kind === 'delete' ? null : { ...change.declared, spec: write.spec }
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

function keyOf({ kind, metadata }: Declared | Resource): ResourceKey {
  return { kind, project: metadata.project, name: metadata.name }
}

function isSame(identity: Identity, before: Resource, declared: Declared): boolean {
  const { labels, annotations } = declared.metadata
  const open = (spec: unknown) => (declared.kind === 'Secret' ? openSecret(identity, spec) : spec)
  const held = { labels: before.metadata.labels, annotations: before.metadata.annotations }
  const isSameSpec = canonicalJson(open(before.spec)) === canonicalJson(open(declared.spec))
  return isSameSpec && canonicalJson(held) === canonicalJson({ labels, annotations })
}

/** A Secret's value is encrypted before anything is digested, stored or recorded. */
function sealSecret(identity: Identity, declared: Declared): Declared {
  if (declared.kind !== 'Secret') return declared
  const { value } = specs.Secret.parse(declared.spec)
  return { ...declared, spec: { value: identity.encrypt(value) } }
}

function openSecret(identity: Identity, spec: unknown): unknown {
  return { value: identity.decrypt(sealedSecretSpec.parse(spec).value) }
}

function hideSecrets(planned: PlannedChange): PlannedChange {
  if (planned.key.kind !== 'Secret') return planned
  return { ...planned, before: null, write: { ...planned.write, spec: { value: '***' } } }
}
