// Router
//
// Whom a call may be sent to at the moment, with what this gateway has seen of them: the ports of a pursuit.

import {
  orderByWeight,
  type RouteTarget,
  relayScheme,
  type ScoreWeights,
  scoreTarget,
  weightsOf,
} from '@tutti/core/routing'
import type { AttemptTimers } from './attempt.ts'
import type { Call, Candidate, Impossible, Outbound, ProviderTarget } from './call.ts'
import type { Cashier } from './cashier.ts'
import type { Directory, ProviderEntry } from './directory.ts'
import { EndpointHealth } from './endpoint-health.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import { promptBlocks } from './prompt-blocks.ts'
import { Pursuit, type Started } from './pursuit.ts'
import { RetryBudget } from './retry-budget.ts'
import { TargetViews } from './target-views.ts'
import { Upstreams } from './upstreams.ts'

export interface RouterOptions {
  readonly region: string
  readonly directory: () => Directory | null
  /** Where a node is reached that has connected itself here; null: it has not. */
  readonly relayOf: (node: string) => string | null
  readonly nowMs: () => number
  readonly chance: () => number
  readonly cashier: Cashier
}

interface Scoring {
  readonly weights: ScoreWeights
  readonly blocks: Float64Array
}

interface Translated {
  readonly said: Map<RouteTarget, Outbound | Impossible>
  readonly scoring: Scoring | null
}

const noBlocks = new Float64Array(0)

export class Router {
  readonly #options: RouterOptions
  readonly #upstreams = new Upstreams()
  readonly #health = new EndpointHealth()
  readonly #retries = new RetryBudget()
  readonly #views = new TargetViews()

  constructor(options: RouterOptions) {
    this.#options = options
  }

  stop(): void {
    this.#upstreams.stop()
  }

  /** Begins to look for an answer; `before` broke off in the middle of a stream. */
  pursue(call: Call, before: Pursuit | null = null): Pursuit {
    const { region, nowMs, chance } = this.#options
    const order = orderByWeight(call.route.targets, chance)
    const budget = `${call.project}/${call.route.name}`
    if (before === null) this.#retries.earn(budget)
    const said = new Map<RouteTarget, Outbound | Impossible>() // translated once for each target
    const scoring = this.#scoringOf(call)
    return new Pursuit(
      {
        // anew each time: the world moves on
        candidates: (of) => this.#candidates(of, order, { said, scoring }),
        start: (candidate, timers) => this.#start({ call, scoring }, candidate, timers),
        retriesLeft: () => this.#retries.left(budget),
        spendRetry: () => this.#retries.spend(budget),
        ...{ region, nowMs, chance },
      },
      call,
      before,
    )
  }

  async #start(
    { call, scoring }: { readonly call: Call; readonly scoring: Scoring | null },
    candidate: Candidate,
    timers: AttemptTimers,
  ): Promise<Started | FailedAttempt> {
    const charge = await this.#options.cashier.reserve(call, candidate)
    if ('kind' in charge) return charge
    const { url, base, outbound, isTrustedAddress } = candidate
    this.#health.begin(url)
    const attempt = this.#upstreams.start({
      ...{ ...outbound, url: base + outbound.path, timers, isTrustedAddress },
      mayStream: call.mayStream,
    })
    if (scoring !== null) {
      const answered = this.#views.began(url, scoring.blocks, this.#options.nowMs())
      void attempt.outcome.then(() => answered(this.#options.nowMs()))
    }
    return {
      attempt,
      over: (how) => {
        this.#health.end(url, how, this.#options.nowMs())
        charge.settle(attempt.spent(outbound.body?.length ?? 0))
      },
    }
  }

  #candidates(call: Call, order: readonly RouteTarget[], { said, scoring }: Translated) {
    const directory = this.#options.directory()
    const able: Candidate[] = []
    let impossible: Impossible | null = null
    if (directory === null) return { able, impossible }
    for (const [place, target] of order.entries()) {
      if ('deployment' in target) {
        able.push(...this.#nodeCandidates(directory, call, { target, place }))
        continue
      }
      const provider = directory.provider(call.project, target.provider)
      if (provider === undefined || call.toProvider === null) continue
      const outbound = said.get(target) ?? call.toProvider(provider, target)
      said.set(target, outbound)
      if ('kind' in outbound) impossible ??= outbound
      else able.push(this.#providerCandidate(provider, outbound, { target, place }))
    }
    const scored = scoring === null ? able : able.map((one) => this.#scored(call, one, scoring))
    return { able: scored, impossible }
  }

  /** Null for routes that go by weight alone. */
  #scoringOf({ route, promptBytes }: Call): Scoring | null {
    const weights = weightsOf(route.strategy)
    if (weights === null) return null
    const isByPrefix = weights.uncached > 0 && promptBytes !== null
    return { weights, blocks: isByPrefix ? promptBlocks(promptBytes) : noBlocks }
  }

  /** All targets of a tier are one choice: the order of weights says nothing. */
  #scored(call: Call, candidate: Candidate, { weights, blocks }: Scoring): Candidate {
    const { url, inflight } = candidate
    const priceNanos = weights.price > 0 ? this.#options.cashier.worst(call, candidate) : 0
    const view = { inflight, priceNanos, ...this.#views.of(url, blocks) }
    return { ...candidate, order: 0, score: scoreTarget(view, weights) }
  }

  #nodeCandidates(
    directory: Directory,
    call: Call,
    { target, place }: { target: Extract<RouteTarget, { deployment: string }>; place: number },
  ): Candidate[] {
    const deployment = directory.deployment(call.project, target.deployment)
    if (deployment === undefined || call.toNode === null) return []
    const outbound = withHeaders(call.toNode(deployment.serves), {
      authorization: `Bearer ${directory.servingToken}`,
      'x-request-id': call.requestId,
    })
    const { relayOf } = this.#options
    const shared = { tier: target.tier, order: place, target, provider: null }
    return deployment.endpoints.flatMap(({ node, url, region, release }) => {
      const about = { region, release, outbound, isTrustedAddress: true, ...shared } // signed
      const direct = { url, base: url, node: { name: node, url, release }, ...about }
      const candidates = url.startsWith(relayScheme) ? [] : [{ ...this.#seen(url), ...direct }]
      const base = relayOf(node)
      if (base === null) return candidates
      // Its port may change with its connection; what was seen of it stays.
      const own = `${relayScheme}//${node}`
      const relayed = { url: own, base, isRelayed: true, ...about }
      const named = { ...relayed, node: { name: node, url: base, release } }
      return [...candidates, { ...this.#seen(own), ...named }]
    })
  }

  #providerCandidate(
    provider: ProviderEntry,
    outbound: Outbound,
    { target, place }: { target: ProviderTarget; place: number },
  ): Candidate {
    const base = provider.baseUrl.replace(/\/$/, '')
    const url = `${base}#${target.model}`
    // Written out: it is made for every request.
    const candidate = {
      url,
      base,
      region: '',
      release: url,
      inflight: this.#health.inflight(url),
      healthy: this.#health.isHealthy(url, this.#options.nowMs()),
      outbound,
      node: null,
      target,
      provider,
      tier: target.tier,
      order: place,
      isTrustedAddress: provider.allowPrivateNetwork,
    }
    const { contextTokens } = target
    return contextTokens === undefined ? candidate : { ...candidate, contextTokens }
  }

  #seen(url: string) {
    const nowMs = this.#options.nowMs()
    return { inflight: this.#health.inflight(url), healthy: this.#health.isHealthy(url, nowMs) }
  }
}

function withHeaders(outbound: Outbound, headers: Readonly<Record<string, string>>): Outbound {
  return { ...outbound, headers: { ...outbound.headers, ...headers } }
}
