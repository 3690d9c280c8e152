// Check plan
//
// Findings about a rollout's step, by somebody who knows nothing of how steps are planned. The actor runs
// it on every plan and refuses one with findings: a bug in the planner then stops a rollout, not a fleet.

import type { Finding } from '../resource/index.ts'
import { type Assignment, isInCohort, releaseFor } from './assignment.ts'
import { isAwaited } from './lost-in-trial.ts'
import { convergenceOf, reportOf } from './node.ts'
import type { RolloutPlan, RolloutSpec, RolloutState, RolloutView } from './rollout.ts'

const ended = new Set<RolloutState['phase']>(['done', 'reverted', 'superseded'])

interface CheckedAt {
  readonly assignment: Assignment
  readonly view: RolloutView
  readonly nowMs: number
}

/** What is wrong with going from `state` to `plan`; empty where nothing is. */
export function checkPlan(
  spec: RolloutSpec,
  state: RolloutState,
  plan: RolloutPlan,
  at: CheckedAt,
): Finding[] {
  const findings: Finding[] = []
  const find = (holds: boolean, path: string, message: string) => {
    if (!holds) findings.push({ path, message })
  }
  const before = at.assignment
  const { change } = plan

  find(!ended.has(state.phase) || change === null, 'phase', 'an ended rollout changes nothing')
  if (state.phase === 'reverting') {
    const stays = plan.state.phase === 'reverting' || plan.state.phase === 'reverted'
    find(stays && change?.mode !== 'advance', 'phase', 'a reverting rollout advances')
  }
  if (change?.mode === 'advance') {
    const kept = before.cohort.canaries.every((id) => change.cohort.canaries.includes(id))
    find(kept && change.cohort.share >= before.cohort.share, 'cohort', 'a cohort shrinks')
    const step = change.cohort.share - before.cohort.share
    find(
      step <= spec.strategy.maxUnavailable + 1e-3,
      'cohort.share',
      `a wave of ${step} is too big`,
    )
    find(at.view.gate.verdict === 'pass', 'gate', 'a rollout advances over a breached gate')
    find(!at.view.paused, 'paused', 'a paused rollout advances')
    if (change.cohort.share > before.cohort.share) findings.push(...unproven(at))
  }
  if (plan.state.phase === 'done' && state.phase !== 'done') {
    find(before.cohort.share === 1, 'cohort.share', 'done before every node was asked')
    findings.push(...unproven(at))
  }
  return findings
}

function unproven(at: CheckedAt): Finding[] {
  const { digest } = at.assignment.target
  const isSilent = !at.view.nodes.some((node) => {
    const state = reportOf(node, at.assignment)?.state
    return node.connected && state?.phase === 'committed' && state.release === digest
  })
  if (isSilent && at.view.nodes.length > 0) {
    return [{ path: 'nodes', message: 'a wave starts though no node has proven the release' }]
  }
  return at.view.nodes.flatMap((node) => {
    if (isAwaited(node, at.assignment, at.nowMs)) {
      return [
        { path: `nodes.${node.id}`, message: 'a wave starts while this node is lost in trial' },
      ]
    }
    const { fact } = convergenceOf(node, at.assignment)
    if (node.cordoned || fact !== 'converging' || !isInCohort(node.id, at.assignment)) return []
    if (releaseFor(node, at.assignment)?.digest !== digest) return []
    return [{ path: `nodes.${node.id}`, message: 'a wave starts while this node is converging' }]
  })
}
