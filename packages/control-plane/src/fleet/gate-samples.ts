// Gate samples
//
// Sorts telemetry into the gate's two arms: the target's release is the canary, the baseline's the control.

import type { ArmSample, Assignment, StratumSample } from '@tutti/core/fleet'
import type { ReadyRule, StratumArms } from './gathered-telemetry.ts'

const nothing: ArmSample = { requests: 0, errors: 0, correct: 0, incorrect: 0, latency: [] }

/** One sample for every stratum in which either arm answered. */
export function samplesFor(
  taken: StratumArms,
  assignment: Pick<Assignment, 'target' | 'baseline'>,
  nowMs: number,
): StratumSample[] {
  return [...taken].map(([stratum, arms]) => ({
    stratum,
    atMs: nowMs,
    canary: arms.get(assignment.target.digest) ?? nothing,
    control:
      assignment.baseline === null ? nothing : (arms.get(assignment.baseline.digest) ?? nothing),
  }))
}

/**
 * A stratum is ready when both arms have reported, or when the other arm has had time to and has
 * nothing to
 * say. The rule looks at who reported, never at how many failed: it does not bias the gate.
 */
export function whenBothReported(
  assignment: Pick<Assignment, 'target' | 'baseline'>,
  at: { readonly nowMs: number; readonly heartbeatMs: number },
): ReadyRule {
  const arms = [assignment.target.digest, assignment.baseline?.digest ?? assignment.target.digest]
  return (gathered, sinceMs) =>
    arms.every((arm) => gathered.has(arm)) || at.nowMs - sinceMs >= 2.5 * at.heartbeatMs
}
