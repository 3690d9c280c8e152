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
import { projectSpec } from '@tutti/core/governance'
import {
  canonicalJson,
  formatKey,
  type Resource,
  type ResourceKey,
  type Selector,
  selects,
} from '@tutti/core/resource'
import { formatPrincipal, type PolicyEngine } from '../governance/index.ts'
import { type RecordDraft, sha256, type Write } from '../store/index.ts'
import type { AssignmentRow } from './assignments.ts'
import { samplesFor, whenBothReported } from './gate-samples.ts'
import { deploymentKey } from './gathered-telemetry.ts'
import { judgeStep, type RolloutStep, rolloutAutomation, type StepVerdict } from './judge-step.ts'
import type { Registry } from './registry.ts'
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

// Deployments that are looked at side by side: what they commit goes into few transactions, and nodes are
// then sent few frames. More only hold more memory.
const lanes = 128

/** One turn for all deployments. */
export async function reconcileRollouts(ports: RolloutPorts): Promise<void> {
  const deployments = await ports.store.all('Deployment')
  const found = await ports.store.loadAll(deployments.map((one) => rolloutKey(newestOf(one))))
  const rollouts = new Map(found.map((one) => [formatKey(keyOf(one)), one]))
  const failures: unknown[] = []
  const waiting = deployments[Symbol.iterator]() // the lanes share it
  const lane = async () => {
    for (const deployment of waiting) {
      const rollout = rollouts.get(formatKey(rolloutKey(newestOf(deployment)))) ?? null
      // One that cannot be reconciled holds no other up; the loop tells of it and tries again.
      await reconcileDeployment(ports, deployment, rollout).catch((error: unknown) =>
        failures.push(error),
      )
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, deployments.length) }, lane))
  await removeDeleted(ports, deployments)
  const keys = deployments.map(({ metadata: { project, name: deployment } }) => {
    return deploymentKey({ project, deployment })
  })
  ports.registry.keepTelemetry(new Set(keys))
  if (failures.length > 0) throw failures[0]
}

/** The rollout of a deployment as it is declared now. */
function newestOf({ metadata }: Resource): RolloutOf {
  const { project, name, generation } = metadata
  return { project, deployment: name, generation }
}

async function reconcileDeployment(
  ports: RolloutPorts,
  deployment: Resource,
  rollout: Resource | null,
): Promise<void> {
  const { project, name } = deployment.metadata
  if (rollout !== null) return await advance(ports, { deployment, rollout })
  const before = await ports.store.assignment(project, name)
  if (await begin(ports, deployment, before)) return
  // The new generation has to wait: the one that is out stays where it is, under its gate.
  const running = before === null ? null : await loadRollout(ports.store, before)
  if (running !== null) await advance(ports, { deployment, rollout: running, isHeld: true })
}

/**
 * A generation without a rollout gets one; the rollout of the generation before is superseded.
 * False where the policies do not permit it.
 */
async function begin(
  ports: RolloutPorts,
  deployment: Resource,
  before: AssignmentRow | null,
): Promise<boolean> {
  const { project, name, generation, uid } = deployment.metadata
  const spec = deploymentSpec.parse(deployment.spec)
  const nodes = nodesOf(ports, spec.selector)
  const model = await ports.store.load({ kind: 'Model', project, name: spec.model })
  if (model === null) return false // deleted since: the deployment's own reference check says so
  const key = rolloutKey({ project, deployment: name, generation })
  const verdict = await mayTake(ports, deployment, { action: 'create', key })
  if (!verdict.ok) return false
  const back = before === null ? noBaseline : await baselineAfter(ports.store, before)
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
    ...back,
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
  const { labels } = deployment.metadata
  const write = { key, baseGeneration: 0, labels, annotations: {}, spec: resource }
  await issue(ports, { action: 'create', write, status, policies: verdict.policies })
  return true
}

interface RolloutOf {
  readonly project: string
  readonly deployment: string
  readonly generation: number
}

function rolloutKey({ project, deployment, generation }: RolloutOf): ResourceKey {
  return { kind: 'Rollout', project, name: `${deployment}-g${generation}` }
}

async function loadRollout(store: RolloutStore, of: RolloutOf): Promise<Resource | null> {
  return await store.load(rolloutKey(of))
}

function nodesOf({ registry }: RolloutPorts, selector: Selector): NodeView[] {
  return registry.views().filter((node) => selects(selector, node.labels))
}

/** Asks the policies; what they forbid stands in the Deployment's status until they permit it. */
async function mayTake(
  ports: RolloutPorts,
  deployment: Resource,
  step: Pick<RolloutStep, 'action' | 'key'>,
): Promise<StepVerdict> {
  const { project, name, labels, generation } = deployment.metadata
  const { environment } = deploymentSpec.parse(deployment.spec)
  const verdict = judgeStep(await ports.policies(), { ...step, labels, environment })
  const status = verdict.ok ? {} : { denied: { action: step.action, denials: verdict.denials } }
  if (canonicalJson(status) === canonicalJson(deployment.status)) return verdict
  const key = { kind: 'Deployment', project, name }
  ports.log.info({ deployment: formatKey(key), ...status }, verdict.ok ? 'permitted' : 'denied')
  await ports.store.saveStatus(key, { generation, status, nowMs: ports.nowMs() })
  return verdict
}

type Baseline = Pick<Assignment, 'baseline' | 'baselineReach'>
const noBaseline: Baseline = { baseline: null }

/**
 * The release that this deployment last proved on its fleet. Where it never proved any, one that
 * its canaries have proven stays where it is (A5): to take that away too would leave nothing.
 */
async function baselineAfter(store: RolloutStore, before: AssignmentRow): Promise<Baseline> {
  const held = assignmentSchema.parse(JSON.parse(before.payload))
  if (held.mode === 'remove') return noBaseline
  const rollout = await loadRollout(store, before)
  const phase = rollout === null ? null : statusOf(rollout).state.phase
  if (phase === 'done') return { baseline: held.target }
  const { uid, generation, selector, cohort, target, baseline, baselineReach } = held
  if (baseline === null && phase === 'wave') {
    return { baseline: target, baselineReach: { uid, generation, selector, cohort } }
  }
  return baselineReach === undefined ? { baseline } : { baseline, baselineReach }
}

async function supersede(ports: RolloutPorts, before: AssignmentRow, by: number): Promise<void> {
  const key = rolloutKey(before)
  const rollout = await ports.store.load(key)
  if (rollout === null) return
  const status = statusOf(rollout)
  const { phase } = status.state
  if (phase === 'done' || phase === 'reverted' || phase === 'superseded') return
  const state: RolloutState = { phase: 'superseded', byGeneration: by }
  await record(ports, rollout, { ...status, state }) // I1: what it may fall back on changes with it
}

interface Deploying {
  readonly deployment: Resource
  readonly rollout: Resource
  /** A newer generation waits for permission: this one goes no further, but may go back. */
  readonly isHeld?: boolean
}

async function advance(
  ports: RolloutPorts,
  { deployment, rollout, isHeld = false }: Deploying,
): Promise<void> {
  const spec = rolloutResourceSpec.parse(rollout.spec)
  const held = statusOf(rollout)
  const { phase } = held.state
  if (phase === 'done' || phase === 'reverted' || phase === 'superseded') return
  const key = deploymentKey(held.assignment)
  const nowMs = ports.nowMs()
  const ready = whenBothReported(held.assignment, { nowMs, heartbeatMs: ports.heartbeatMs })
  const samples = samplesFor(ports.registry.takeTelemetry(key, ready), held.assignment, nowMs)
  const gate = updateGate(spec.strategy.gate, held.gate, samples)
  const answered = samples.reduce((sum, { canary }) => sum + canary.requests, 0)
  const targetRequests = held.targetRequests + answered
  const view: RolloutView = {
    nodes: nodesOf(ports, held.assignment.selector),
    gate: gateVerdict(gate),
    targetRequests,
    paused: spec.paused || isHeld,
  }
  const at = { assignment: held.assignment, view, nowMs: ports.nowMs() }
  const plan = planRollout(spec, held.state, at)
  const findings = checkPlan(spec, held.state, plan, at)
  if (findings.length > 0) {
    ports.log.error({ rollout: rollout.metadata.name, findings }, 'a plan was refused by its check')
    return
  }
  const seen = { ...held, gate, targetRequests }
  await savePlan(ports, { deployment, rollout }, { held: seen, plan })
}

async function savePlan(
  ports: RolloutPorts,
  { deployment, rollout }: Deploying,
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
  const action = plan.change.mode === 'advance' ? 'advance' : 'revert'
  const verdict = await mayTake(ports, deployment, { action, key })
  if (!verdict.ok) {
    await ports.store.saveStatus(key, { generation, status: held, nowMs: ports.nowMs() })
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
  await issue(ports, { action, write: writeOf(rollout), status, policies: verdict.policies })
}

function keyOf({ kind, metadata }: Pick<Resource, 'kind' | 'metadata'>): ResourceKey {
  return { kind, project: metadata.project, name: metadata.name }
}

function writeOf({ kind, metadata, spec }: Resource): Omit<Write, 'status'> {
  const { generation, labels, annotations } = metadata
  const key = keyOf({ kind, metadata })
  return { key, baseGeneration: generation, labels, annotations, spec }
}

/** Commits a rollout's step with its new assignment; a stale loop loses against the generation. */
async function issue(
  ports: RolloutPorts,
  step: {
    readonly action: RolloutStep['action']
    readonly write: Omit<Write, 'status'>
    readonly status: RolloutStatus
    /** Policies that permitted it. */
    readonly policies: readonly string[]
  },
): Promise<void> {
  const { assignment } = step.status
  const payload = canonicalJson(assignmentSchema.parse(assignment))
  const { write, status } = step
  const { deployment, generation, revision } = assignment
  const which = `${deployment} generation ${generation} revision ${revision}`
  const summary = `${which}: ${describe(status.state)}`
  await ports.store.commit(
    { ...write, status },
    await draft(ports, {
      ...{ action: step.action, digest: sha256(payload), summary },
      policies: [...step.policies],
    }),
    { project: assignment.project, deployment, generation, revision, payload },
  )
}

async function record(
  ports: RolloutPorts,
  rollout: Resource,
  status: RolloutStatus,
): Promise<void> {
  const summary = `${rollout.metadata.name}: ${describe(status.state)}`
  const digest = sha256(canonicalJson(status.state))
  await ports.store.commit(
    { ...writeOf(rollout), status },
    await draft(ports, { action: 'advance', digest, summary, policies: [] }),
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
    const rollout = await loadRollout(ports.store, row)
    if (rollout === null) continue
    const state: RolloutState = { phase: 'superseded', byGeneration: row.generation + 1 }
    const status = { ...statusOf(rollout), state, assignment }
    // The policies were asked whether it may be deleted: this carries that out.
    await issue(ports, { action: 'revert', write: writeOf(rollout), status, policies: [] })
  }
}

async function draft(
  ports: RolloutPorts,
  at: Pick<RecordDraft, 'action' | 'digest' | 'summary' | 'policies'>,
): Promise<RecordDraft> {
  const policySet = (await ports.policies()).digest
  const principal = formatPrincipal(rolloutAutomation)
  const base = { atMs: ports.nowMs(), principal, approvals: [] }
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
