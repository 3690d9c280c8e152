// Side thread
//
// One thread beside the one that serves, for what takes long with large documents: a document goes there as bytes and
// comes back as bytes, handed over and not copied, so that the thread that serves pays for one copy of them.
//
// Invariants:
//   N1. What could not be done is told to who waits for it.
//   N2. Bounded: `waitingMax` documents wait; more are turned away at once.

import { Worker } from 'node:worker_threads'
import { Failure, messageOf } from '../failure.ts'
import type { AskedQuestion, FoundQuestion } from './question-job.ts'
import type { ScanJob, ScanResult } from './scan-job.ts'

const waitingMax = 1_000 // documents for the thread; it does some ten MB a second

export type SideJob = ScanJob | AskedQuestion
export type SideResult = ScanResult | FoundQuestion

interface Waiter {
  readonly resolve: (result: SideResult) => void
  readonly reject: (reason: Failure) => void
}

export class SideThread {
  /** Begun with the first document; written by `#begin` and `#over`. */
  #worker: Worker | null = null
  readonly #waiting = new Map<number, Waiter>()
  #jobs = 0

  /** Has it there before the first document comes: to begin takes some hundred milliseconds. */
  warm(): void {
    if (this.#worker === null) this.#begin()
  }

  async scan(job: ScanJob): Promise<ScanResult> {
    const result = await this.#ask(job)
    if ('bytes' in result) return result
    throw new Failure('gateway/scan-failed', 'the side thread gave something else')
  }

  async question(job: AskedQuestion): Promise<FoundQuestion> {
    const result = await this.#ask(job)
    if ('exact' in result) return result
    throw new Failure('gateway/scan-failed', 'the side thread gave something else')
  }

  async stop(): Promise<void> {
    await this.#worker?.terminate()
  }

  #ask(job: SideJob): Promise<SideResult> {
    if (this.#waiting.size >= waitingMax) {
      const full = new Failure('gateway/scan-failed', `${waitingMax} documents wait already`)
      return Promise.reject(full) // N2
    }
    const worker = this.#worker ?? this.#begin()
    const id = this.#jobs++
    const bytes = new Uint8Array(job.bytes) // the caller keeps its own
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, job: { ...job, bytes } }, [bytes.buffer])
    })
  }

  #begin(): Worker {
    const worker = new Worker(threadUrl, { execArgv: [] })
    worker.unref() // what waits for it keeps the process, it does not
    worker.on('message', ({ id, result }: { id: number; result: SideResult }) => {
      this.#waiting.get(id)?.resolve(result)
      this.#waiting.delete(id)
    })
    worker.once('error', (error) => this.#over(worker, messageOf(error)))
    worker.once('exit', (code) => this.#over(worker, `it ended with ${code}`))
    this.#worker = worker
    return worker
  }

  /** The thread is gone: what it had has failed, and the next document begins another. */
  #over(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return
    this.#worker = null
    const failure = new Failure('gateway/scan-failed', `the side thread: ${reason}`)
    for (const { reject } of this.#waiting.values()) reject(failure) // N1
    this.#waiting.clear()
  }
}

/** The compiled thread, also where the rest runs from source. */
const threadUrl = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/thread/side-worker.js', import.meta.url)
  : new URL('./side-worker.js', import.meta.url)
