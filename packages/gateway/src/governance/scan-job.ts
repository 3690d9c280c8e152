// Scan job
//
// One look through a large document, as it is given to the scanning thread, and what comes back.

import {
  AnswerRewrite,
  type Detector,
  detectorsOf,
  type FindingCount,
  type GuardPlan,
  type GuardSide,
  type GuardSpec,
  inspectRequest,
  type Originals,
} from '@tutti/core/governance'

export interface ScanJob {
  readonly guard: GuardSpec
  readonly side: GuardSide
  readonly plan: GuardPlan
  /** What placeholders in an answer stand for; of a request: none. */
  readonly originals: Originals
  readonly json: string
}

export interface ScanResult {
  readonly json: string
  readonly counts: readonly FindingCount[]
  readonly originals: Originals
}

/** Does a job on the thread that calls it. */
export function scan(job: ScanJob, detectors: readonly Detector[]): ScanResult {
  const { json, plan, originals, side } = job
  if (side === 'input') return inspectRequest(json, { detectors, plan })
  const rewrite = new AnswerRewrite({ detectors, plan, originals })
  return { json: rewrite.document(json), counts: rewrite.counts.all, originals }
}

const guardsMax = 256 // routes with guards of their own; beyond, they are made anew

/** The detectors of a guard, made once for each that looks different. */
export class DetectorCache {
  /** By side and guard; written by `of`. */
  readonly #known = new Map<string, readonly Detector[]>()

  of(guard: GuardSpec, side: GuardSide): readonly Detector[] {
    const name = `${side} ${JSON.stringify([guard.detect, guard.blocklist, guard.on])}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    if (this.#known.size >= guardsMax) this.#known.clear()
    const made = detectorsOf(guard, side)
    this.#known.set(name, made)
    return made
  }
}
