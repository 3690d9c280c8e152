// Upstreams
//
// The connections of one gateway to nodes and Providers.

import { messageOf } from '../failure.ts'
import { assertPublicUrl, publicLookup } from '../governance/index.ts'
import { type Batch, Lanes } from '../wire/index.ts'
import { Attempt, type AttemptTimers } from './attempt.ts'
import type { Outbound } from './call.ts'
import { Watch } from './watch.ts'

export interface UpstreamRequest {
  /** What the outbound's path is below. */
  readonly base: string
  readonly outbound: Outbound
  readonly timers: AttemptTimers
  /** True for answers that may be passed on in parts (server-sent events). */
  readonly mayStream: boolean
  /** False for a Provider that must be on the public network. */
  readonly isTrustedAddress: boolean
}

export class Upstreams {
  readonly #trusted: Lanes
  readonly #guarded: Lanes
  readonly #watch = new Watch()
  /** Base URLs taken apart; bounded by `urlsMax`. */
  readonly #parsed = new Map<string, { origin: string; path: string }>()

  constructor(batch: Batch) {
    this.#trusted = new Lanes(batch)
    this.#guarded = new Lanes(batch, publicLookup)
  }

  stop(): void {
    this.#trusted.stop()
    this.#guarded.stop()
    this.#watch.stop()
  }

  /** Sends it; the attempt says what comes of it. */
  start({ base, outbound, timers, mayStream, isTrustedAddress }: UpstreamRequest): Attempt {
    const attempt = new Attempt(outbound.reading, { timers, watch: this.#watch }, mayStream)
    try {
      const { origin, path } = this.#parse(base)
      if (!isTrustedAddress) assertPublicUrl(new URL(origin))
      const lanes = isTrustedAddress ? this.#trusted : this.#guarded
      const { method, body, sign } = outbound
      const whole = path + outbound.path
      const headers =
        sign === undefined
          ? outbound.headers
          : { ...outbound.headers, ...sign({ host: new URL(origin).host, path: whole }) }
      lanes.dispatch(origin, { path: whole, method, headers, body }, attempt)
    } catch (error) {
      attempt.refuse('impossible', messageOf(error))
    }
    return attempt
  }

  #parse(url: string): { origin: string; path: string } {
    const known = this.#parsed.get(url)
    if (known !== undefined) return known
    const { origin, pathname } = new URL(url)
    const parsed = { origin, path: pathname === '/' ? '' : pathname }
    if (this.#parsed.size >= urlsMax) this.#parsed.clear()
    this.#parsed.set(url, parsed)
    return parsed
  }
}

const urlsMax = 10_000 // endpoints and Providers that one gateway asks
