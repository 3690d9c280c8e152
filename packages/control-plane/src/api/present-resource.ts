// Present resource
//
// A resource as callers see it: secrets hidden, and the live sight of nodes, deployments, budgets and approvals in
// `status`.

import {
  type Assignment,
  allReports,
  assignment as assignmentSchema,
  convergenceOf,
  deploymentSpec,
  rolloutResourceSpec,
} from '@tutti/core/fleet'
import { type ApprovalStatus, approvalSpec, approvalStatus, redacted } from '@tutti/core/governance'
import { type Resource, selects } from '@tutti/core/resource'
import { loadAssignment, statusOf } from '../fleet/index.ts'
import { budgetStatus } from '../routing/index.ts'
import { loadResource } from '../store/index.ts'
import type { ApiPorts } from './ports.ts'

type PresentPorts = Pick<ApiPorts, 'sql' | 'registry' | 'policies' | 'nowMs'>

export async function presentResource(ports: PresentPorts, resource: Resource): Promise<Resource> {
  switch (resource.kind) {
    case 'Secret':
      return { ...resource, spec: { value: redacted } }
    case 'Budget':
      return { ...resource, status: await budgetStatus(ports.sql, resource, ports.nowMs()) }
    case 'Node':
      return { ...resource, status: nodeStatus(ports, resource) }
    case 'Deployment':
      return { ...resource, status: await deploymentStatus(ports, resource) }
    case 'Rollout':
      return { ...resource, status: rolloutStatus(resource) }
    case 'Approval':
      return { ...resource, status: await approvalStanding(ports, resource) }
    default:
      return resource
  }
}

/** What nobody can sign any more is not shown as if somebody could, though nobody has tried. */
async function approvalStanding(
  ports: PresentPorts,
  { spec, status }: Resource,
): Promise<ApprovalStatus & { readonly reason?: string }> {
  const held = approvalStatus.parse(status)
  if (held.phase !== 'pending') return held
  const { change, policySet } = approvalSpec.parse(spec)
  const { kind, project, name, baseGeneration } = change
  const target = await loadResource(ports.sql, { kind, project, name })
  if ((target?.metadata.generation ?? 0) !== baseGeneration) {
    return { phase: 'void', reason: 'the resource has changed since it was asked for' }
  }
  const { digest } = await ports.policies()
  // Where they become what they were it counts again.
  const reason = 'the policies have changed since it was asked for'
  return digest === policySet ? held : { ...held, reason }
}

function nodeStatus({ registry }: PresentPorts, resource: Resource): unknown {
  const entry = registry.get(resource.metadata.name)
  const kept = resource.status
  if (entry === undefined) return { connected: false, facts: kept }
  const { connected, facts, load, seenMs } = entry
  return { connected, seenMs, load, facts: facts ?? kept, reports: allReports(entry) }
}

async function deploymentStatus(ports: PresentPorts, resource: Resource): Promise<unknown> {
  const { project, name, generation } = resource.metadata
  const row = await loadAssignment(ports.sql, project, name)
  const key = { kind: 'Rollout', project, name: `${name}-g${generation}` }
  const rollout = await loadResource(ports.sql, key)
  const state = rollout === null ? { phase: 'pending' } : statusOf(rollout).state
  const isPaused = rollout !== null && rolloutResourceSpec.parse(rollout.spec).paused
  // `denied`: the step that automation would take and the policies that forbid it.
  const base = {
    ...(resource.status as object),
    rollout: key.name,
    state,
    ...(isPaused && { paused: true }),
  }
  if (row === null) return { ...base, nodes: counts([]) }
  const assignment = assignmentSchema.parse(JSON.parse(row.payload))
  return {
    ...base,
    baseline: baselineOf(assignment),
    ...convergenceCounts(ports, resource, assignment),
  }
}

/** The model that is gone back to; null where there is none. */
function baselineOf({ baseline }: Assignment): string | null {
  return baseline === null ? null : `${baseline.model}:${baseline.version}`
}

/** The four facts of invariant I9, told apart, and why nodes cannot. */
function convergenceCounts(
  { registry }: PresentPorts,
  resource: Resource,
  assignment: Assignment,
): { readonly nodes: Counts; readonly cannot: readonly { node: string; reason: string }[] } {
  const { selector } = deploymentSpec.parse(resource.spec)
  const seen = registry
    .views()
    .filter((node) => selects(selector, node.labels))
    .map((node) => ({ node: node.id, convergence: convergenceOf(node, assignment) }))
  const cannot = seen.flatMap(({ node, convergence }) =>
    convergence.fact === 'cannot' ? [{ node, reason: convergence.reason }] : [],
  )
  return { nodes: counts(seen.map(({ convergence }) => convergence.fact)), cannot }
}

interface Counts {
  readonly converged: number
  readonly converging: number
  readonly cannot: number
  readonly unreachable: number
}

function counts(facts: readonly (keyof Counts)[]): Counts {
  const count = (fact: keyof Counts) => facts.filter((one) => one === fact).length
  return {
    converged: count('converged'),
    converging: count('converging'),
    cannot: count('cannot'),
    unreachable: count('unreachable'),
  }
}

/** Without the gate's sketches, which only the gate can read. */
function rolloutStatus(resource: Resource): unknown {
  const { state, assignment, gate, targetRequests } = statusOf(resource)
  const metrics = Object.fromEntries(
    Object.entries(gate.metrics).map(([metric, { canary, control }]) => [
      metric,
      { canary, control },
    ]),
  )
  const baseline = baselineOf(assignment)
  return { state, baseline, assignment, targetRequests, gate: { breach: gate.breach, metrics } }
}
