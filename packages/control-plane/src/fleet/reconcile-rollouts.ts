// Reconcile rollouts
//
// One turn of the loop for one deployment: load what is declared and what is seen, decide once (in core),
// have the plan checked by somebody who did not make it, save, and issue the next assignment. It takes no
// hint of what changed: a missed event costs time, not truth.

import {
  type Assignment,
  assignment as assignmentSchema,
  checkPlan,
  deploymentSpec,
  type GateState,
  gateStart,
  gateVerdict,
  modelSpec,
  type NodeView,
  planRollout,
  type Release,
  type RolloutPlan,
  type RolloutResourceSpec,
  type RolloutState,
  type RolloutView,
  rolloutResourceSpec,
  servedName,
  startRollout,
  updateGate,
} from '@tutti/core/fleet'
import { type ChangeAction, projectSpec } from '@tutti/core/governance'
import { canonicalJson, formatKey, type Resource, selects } from '@tutti/core/resource'
import type { PolicyEngine } from '../governance/index.ts'
import { type RecordDraft, sha256 } from '../store/index.ts'
import type { AssignmentRow } from './assignments.ts'
import { samplesFor, whenBothReported } from './gate-samples.ts'
import { deploymentKey, type Registry } from './registry.ts'
import type { RolloutStore } from './rollout-store.ts'

export interface RolloutPorts {
  readonly store: RolloutStore
  readonly registry: Registry
  readonly heartbeatMs: number
  readonly policies: () => Promise<PolicyEngine>
  readonly log: { readonly info: Log; readonly error: Log }
  readonly nowMs: () => number
}
type Log = (fields: object, message: string) => void

/** What the Rollout resource keeps besides its spec. */
export interface RolloutStatus {
  readonly state: RolloutState
  readonly assignment: Assignment
  readonly gate: GateState
  readonly targetRequests: number
}

const automation = 'Automation::"rollout"'

/** One turn for all deployments. */
export async function reconcileRollouts(ports: RolloutPorts): Promise<void> {
  const deployments = await ports.store.all('Deployment')
  const failures: unknown[] = []
  for (const deployment of deployments) {
    // One that cannot be reconciled holds no other up; the loop tells of it and tries again.
    await reconcileDeployment(ports, deployment).catch((error: unknown) => failures.push(error))
  }
  await removeDeleted(ports, deployments)
  if (failures.length > 0) throw failures[0]
}

async function reconcileDeployment(ports: RolloutPorts, deployment: Resource): Promise<void> {
  const spec = deploymentSpec.parse(deployment.spec)
  const nodes = ports.registry.views().filter((node) => selects(spec.selector, node.labels))
  const { project, name, generation } = deployment.metadata
  const rolloutName = `${name}-g${generation}`
  const rollout = await ports.store.load({ kind: 'Rollout', project, name: rolloutName })
  if (rollout === null) await begin(ports, deployment, nodes)
  else await advance(ports, rollout, nodes)
}

/** A generation without a rollout gets one; the rollout of the generation before is superseded. */
async function begin(
  ports: RolloutPorts,
  deployment: Resource,
  nodes: readonly NodeView[],
): Promise<void> {
  const { project, name, generation, uid } = deployment.metadata
  const spec = deploymentSpec.parse(deployment.spec)
  const model = await ports.store.load({ kind: 'Model', project, name: spec.model })
  if (model === null) return // deleted since: the deployment's own reference check says so
  const before = await ports.store.assignment(project, name)
  if (before !== null) await supersede(ports, before, generation)
  const start = startRollout(spec.strategy, nodes, { uid, generation })
  const owner = await ports.store.load({ kind: 'Project', project: '', name: project })
  const { publishers } = projectSpec.parse(owner?.spec ?? {})
  const assignment: Assignment = {
    format: 'tutti/assignment/v1',
    ...{ deployment: name, project, uid, generation, revision: 1 },
    serves: servedName({ project, name }),
    selector: spec.selector,
    target: releaseOf(model),
    baseline: before === null ? null : await provenRelease(ports.store, before),
    mode: 'advance',
    cohort: start.cohort,
    soakMs: Math.min(spec.strategy.soakMs, 60_000),
    publishers: publishers.map(({ pem }) => pem),
    issuedAtMs: ports.nowMs(),
  }
  const resource: RolloutResourceSpec = {
    deployment: name,
    generation,
    strategy: spec.strategy,
    waves: [...start.waves],
    paused: false,
  }
  // What was measured before the rollout began is not concurrent with its canaries.
  ports.registry.takeTelemetry(deploymentKey(assignment), () => true)
  const status: RolloutStatus = {
    state: start.state,
    assignment,
    gate: gateStart,
    targetRequests: 0,
  }
  const key = { kind: 'Rollout', project, name: `${name}-g${generation}` }
  await issue(ports, { key, baseGeneration: 0, spec: resource, status, action: 'create' })
}

/** The release that this deployment last proved on its fleet, or null where it never did. */
async function provenRelease(store: RolloutStore, before: AssignmentRow): Promise<Release | null> {
  const held = assignmentSchema.parse(JSON.parse(before.payload))
  if (held.mode === 'remove') return null
  const name = `${before.deployment}-g${before.generation}`
  const rollout = await store.load({ kind: 'Rollout', project: before.project, name })
  const state = rollout === null ? null : statusOf(rollout).state
  return state?.phase === 'done' ? held.target : held.baseline
}

async function supersede(ports: RolloutPorts, before: AssignmentRow, by: number): Promise<void> {
  const key = {
    kind: 'Rollout',
    project: before.project,
    name: `${before.deployment}-g${before.generation}`,
  }
  const rollout = await ports.store.load(key)
  if (rollout === null) return
  const status = statusOf(rollout)
  const { phase } = status.state
  if (phase === 'done' || phase === 'reverted' || phase === 'superseded') return
  const state: RolloutState = { phase: 'superseded', byGeneration: by }
  const { generation } = rollout.metadata
  await ports.store.saveStatus(key, {
    generation,
    status: { ...status, state },
    nowMs: ports.nowMs(),
  })
}

async function advance(
  ports: RolloutPorts,
  rollout: Resource,
  nodes: readonly NodeView[],
): Promise<void> {
  const spec = rolloutResourceSpec.parse(rollout.spec)
  const held = statusOf(rollout)
  const { phase } = held.state
  if (phase === 'done' || phase === 'reverted' || phase === 'superseded') return
  const key = deploymentKey(held.assignment)
  const ready = whenBothReported(held.assignment, {
    nowMs: ports.nowMs(),
    heartbeatMs: ports.heartbeatMs,
  })
  const samples = samplesFor(ports.registry.takeTelemetry(key, ready), held.assignment)
  const gate = updateGate(spec.strategy.gate, held.gate, samples)
  const answered = samples.reduce((sum, { canary }) => sum + canary.requests, 0)
  const targetRequests = held.targetRequests + answered
  const view: RolloutView = {
    nodes,
    gate: gateVerdict(gate),
    targetRequests,
    paused: spec.paused,
  }
  const plan = planRollout(spec, held.state, {
    assignment: held.assignment,
    view,
    nowMs: ports.nowMs(),
  })
  const findings = checkPlan(spec, held.state, plan, { assignment: held.assignment, view })
  if (findings.length > 0) {
    ports.log.error({ rollout: rollout.metadata.name, findings }, 'a plan was refused by its check')
    return
  }
  await savePlan(ports, rollout, { held: { ...held, gate, targetRequests }, plan })
}

async function savePlan(
  ports: RolloutPorts,
  rollout: Resource,
  { held, plan }: { readonly held: RolloutStatus; readonly plan: RolloutPlan },
): Promise<void> {
  const { project, name, generation } = rollout.metadata
  const key = { kind: 'Rollout', project, name }
  const before = statusOf(rollout)
  if (plan.change === null) {
    const status: RolloutStatus = { ...held, state: plan.state }
    if (canonicalJson(status) === canonicalJson(before)) return
    if (plan.state.phase !== before.state.phase) {
      ports.log.info({ rollout: formatKey(key), state: plan.state }, `rollout ${plan.state.phase}`)
      // The end of a rollout decides what the next one may fall back on: that is recorded.
      await record(ports, rollout, status)
      return
    }
    await ports.store.saveStatus(key, { generation, status, nowMs: ports.nowMs() })
    return
  }
  const assignment: Assignment = {
    ...held.assignment,
    ...plan.change,
    revision: held.assignment.revision + 1,
    issuedAtMs: ports.nowMs(),
  }
  ports.log.info({ rollout: formatKey(key), state: plan.state }, `rollout ${plan.state.phase}`)
  const status: RolloutStatus = { ...held, state: plan.state, assignment }
  await issue(ports, {
    key,
    baseGeneration: generation,
    spec: rollout.spec,
    status,
    action: 'advance',
  })
}

/** Commits a rollout's step with its new assignment; a stale loop loses against the generation. */
async function issue(
  ports: RolloutPorts,
  step: {
    readonly key: { readonly kind: string; readonly project: string; readonly name: string }
    readonly baseGeneration: number
    readonly spec: unknown
    readonly status: RolloutStatus
    readonly action: ChangeAction
  },
): Promise<void> {
  const { assignment } = step.status
  const payload = canonicalJson(assignmentSchema.parse(assignment))
  const { key, baseGeneration, spec, status } = step
  const { deployment, generation, revision } = assignment
  const which = `${deployment} generation ${generation} revision ${revision}`
  const summary = `${which}: ${describe(status.state)}`
  await ports.store.commit(
    { key, baseGeneration, labels: {}, annotations: {}, spec, status },
    await draft(ports, { action: step.action, digest: sha256(payload), summary }),
    { project: assignment.project, deployment, generation, revision, payload },
  )
}

async function record(
  ports: RolloutPorts,
  rollout: Resource,
  status: RolloutStatus,
): Promise<void> {
  const { project, name, generation, labels, annotations } = rollout.metadata
  const key = { kind: 'Rollout', project, name }
  await ports.store.commit(
    { key, baseGeneration: generation, labels, annotations, spec: rollout.spec, status },
    await draft(ports, {
      action: 'advance',
      digest: sha256(canonicalJson(status.state)),
      summary: `${name}: ${describe(status.state)}`,
    }),
    null,
  )
}

/** A deployment that was deleted leaves a tombstone: nodes that come back learn that it is gone. */
async function removeDeleted(ports: RolloutPorts, deployments: readonly Resource[]): Promise<void> {
  const rows = await ports.store.assignments()
  const live = new Set(deployments.map(({ metadata }) => `${metadata.project}/${metadata.name}`))
  for (const row of rows.filter((candidate) => !live.has(deploymentKey(candidate)))) {
    const held = assignmentSchema.parse(JSON.parse(row.payload))
    if (held.mode === 'remove') continue
    const revision = held.revision + 1
    const assignment: Assignment = { ...held, mode: 'remove', revision, issuedAtMs: ports.nowMs() }
    const key = {
      kind: 'Rollout',
      project: row.project,
      name: `${row.deployment}-g${row.generation}`,
    }
    const rollout = await ports.store.load(key)
    if (rollout === null) continue
    const baseGeneration = rollout.metadata.generation
    const state: RolloutState = { phase: 'superseded', byGeneration: row.generation + 1 }
    const status = { ...statusOf(rollout), state, assignment }
    await issue(ports, { key, baseGeneration, spec: rollout.spec, status, action: 'advance' })
  }
}

async function draft(
  ports: RolloutPorts,
  at: Pick<RecordDraft, 'action' | 'digest' | 'summary'>,
): Promise<RecordDraft> {
  const policySet = (await ports.policies()).digest
  const base = { atMs: ports.nowMs(), principal: automation, policies: [], approvals: [] }
  return { ...base, ...at, policySet }
}

function releaseOf(model: Resource): Release {
  const spec = modelSpec.parse(model.spec)
  const text = canonicalJson(model.spec)
  return {
    digest: sha256(text),
    model: spec.model,
    version: spec.version,
    specBytes: Buffer.byteLength(text),
  }
}

/** The status as `issue` stored it. */
export function statusOf(rollout: Resource): RolloutStatus {
  return rollout.status as RolloutStatus
}

function describe(state: RolloutState): string {
  switch (state.phase) {
    case 'canary':
      return 'canaries'
    case 'wave':
      return `wave ${state.wave + 1}`
    case 'reverting':
    case 'reverted':
      return `${state.phase}: ${state.cause.message}`.slice(0, 1_500)
    default:
      return state.phase
  }
}
