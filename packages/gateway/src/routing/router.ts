// Router
//
// From a call to an answer: the route's targets in the order that chance and weights give, for each target
// the endpoints by load, one attempt after the other until somebody has answered or nobody is left.
//
// Invariants:
//   T1. A request that any endpoint can answer is answered, whatever is rolled out, cut off or dying (I5).
//   T2. What the caller did wrong is not tried again elsewhere.
//   T3. At most `attemptsMax` attempts, within `timeoutMs`.

import { orderByWeight, pickEndpoint, type RouteTarget } from '@tutti/core/routing'
import { type AttemptOutcome, Upstreams } from './attempt.ts'
import type { Directory, RouteEntry } from './directory.ts'
import { EndpointHealth } from './endpoint-health.ts'

/** A call as a face has understood it. */
export interface Call {
  readonly project: string
  readonly route: RouteEntry
  readonly requestId: string
  readonly signal: AbortSignal
  readonly mayStream: boolean
  /** What to send to a node that answers to `serves`; null where nodes cannot answer such calls. */
  readonly toNode: ((serves: string) => Outbound) | null
  /** What to send to a Provider for its own model name; null where Providers cannot answer. */
  readonly toProvider: ((model: string) => Outbound) | null
}

export interface Outbound {
  readonly method: 'GET' | 'POST'
  /** Below the endpoint's or the Provider's base URL. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

export type Answer =
  | {
      readonly kind: 'answered'
      readonly outcome: Exclude<AttemptOutcome, { kind: 'failed' }>
      /** The node that answered; null for a Provider. */
      readonly node: {
        readonly name: string
        readonly url: string
        readonly release: string
      } | null
      readonly attempts: number
    }
  | {
      readonly kind: 'unanswered'
      readonly status: 502 | 503 | 504
      readonly reasons: readonly string[]
    }

interface Candidate {
  readonly url: string
  readonly base: string
  readonly region: string
  readonly release: string
  readonly inflight: number
  readonly healthy: boolean
  readonly outbound: Outbound
  readonly isTrustedAddress: boolean
  readonly node: { readonly name: string; readonly url: string; readonly release: string } | null
}

/** What became of this request so far. */
interface Past {
  readonly tried: Set<string>
  /** Releases that have failed on it: see `pickEndpoint`. */
  readonly failedReleases: Set<string>
}

export interface RouterOptions {
  readonly region: string
  readonly directory: () => Directory | null
  readonly nowMs: () => number
  readonly chance: () => number
}

export class Router {
  readonly #options: RouterOptions
  readonly #upstreams = new Upstreams()
  readonly #health = new EndpointHealth()

  constructor(options: RouterOptions) {
    this.#options = options
  }

  async stop(): Promise<void> {
    await this.#upstreams.stop()
  }

  async answer(call: Call): Promise<Answer> {
    const { attemptsMax, timeoutMs } = call.route
    const untilMs = this.#options.nowMs() + timeoutMs
    const order = orderByWeight(call.route.targets, this.#options.chance)
    const past: Past = { tried: new Set(), failedReleases: new Set() }
    const reasons: string[] = []
    let attempts = 0
    let absent: Answer | null = null // while every node asked says that it does not have it
    while (attempts < attemptsMax && this.#options.nowMs() < untilMs && !call.signal.aborted) {
      // anew each time: the world moves on meanwhile
      const candidate = this.#next(call, order, past)
      if (candidate === null) break
      attempts += 1
      past.tried.add(candidate.url)
      const leftMs = untilMs - this.#options.nowMs()
      const outcome = await this.#attempt(
        call,
        candidate,
        Math.max(1, Math.min(leftMs, timeoutMs / 2)),
      )
      const { node } = candidate
      const reason = whyAskAnother(outcome, node !== null)
      if (reason === null && outcome.kind !== 'failed') {
        return { kind: 'answered', outcome, node, attempts }
      }
      const isAbsent = outcome.kind !== 'failed' && outcome.status === 404
      if (!isAbsent) absent = null
      else if (attempts === 1 || absent) absent = { kind: 'answered', outcome, node, attempts }
      if (outcome.kind !== 'failed' && outcome.status >= 500) {
        past.failedReleases.add(candidate.release)
      }
      reasons.push(`${candidate.node?.name ?? candidate.base}: ${reason}`)
    }
    if (reasons.length === 0) {
      return { kind: 'unanswered', status: 503, reasons: ['no endpoint serves it at the moment'] }
    }
    if (absent !== null) return absent // T2: the caller asks for what nobody has
    return { kind: 'unanswered', status: this.#options.nowMs() >= untilMs ? 504 : 502, reasons }
  }

  async #attempt(call: Call, candidate: Candidate, timeoutMs: number): Promise<AttemptOutcome> {
    const { outbound, base, url } = candidate
    this.#health.begin(url)
    const outcome = await this.#upstreams.attempt({
      url: base + outbound.path,
      ...{ method: outbound.method, headers: outbound.headers, body: outbound.body },
      ...{ timeoutMs, signal: call.signal, mayStream: call.mayStream },
      isTrustedAddress: candidate.isTrustedAddress,
    })
    const isFailed = outcome.kind === 'failed' || outcome.status >= 500
    const result = call.signal.aborted ? 'aborted' : isFailed ? 'failed' : 'answered'
    this.#health.end(url, result, this.#options.nowMs())
    return outcome
  }

  /**
   * The next one to ask: targets in order, each one's endpoints by load; nobody twice while
   * others are left.
   */
  #next(call: Call, order: readonly RouteTarget[], past: Past): Candidate | null {
    const pools = order.map((target) => this.#candidates(call, target))
    const chance = [this.#options.chance(), this.#options.chance()] as const
    const context = { region: this.#options.region, ...past, chance }
    const fresh = pools.find((pool) =>
      pool.some(({ url, healthy }) => healthy && !past.tried.has(url)),
    )
    const any = pools.find((pool) => pool.some(({ url }) => !past.tried.has(url)))
    return pickEndpoint(fresh ?? any ?? pools.find((pool) => pool.length > 0) ?? [], context)
  }

  #candidates(call: Call, target: RouteTarget): Candidate[] {
    const directory = this.#options.directory()
    if (directory === null) return []
    if ('provider' in target) return this.#providerCandidates(directory, call, target)
    const deployment = directory.deployment(call.project, target.deployment)
    if (deployment === undefined || call.toNode === null) return []
    const outbound = withHeaders(call.toNode(deployment.serves), {
      authorization: `Bearer ${directory.servingToken}`,
      'x-request-id': call.requestId,
    })
    return deployment.endpoints.map(({ node, url, region, release }) => ({
      ...this.#seen(url),
      ...{ url, base: url, region, release, outbound },
      isTrustedAddress: true, // the control plane signed it
      node: { name: node, url, release },
    }))
  }

  #providerCandidates(
    directory: Directory,
    call: Call,
    target: Extract<RouteTarget, { provider: string }>,
  ): Candidate[] {
    const provider = directory.provider(call.project, target.provider)
    if (provider === undefined || call.toProvider === null) return []
    const { baseUrl, apiKey, allowPrivateNetwork } = provider
    const outbound = withHeaders(call.toProvider(target.model), {
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    })
    const base = baseUrl.replace(/\/$/, '')
    const url = `${base}#${target.model}`
    return [
      {
        ...this.#seen(url),
        ...{ url, base, region: '', release: '', outbound, node: null },
        isTrustedAddress: allowPrivateNetwork,
      },
    ]
  }

  #seen(url: string) {
    const nowMs = this.#options.nowMs()
    return { inflight: this.#health.inflight(url), healthy: this.#health.isHealthy(url, nowMs) }
  }
}

/**
 * Why this outcome should not reach the caller while somebody else could answer; null where it
 * should.
 */
function whyAskAnother(outcome: AttemptOutcome, isNode: boolean): string | null {
  if (outcome.kind === 'failed') return outcome.reason
  const { status } = outcome
  if (status < 400) return null
  const isGone = isNode && status === 404 // the node has let go of it since the snapshot
  if (status >= 500 || status === 429 || isGone) return `${status} ${excerptOf(outcome)}`
  return null // T2
}

function excerptOf(outcome: Exclude<AttemptOutcome, { kind: 'failed' }>): string {
  return outcome.kind === 'whole' ? outcome.body.toString('utf8').slice(0, 300) : ''
}

function withHeaders(outbound: Outbound, headers: Readonly<Record<string, string>>): Outbound {
  return { ...outbound, headers: { ...outbound.headers, ...headers } }
}
