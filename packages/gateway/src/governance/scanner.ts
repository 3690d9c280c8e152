// Scanner
//
// Looks through requests and answers for what a guard asks for: small ones at once, large ones on a thread of their
// own, so that no caller waits for another's 10 MB.
//
// Invariants:
//   N1. A document that could not be looked through is not let pass.
//   N3. What is longer than `inlineBytesMax` is neither read nor looked through by the thread that serves.

import type { Detector, GuardSide, GuardSpec } from '@tutti/core/governance'
import { DetectorCache, type ScanJob, type ScanResult, SideThread, scan } from '../thread/index.ts'

const inlineBytesMax = 16 * 2 ** 10 // half a millisecond of work

export class Scanner {
  readonly #cache = new DetectorCache()
  readonly #byGuard = new WeakMap<GuardSpec, Map<GuardSide, readonly Detector[]>>()
  readonly #thread: SideThread
  readonly #inlineBytesMax: number

  /** What is longer than `inlineBytes` goes to the thread. */
  constructor(thread = new SideThread(), inlineBytes = inlineBytesMax) {
    this.#thread = thread
    this.#inlineBytesMax = inlineBytes
  }

  /** What a guard looks for; made once for each of a snapshot. */
  detectors(guard: GuardSpec, side: GuardSide): readonly Detector[] {
    const sides = this.#byGuard.get(guard) ?? new Map<GuardSide, readonly Detector[]>()
    const known = sides.get(side)
    if (known !== undefined) return known
    const detectors = this.#cache.of(guard, side)
    this.#byGuard.set(guard, sides.set(side, detectors))
    return detectors
  }

  /** Throws or rejects where it could not be looked through (N1). */
  scan(job: ScanJob): ScanResult | Promise<ScanResult> {
    const { guard, side, bytes } = job
    if (bytes.length > this.#inlineBytesMax) return this.#thread.scan(job) // N3
    return scan(job, this.detectors(guard, side))
  }

  async stop(): Promise<void> {
    await this.#thread.stop()
  }
}
