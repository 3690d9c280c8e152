// Scan job
//
// One look through a document, as it is given to whichever thread looks, and what comes back.

import {
  AnswerRewrite,
  type Detector,
  detectorsOf,
  type FindingCount,
  type GuardPlan,
  type GuardSide,
  type GuardSpec,
  inspectRequest,
  jsonTexts,
  type Originals,
} from '@tutti/core/governance'

export interface ScanJob {
  readonly kind: 'scan'
  readonly guard: GuardSpec
  readonly side: GuardSide
  readonly plan: GuardPlan
  /** What placeholders in an answer stand for; of a request: none. */
  readonly originals: Originals
  /** The document: JSON in UTF-8. */
  readonly bytes: Uint8Array
  /** Whether its texts are wanted, too. */
  readonly wantsTexts?: boolean
}

export interface ScanResult {
  /** The document as it may go on; null where it is the very same. */
  readonly bytes: Uint8Array<ArrayBuffer> | null
  readonly counts: readonly FindingCount[]
  readonly originals: Originals
  /** What the document says from now on; empty where nobody wants it. */
  readonly texts: readonly string[]
}

/** Does a job on the thread that calls it. */
export function scan(job: ScanJob, detectors: readonly Detector[]): ScanResult {
  const { bytes, wantsTexts = false } = job
  const said = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const { json, counts, originals } = scanned(said, job, detectors)
  return {
    bytes: json === said ? null : new TextEncoder().encode(json),
    counts,
    originals,
    texts: wantsTexts ? jsonTexts(json) : noTexts,
  }
}

const noTexts: readonly string[] = []

function scanned(said: string, job: ScanJob, detectors: readonly Detector[]) {
  const { plan, originals, side } = job
  if (side === 'input') return inspectRequest(said, { detectors, plan })
  const rewrite = new AnswerRewrite({ detectors, plan, originals })
  return { json: rewrite.document(said), counts: rewrite.counts.all, originals }
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
