// Node
//
// A machine that runs models. `spec` says who it is; the node's own report says what it has and does.
// This file also tells the four facts of invariant I9 apart: converged, converging, cannot, unreachable.

import { z } from 'zod'
import { didKey, labels } from '../resource/index.ts'
import { type Assignment, type Release, releaseFor } from './assignment.ts'
import { type InstallState, installState } from './install-state.ts'

export const nodeSpec = z.strictObject({
  /** The node's Ed25519 identity, fixed when it joined. */
  publicKey: didKey,
  labels: labels.default({}),
  /** A cordoned node keeps what it has; it takes no new release and no traffic from the gateway. */
  cordoned: z.boolean().default(false),
})
export type NodeSpec = z.infer<typeof nodeSpec>

/** What a node has, measured by itself. */
export const nodeFacts = z.strictObject({
  version: z.string().max(64),
  os: z.string().max(64),
  arch: z.string().max(32),
  cpus: z.int().min(1),
  memoryBytes: z.int().min(0),
  diskFreeBytes: z.int().min(0),
  formats: z.array(z.enum(['onnx', 'gguf', 'safetensors'])).max(3),
  /** What runs the models, e.g. `onnxruntime-node 1.30.0`. */
  runtime: z.string().max(128),
  /**
   * Where the node's inference endpoint listens, e.g. `http://10.0.0.7:8081`; absent: not
   * dialable.
   */
  endpoint: z.url().max(256).optional(),
})
export type NodeFacts = z.infer<typeof nodeFacts>

/** What a node says of one deployment. */
export const deploymentReport = z.strictObject({
  deployment: z.string(),
  project: z.string(),
  generation: z.int().min(0),
  revision: z.int().min(0),
  state: installState,
})
export type DeploymentReport = z.infer<typeof deploymentReport>

/** One node as the control plane sees it now. */
export interface NodeView {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly cordoned: boolean
  readonly connected: boolean
  /** When it was heard of last; 0 where the control plane has not heard of it since it started. */
  readonly seenMs: number
  readonly stratum: string
  readonly reports: NodeReports
}

/**
 * What a node reports, by project and then by deployment: thousands of nodes are looked through
 * for each of hundreds of deployments, so that no name is put together for a look.
 */
export type NodeReports = ReadonlyMap<string, ReadonlyMap<string, DeploymentReport>>

export type Convergence =
  | { readonly fact: 'converged' }
  | { readonly fact: 'converging'; readonly doing: InstallState['phase'] | 'waiting' }
  | { readonly fact: 'cannot'; readonly reason: string }
  | { readonly fact: 'unreachable' }

/**
 * Runtime × hardware × region: nodes that may fail alike. A `hardware` label overrides the guess.
 */
export function stratumOf(nodeLabels: Readonly<Record<string, string>>, facts: NodeFacts): string {
  const hardware = nodeLabels['hardware'] ?? `${facts.arch}-${memoryClass(facts.memoryBytes)}`
  const runtime = facts.runtime.split(' ')[0] ?? 'none'
  return `${runtime}|${hardware}|${nodeLabels['region'] ?? 'none'}`
}

/** Is the node where the assignment wants it? The release wanted comes from `releaseFor`. */
export function convergenceOf(node: NodeView, assignment: Assignment): Convergence {
  if (!node.connected) return { fact: 'unreachable' }
  const wanted = releaseFor(node, assignment)
  const report = reportOf(node, assignment)
  const state = report?.state ?? null
  const refusal = report === undefined ? null : whyRefused(report, assignment)
  if (refusal !== null) return { fact: 'cannot', reason: refusal }
  if (wanted === null) return convergenceOfNothing(state)
  if (state?.phase === 'committed' && state.release === wanted.digest) return { fact: 'converged' }
  if (node.cordoned) return { fact: 'cannot', reason: 'cordoned: it takes no new release' }
  if (state === null) return { fact: 'converging', doing: 'waiting' }
  if (state.phase === 'failed' && state.release === wanted.digest) {
    return { fact: 'cannot', reason: state.message }
  }
  return { fact: 'converging', doing: state.phase }
}

/** Of a node that could not take this very assignment in. */
function whyRefused(report: DeploymentReport, assignment: Assignment): string | null {
  const { generation, revision, state } = report
  const isIt = generation === assignment.generation && revision === assignment.revision
  const isRefused = state.phase === 'failed' && state.reason === 'assignment-invalid'
  return isIt && isRefused ? state.message : null
}

function convergenceOfNothing(state: InstallState | null): Convergence {
  if (state === null || state.phase === 'idle') return { fact: 'converged' }
  return { fact: 'converging', doing: state.phase }
}

/** What the node last said of this assignment's deployment. */
export function reportOf(
  node: Pick<NodeView, 'reports'>,
  of: Pick<Assignment, 'deployment' | 'project'>,
): DeploymentReport | undefined {
  return node.reports.get(of.project)?.get(of.deployment)
}

/** Everything that a node last said. */
export function allReports({ reports }: Pick<NodeView, 'reports'>): DeploymentReport[] {
  return [...reports.values()].flatMap((ones) => [...ones.values()])
}

/** Reports as a view keeps them: of two about one deployment the later one. */
export function reportsOf(reports: readonly DeploymentReport[]): NodeReports {
  const byProject = new Map<string, Map<string, DeploymentReport>>()
  for (const report of reports) {
    const held = byProject.get(report.project)
    if (held === undefined) byProject.set(report.project, new Map([[report.deployment, report]]))
    else held.set(report.deployment, report)
  }
  return byProject
}

/** True where the node serves this very release and says so. */
export function runsRelease(node: NodeView, assignment: Assignment, release: Release): boolean {
  return reportOf(node, assignment)?.state.serving === release.digest
}

function memoryClass(bytes: number): string {
  const gibibytes = bytes / 2 ** 30
  if (gibibytes < 1) return 'tiny'
  if (gibibytes < 8) return 'small'
  return gibibytes < 64 ? 'medium' : 'large'
}
