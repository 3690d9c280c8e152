// Scanner
//
// Looks through requests and answers for what a guard asks for: small ones at once, large ones on a thread of their
// own, so that no caller waits for another's 10 MB.
//
// Invariants:
//   N1. A document that could not be looked through is not let pass.

import { Worker } from 'node:worker_threads'
import type { Detector, GuardSide, GuardSpec } from '@tutti/core/governance'
import { Failure, messageOf } from '../failure.ts'
import { DetectorCache, type ScanJob, type ScanResult, scan } from './scan-job.ts'

const inlineCharsMax = 16 * 2 ** 10 // half a millisecond of work
const waitingMax = 1_000 // documents for the thread; more are refused: it does some MB a second

interface Waiter {
  readonly resolve: (result: ScanResult) => void
  readonly reject: (reason: Failure) => void
}

export class Scanner {
  readonly #cache = new DetectorCache()
  readonly #byGuard = new WeakMap<GuardSpec, Map<GuardSide, readonly Detector[]>>()
  /** Begun with the first large document; written by `#begin` and `#over`. */
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiter>()
  #jobs = 0
  readonly #inlineCharsMax: number

  /** What is longer than `inlineChars` goes to the thread. */
  constructor(inlineChars = inlineCharsMax) {
    this.#inlineCharsMax = inlineChars
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

  scan(job: ScanJob): ScanResult | Promise<ScanResult> {
    const { guard, side, json } = job
    if (json.length <= this.#inlineCharsMax) return scan(job, this.detectors(guard, side))
    if (this.#waiting.size >= waitingMax) {
      throw new Failure('gateway/scan-failed', `${waitingMax} documents wait already`) // N1
    }
    const worker = this.#worker ?? this.#begin()
    const id = this.#jobs++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, job })
    })
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  #begin(): Worker {
    const worker = new Worker(threadUrl, { execArgv: [] })
    worker.unref() // what waits for it keeps the process, it does not
    worker.on('message', ({ id, result }: { id: number; result: ScanResult }) => {
      this.#waiting.get(id)?.resolve(result)
      this.#waiting.delete(id)
    })
    worker.once('error', (error) => this.#over(worker, messageOf(error)))
    worker.once('exit', (code) => this.#over(worker, `it ended with ${code}`))
    this.#worker = worker
    return worker
  }

  /** The thread is gone: what it had is refused, and the next document begins another. */
  #over(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const failure = new Failure('gateway/scan-failed', `the scanning thread: ${reason}`)
    for (const { reject } of this.#waiting.values()) reject(failure) // N1
    this.#waiting.clear()
  }
}

/** The compiled thread, also where the rest runs from source. */
const threadUrl = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/governance/scan-thread.js', import.meta.url)
  : new URL('./scan-thread.js', import.meta.url)
