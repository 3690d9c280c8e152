// Request trace
//
// The trace of one request while it is answered: what each target that is asked is told of it, and, where somebody
// collects them, how each attempt went.

import { randomBytes } from 'node:crypto'
import type { AttemptOver, AttemptTrace, CallTrace, Candidate } from '../routing/index.ts'
import { headersOf, type TraceContext } from './trace-context.ts'

/** One attempt that is over; times as `performance.now` has them. */
export interface AttemptFacts extends AttemptOver {
  readonly spanId: string
  readonly route: string
  readonly candidate: Pick<Candidate, 'target' | 'provider' | 'node' | 'base'>
  readonly startMs: number
  readonly endMs: number
}

// Attempts of a request, its classifiers' and embeddings' included, of which spans are made.
const attemptsMax = 32

export class RequestTrace implements CallTrace {
  readonly context: TraceContext
  /** Null where nobody collects spans; written by `attempt`. */
  readonly #attempts: AttemptFacts[] | null

  constructor(context: TraceContext, isCollected: boolean) {
    this.context = context
    this.#attempts = isCollected && context.isSampled ? [] : null
  }

  /** Those that are over. */
  get attempts(): readonly AttemptFacts[] {
    return this.#attempts === null ? [] : [...this.#attempts]
  }

  attempt(candidate: Candidate, route: string): AttemptTrace {
    const attempts = this.#attempts
    if (attempts === null) return { headers: this.context.headers, onOver: null }
    const spanId = randomBytes(8).toString('hex')
    const startMs = performance.now()
    return {
      headers: headersOf(this.context, spanId),
      onOver: (over) => {
        if (attempts.length >= attemptsMax) return
        const { target, provider, node, base } = candidate
        const asked = { target, provider, node, base }
        attempts.push({
          ...{ spanId, route, candidate: asked, startMs, endMs: performance.now() },
          ...over,
        })
      },
    }
  }
}
