// Upstreams
//
// The connections of one gateway to nodes and Providers.

import { proxyFor } from '@tutti/machine'
import { messageOf } from '../failure.ts'
import { providerGuard } from '../governance/index.ts'
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
  readonly isNode: boolean
  /** False for a Provider that must be on the public network. */
  readonly isTrustedAddress: boolean
}

export class Upstreams {
  /** To nodes: they are asked directly, through no proxy. */
  readonly #direct: Lanes
  readonly #trusted: Lanes
  readonly #guarded: Lanes
  readonly #watch = new Watch()
  /** Base URLs taken apart; bounded by `urlsMax`. */
  readonly #parsed = new Map<string, { origin: string; path: string }>()

  constructor(batch: Batch) {
    this.#direct = new Lanes(batch)
    this.#trusted = new Lanes(batch, { proxyFor })
    this.#guarded = new Lanes(batch, {
      proxyFor,
      lookup: providerGuard.lookup,
      whyForbidden: (name) => providerGuard.whyNotThroughProxy(name),
    })
  }

  stop(): void {
    this.#direct.stop()
    this.#trusted.stop()
    this.#guarded.stop()
    this.#watch.stop()
  }

  /** Sends it; the attempt says what comes of it. */
  start(request: UpstreamRequest): Attempt {
    const { base, outbound, timers, mayStream, isTrustedAddress } = request
    const attempt = new Attempt(outbound.reading, { timers, watch: this.#watch }, mayStream)
    try {
      const { origin, path } = this.#parse(base)
      if (!isTrustedAddress) providerGuard.assertHost(new URL(origin).hostname)
      const lanes = this.#lanesFor(request)
      const { method, body, sign } = outbound
      const whole = path + outbound.path
      const headers =
        sign === undefined
          ? outbound.headers
          : { ...outbound.headers, ...sign({ host: new URL(origin).host, path: whole }) }
      const message = { path: whole, method, headers, body, connectMs: timers.connectMs }
      lanes.dispatch(origin, message, attempt)
    } catch (error) {
      attempt.refuse('impossible', messageOf(error))
    }
    return attempt
  }

  #lanesFor({ isNode, isTrustedAddress }: UpstreamRequest): Lanes {
    if (isNode) return this.#direct
    return isTrustedAddress ? this.#trusted : this.#guarded
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
