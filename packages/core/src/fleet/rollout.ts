// Rollout
//
// A rollout takes one generation of a deployment to its nodes: first the canaries of every stratum, then
// waves by hash, then everybody; and takes the whole fleet back as soon as a finding says so. This file
// decides; `control-plane/fleet` acts. The gate (`gate.ts`) judges the live signals.
//
// Invariants:
//   R1. A wave starts only after every reachable node of the cohort before has run the target, without a
//       finding, for `soakMs`.
//   R2. Once a rollout reverts it never advances again.
//   R3. A node that cannot be reached neither holds a wave up nor counts as healthy.
//   R4. A rollout never advances on silence: at least one reachable node must have proven the target. Where
//       nobody is reachable it waits for the first who is; where it selects no node it has nothing to wait for.
//   R5. One node whose install failed by the model's fault reverts the rollout.
//   R6. Cohorts only grow, by at most `maxUnavailable` of the nodes at a time.
//   R7. A node that is cut off while it tries the target is waited for, for a bounded time, before others try
//       it; where most of those of a stratum do not come back, the rollout reverts (`lost-in-trial.ts`).

import { assert } from '../assert.ts'
import { type Assignment, isInCohort, releaseFor } from './assignment.ts'
import type { Strategy } from './deployment.ts'
import type { GateVerdict } from './gate.ts'
import { isModelFault } from './install-state.ts'
import { isAwaited, lostInTrial } from './lost-in-trial.ts'
import { convergenceOf, type NodeView, reportOf } from './node.ts'
import { pickCanaries } from './pick-canaries.ts'

/** Why a rollout went back. */
export type RolloutCause =
  | { readonly kind: 'gate'; readonly metric: string; readonly message: string }
  | { readonly kind: 'node'; readonly node: string; readonly message: string }
  | { readonly kind: 'person'; readonly message: string }

export type RolloutState =
  | { readonly phase: 'canary'; readonly healthySinceMs: number | null }
  | { readonly phase: 'wave'; readonly wave: number; readonly healthySinceMs: number | null }
  | { readonly phase: 'done'; readonly atMs: number }
  | { readonly phase: 'reverting'; readonly cause: RolloutCause }
  | { readonly phase: 'reverted'; readonly cause: RolloutCause; readonly atMs: number }
  | { readonly phase: 'superseded'; readonly byGeneration: number }

export interface RolloutView {
  /** The nodes that the deployment selects. */
  readonly nodes: readonly NodeView[]
  readonly gate: GateVerdict
  /** Requests that the target's nodes have answered since the rollout began. */
  readonly targetRequests: number
  readonly paused: boolean
}

export interface RolloutSpec {
  readonly strategy: Strategy
  /** Shares of the waves, ascending, the last one 1; fixed when the rollout starts. */
  readonly waves: readonly number[]
}

export interface RolloutPlan {
  readonly state: RolloutState
  /** What the next revision of the assignment says, or null where nothing changes. */
  readonly change: Pick<Assignment, 'mode' | 'cohort'> | null
}

export interface RolloutStart {
  readonly state: RolloutState
  readonly waves: readonly number[]
  readonly cohort: Assignment['cohort']
}

/** The first cohort of a new generation and the waves that follow it. */
export function startRollout(
  strategy: Strategy,
  nodes: readonly NodeView[],
  salt: { readonly uid: string; readonly generation: number },
): RolloutStart {
  const canaries = pickCanaries(nodes, strategy.canary.perStratum, salt)
  return {
    state: { phase: 'canary', healthySinceMs: null },
    waves: wavesOf(strategy, nodes.length === 0 ? 1 : canaries.length / nodes.length),
    cohort: { canaries, share: 0 },
  }
}

/**
 * Shares of the waves after the canaries: ×4 each, never more than the disruption budget at once
 * (R6).
 */
export function wavesOf(strategy: Strategy, canaryShare: number): number[] {
  const aims = [...(strategy.waves ?? [])].sort((a, b) => a - b)
  const waves: number[] = []
  let share = 0
  while (share < 1) {
    const reached = Math.max(share, canaryShare)
    const aim = strategy.waves ? (aims.find((a) => a > share) ?? 1) : Math.max(0.01, reached * 4)
    share = Math.min(1, aim, share + strategy.maxUnavailable)
    if (share > 0.999) share = 1
    waves.push(share)
  }
  return waves
}

/** The next state and the change of the assignment that leads to it. Same inputs, same plan. */
export function planRollout(
  spec: RolloutSpec,
  state: RolloutState,
  at: { readonly assignment: Assignment; readonly view: RolloutView; readonly nowMs: number },
): RolloutPlan {
  switch (state.phase) {
    case 'canary':
    case 'wave':
      return planAdvance(spec, state, at)
    case 'reverting':
      return planRevert(state, at)
    case 'done':
    case 'reverted':
    case 'superseded':
      return { state, change: null }
  }
}

type Advancing = Extract<RolloutState, { phase: 'canary' | 'wave' }>
type At = Parameters<typeof planRollout>[2]

function planAdvance(spec: RolloutSpec, state: Advancing, at: At): RolloutPlan {
  const { assignment, view, nowMs } = at
  const cause = causeToRevert(at)
  if (cause !== null) {
    const change = { mode: 'revert' as const, cohort: assignment.cohort }
    return { state: { phase: 'reverting', cause }, change }
  }
  if (view.paused) return { state: { ...state, healthySinceMs: null }, change: null }

  const canaries = topUpCanaries(spec.strategy, state, at)
  if (canaries.length > assignment.cohort.canaries.length) {
    const cohort = { ...assignment.cohort, canaries }
    return { state: { ...state, healthySinceMs: null }, change: { mode: 'advance', cohort } }
  }
  if (!isCohortProven(at)) {
    return { state: { ...state, healthySinceMs: null }, change: null }
  }
  // A clock that was set back must not hold a rollout for as long as it leapt.
  const healthySinceMs = Math.min(state.healthySinceMs ?? nowMs, nowMs)
  const hasSoaked = nowMs - healthySinceMs >= spec.strategy.soakMs // R1
  if (!hasSoaked || !hasEvidence(spec, state, view)) {
    return { state: { ...state, healthySinceMs }, change: null }
  }
  return planNextWave(spec, state, at)
}

function planNextWave(spec: RolloutSpec, state: Advancing, at: At): RolloutPlan {
  const wave = state.phase === 'canary' ? 0 : state.wave + 1
  const share = spec.waves[wave]
  if (share === undefined) {
    assert(at.assignment.cohort.share === 1, 'the last wave takes every node')
    return { state: { phase: 'done', atMs: at.nowMs }, change: null }
  }
  return {
    state: { phase: 'wave', wave, healthySinceMs: null },
    change: { mode: 'advance', cohort: { ...at.assignment.cohort, share } },
  }
}

function planRevert(state: RolloutState & { phase: 'reverting' }, at: At): RolloutPlan {
  const isBack = at.view.nodes
    .filter((node) => node.connected)
    .every((node) => isSettled(node, at.assignment))
  if (!isBack) return { state, change: null }
  return { state: { phase: 'reverted', cause: state.cause, atMs: at.nowMs }, change: null }
}

function causeToRevert({ view, assignment, nowMs }: At): RolloutCause | null {
  for (const node of view.nodes) {
    const state = reportOf(node, assignment)?.state
    const isAboutTarget = state?.phase === 'failed' && state.release === assignment.target.digest
    if (isAboutTarget && isModelFault(state.reason)) {
      return { kind: 'node', node: node.id, message: `${state.reason}: ${state.message}` } // R5
    }
  }
  const [lost, ...others] = lostInTrial(view.nodes, assignment, nowMs) ?? []
  if (lost !== undefined) {
    const message = `lost while it tried this release, as were ${others.length} more`
    return { kind: 'node', node: lost.id, message } // R7
  }
  if (view.gate.verdict !== 'breach') return null
  return { kind: 'gate', metric: view.gate.metric, message: view.gate.message }
}

/**
 * Canaries may be cut off or cordoned: while they go first, every stratum keeps as many reachable
 * ones as it has and the strategy asks. Later new ones are taken only where nobody of the whole
 * cohort can be reached: else R4 would let nodes that are away hold the rollout up (R3).
 */
function topUpCanaries(strategy: Strategy, state: Advancing, at: At): string[] {
  const { assignment, view, nowMs } = at
  const { canaries } = assignment.cohort
  const reachable = view.nodes.filter(
    (node) => !node.cordoned && (node.connected || isAwaited(node, assignment, nowMs)), // R7
  )
  const isSomebodyThere = reachable.some((node) => isInCohort(node.id, assignment))
  if (state.phase === 'wave' && isSomebodyThere) return canaries
  const held = new Set(canaries)
  if (!isStratumShort(reachable, held, strategy.canary.perStratum)) return canaries
  const stratumOf = new Map(reachable.map((node) => [node.id, node.stratum]))
  const added = pickCanaries(reachable, strategy.canary.perStratum, assignment).filter((id) => {
    if (held.has(id)) return false
    const peers = reachable.filter((n) => held.has(n.id) && n.stratum === stratumOf.get(id))
    if (peers.length >= strategy.canary.perStratum) return false
    held.add(id)
    return true
  })
  return [...canaries, ...added].sort() // R6
}

/** Has a stratum fewer reachable canaries than it could have? Asked often, mostly answered no. */
function isStratumShort(
  reachable: readonly NodeView[],
  held: ReadonlySet<string>,
  perStratum: number,
): boolean {
  const strata = new Map<string, { nodes: number; canaries: number }>()
  for (const { id, stratum } of reachable) {
    const counts = strata.get(stratum) ?? { nodes: 0, canaries: 0 }
    counts.nodes += 1
    if (held.has(id)) counts.canaries += 1
    strata.set(stratum, counts)
  }
  return [...strata.values()].some(({ nodes, canaries }) => canaries < Math.min(nodes, perStratum))
}

function isCohortProven({ view, assignment, nowMs }: At): boolean {
  let isProven = view.nodes.length === 0
  for (const node of view.nodes) {
    if (isAwaited(node, assignment, nowMs)) return false // R7
    if (!node.connected || node.cordoned) continue // R3
    if (!inCohort(node, assignment)) continue
    const { fact } = convergenceOf(node, assignment)
    if (fact === 'converged') isProven = true
    else if (fact !== 'cannot') return false
  }
  return isProven // R4
}

function inCohort(node: NodeView, assignment: Assignment): boolean {
  return releaseFor(node, assignment) !== null && isInCohort(node.id, assignment)
}

/**
 * Nothing more will happen on this node by itself: it is where it should be, or it cannot get
 * there.
 */
function isSettled(node: NodeView, assignment: Assignment): boolean {
  const { fact } = convergenceOf(node, assignment)
  return fact === 'converged' || fact === 'cannot'
}

function hasEvidence(spec: RolloutSpec, state: Advancing, view: RolloutView): boolean {
  return state.phase !== 'canary' || view.targetRequests >= spec.strategy.gate.requestsMin
}
