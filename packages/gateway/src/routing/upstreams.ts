// Upstreams
//
// The connections of one gateway to nodes and Providers.

import { messageOf } from '../failure.ts'
import { assertPublicUrl, publicLookup } from '../governance/index.ts'
import { Lanes } from '../wire/index.ts'
import { type AnswerReading, Attempt, type AttemptTimers } from './attempt.ts'

export interface UpstreamRequest {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
  readonly reading: AnswerReading
  readonly timers: AttemptTimers
  /** True for answers that may be passed on in parts (server-sent events). */
  readonly mayStream: boolean
  /** False for a Provider that must be on the public network. */
  readonly isTrustedAddress: boolean
}

export class Upstreams {
  readonly #trusted = new Lanes()
  readonly #guarded = new Lanes(publicLookup)
  /** URLs taken apart; bounded by `urlsMax`. */
  readonly #parsed = new Map<string, { origin: string; path: string }>()

  stop(): void {
    this.#trusted.stop()
    this.#guarded.stop()
  }

  /** Sends it; the attempt says what comes of it. */
  start(request: UpstreamRequest): Attempt {
    const { reading, timers, mayStream, isTrustedAddress } = request
    const attempt = new Attempt(reading, timers, mayStream)
    try {
      const { origin, path } = this.#parse(request.url)
      if (!isTrustedAddress) assertPublicUrl(new URL(origin))
      const lanes = isTrustedAddress ? this.#trusted : this.#guarded
      const { method, headers, body } = request
      lanes.dispatch(origin, { path, method, headers, body }, attempt)
    } catch (error) {
      attempt.refuse('impossible', messageOf(error))
    }
    return attempt
  }

  #parse(url: string): { origin: string; path: string } {
    const known = this.#parsed.get(url)
    if (known !== undefined) return known
    const { origin, pathname, search } = new URL(url)
    const parsed = { origin, path: pathname + search }
    if (this.#parsed.size >= urlsMax) this.#parsed.clear()
    this.#parsed.set(url, parsed)
    return parsed
  }
}

const urlsMax = 10_000 // endpoints times paths that are asked again and again
