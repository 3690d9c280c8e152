// Lost in trial
//
// A node that was cut off while it tried the target of its rollout. The release may have ended its process,
// or its power went: nobody knows before it is back and says so, or it has happened to others of its stratum,
// too. This file decides for how long it is waited for, and when its absence speaks against the release.

import { type Assignment, releaseFor } from './assignment.ts'
import { convergenceOf, type NodeView, reportOf } from './node.ts'
import { isOnTrial } from './trial.ts'

/**
 * A supervisor that doubles its pauses from ten seconds on starts a process again within this time
 * as often as `trial.ts` needs to tell a release that ends it from a power cut.
 */
export const backWithinMs = 120_000

/** True while it may still come back and say what happened: nobody takes its place so long. */
export function isAwaited(node: NodeView, assignment: Assignment, nowMs: number): boolean {
  // Either way: a clock that was set back must not make it waited for as long as that leapt.
  return isLost(node, assignment) && Math.abs(nowMs - node.seenMs) < backWithinMs
}

/**
 * The nodes of one stratum that did not come back from their trial, where they are at least two and
 * more than those of the stratum that came through it; null where there are no such.
 */
export function lostInTrial(
  nodes: readonly NodeView[],
  assignment: Assignment,
  nowMs: number,
): readonly NodeView[] | null {
  const lost = nodes.filter(
    (node) => isLost(node, assignment) && !isAwaited(node, assignment, nowMs),
  )
  for (const stratum of new Set(lost.map((node) => node.stratum))) {
    const gone = lost.filter((node) => node.stratum === stratum)
    const through = nodes.filter(
      (node) => node.stratum === stratum && hasComeThrough(node, assignment),
    )
    if (gone.length >= 2 && gone.length > through.length) return gone
  }
  return null
}

function isLost(node: NodeView, assignment: Assignment): boolean {
  if (node.connected || node.cordoned) return false
  const state = reportOf(node, assignment)?.state
  return state !== undefined && isOnTrial(state, { release: assignment.target.digest })
}

function hasComeThrough(node: NodeView, assignment: Assignment): boolean {
  if (releaseFor(node, assignment)?.digest !== assignment.target.digest) return false
  return convergenceOf(node, assignment).fact === 'converged'
}
