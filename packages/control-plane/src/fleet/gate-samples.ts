// Gate samples
//
// Sorts telemetry into the gate's two arms: the target's release is the canary, the baseline's the control.

import type { ArmSample, Assignment, StratumSample } from '@tutti/core/fleet'
import type { StratumArms } from './registry.ts'

const nothing: ArmSample = { requests: 0, errors: 0, correct: 0, incorrect: 0, latency: [] }

/** One sample for every stratum in which either arm answered. */
export function samplesFor(
  taken: StratumArms,
  assignment: Pick<Assignment, 'target' | 'baseline'>,
): StratumSample[] {
  return [...taken].map(([stratum, arms]) => ({
    stratum,
    canary: arms.get(assignment.target.digest) ?? nothing,
    control:
      assignment.baseline === null ? nothing : (arms.get(assignment.baseline.digest) ?? nothing),
  }))
}
