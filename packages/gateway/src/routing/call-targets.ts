// Call targets
//
// Whom one call may be sent to at the moment, with what this gateway has seen of them, and the sending itself: the
// ports of its pursuit.

import {
  clockOf,
  isTargetsFault,
  orderByWeight,
  type RouteTarget,
  relayScheme,
  type ScoreWeights,
  scoreTarget,
} from '@tutti/core/routing'
import type { Attempt, AttemptTimers } from './attempt.ts'
import type { AttemptTrace, Call, Candidate, Impossible, Outbound, ProviderTarget } from './call.ts'
import type { Cashier, Paid } from './cashier.ts'
import type { Directory, ProviderEntry } from './directory.ts'
import type { EndpointHealth } from './endpoint-health.ts'
import type { FailedAttempt } from './failed-attempt.ts'
import type { PursuitPorts, Started } from './pursuit.ts'
import type { RefusedKeys } from './refused-keys.ts'
import type { RetryBudget } from './retry-budget.ts'
import type { TargetViews } from './target-views.ts'
import type { Upstreams } from './upstreams.ts'

/** What all calls of a gateway share. */
export interface Shared {
  readonly region: string
  readonly directory: () => Directory | null
  /** Where a node is reached that has connected itself here; null: it has not. */
  readonly relayOf: (node: string) => string | null
  readonly nowMs: () => number
  readonly chance: () => number
  readonly cashier: Cashier
  readonly upstreams: Upstreams
  readonly health: EndpointHealth
  readonly retries: RetryBudget
  readonly views: TargetViews
  readonly refusedKeys: RefusedKeys
}

export interface Scoring {
  readonly weights: ScoreWeights
  readonly blocks: Float64Array
}

/** What of a target is the same for every call; made once for each of a snapshot. */
interface ProviderPlace {
  readonly provider: ProviderEntry
  readonly base: string
  /** What answers there. */
  readonly release: string
  /** The same by its account: what befalls one of them says nothing of another. */
  readonly url: string
}

const places = new WeakMap<ProviderTarget, ProviderPlace>()

export class CallTargets implements PursuitPorts {
  readonly #shared: Shared
  readonly #call: Call
  readonly #scoring: Scoring | null
  readonly #order: readonly RouteTarget[]
  /** What each target is sent: translated once; written by `#outboundTo`. */
  readonly #said: (Outbound | Impossible | undefined)[] = []
  /** By which that was said: another may have other keys and addresses. Written by `candidates`. */
  #directory: Directory | null = null

  constructor(shared: Shared, call: Call, scoring: Scoring | null) {
    this.#shared = shared
    this.#call = call
    this.#scoring = scoring
    const targets = call.selection?.targets ?? call.route.targets
    this.#order = orderByWeight(targets, shared.chance)
  }

  get region(): string {
    return this.#shared.region
  }

  nowMs(): number {
    return this.#shared.nowMs()
  }

  chance(): number {
    return this.#shared.chance()
  }

  retriesLeft(): number {
    return this.#shared.retries.left(this.#call.route)
  }

  spendRetry(): void {
    this.#shared.retries.spend(this.#call.route)
  }

  refused({ provider }: Candidate, failed: FailedAttempt): void {
    if (provider !== null) this.#shared.refusedKeys.note(provider, failed)
  }

  /** Anew each time: the world moves on. */
  candidates() {
    const directory = this.#shared.directory()
    const able: Candidate[] = []
    let impossible: Impossible | null = null
    if (directory === null) return { able, impossible }
    if (this.#said.length > 0 && directory !== this.#directory) this.#said.length = 0
    this.#directory = directory
    for (let place = 0; place < this.#order.length; place++) {
      const target = this.#order[place]
      if (target === undefined) continue
      if ('deployment' in target) {
        const nodes = this.#nodeCandidates(directory, target, place)
        if ('kind' in nodes) impossible ??= nodes
        else for (const one of nodes) able.push(one)
        continue
      }
      const provider = directory.provider(this.#call.project, target.provider)
      if (provider !== undefined && !this.#mayAnswerFrom(provider, target)) continue
      const outbound = provider === undefined ? null : this.#outboundTo(provider, target, place)
      if (provider === undefined || outbound === null) continue
      if ('kind' in outbound) impossible ??= outbound
      else able.push(this.#providerCandidate(provider, outbound, { target, place }))
    }
    if (able.length === 0) impossible = noTarget(this.#call) ?? impossible ?? this.#never()
    const scoring = this.#scoring
    const scored = scoring === null ? able : able.map((one) => this.#scored(one, scoring))
    return { able: scored, impossible }
  }

  whyNobody(): readonly string[] {
    const { project, route, selection, toNode } = this.#call
    const left = this.#order.map((target) => {
      if ('deployment' in target) {
        const isForNodes = toNode !== null
        const path = `/v2/models/${route.name}/infer`
        const never = `nodes do not answer this, but POST ${path}`
        const why = isForNodes ? 'no node serves it at the moment' : never
        return `${target.deployment}: ${why}`
      }
      const { provider, model } = target
      const there = this.#shared.directory()?.provider(project, provider)
      const isElsewhere = there !== undefined && !this.#mayAnswerFrom(there, target)
      const never = isElsewhere ? 'it answers from another region now' : 'it does not answer this'
      const why = there === undefined ? `there is no Provider ${provider}` : never
      return `${provider}/${model}: ${why}`
    })
    return [...left, ...removedOf(selection)]
  }

  /** Where waiting helps nobody: what is asked for is none of what its targets answer. */
  #never(): Impossible | null {
    const { route, toNode, toProvider } = this.#call
    const mayAnswer = (target: RouteTarget) =>
      ('deployment' in target ? toNode : toProvider) !== null
    if (this.#order.length === 0 || this.#order.some(mayAnswer)) return null
    const reasons = this.whyNobody().join('; ')
    const message = `no target of ${route.name} answers such a request: ${reasons}`
    return { kind: 'impossible', code: 'no_target', field: 'model', message }
  }

  start(
    candidate: Candidate,
    timers: AttemptTimers,
    isWanted: () => boolean,
  ): Started | FailedAttempt | Promise<Started | FailedAttempt | null> {
    // Before anything is waited for: whoever is picked meanwhile sees it on its way.
    this.#shared.health.begin(candidate.url)
    const paid = this.#shared.cashier.reserve(this.#call, candidate)
    if (!(paid instanceof Promise)) return this.#send(candidate, timers, paid)
    return paid.then((one) =>
      'kind' in one || isWanted() ? this.#send(candidate, timers, one) : this.#drop(candidate, one),
    )
  }

  #drop({ url }: Candidate, paid: Paid): null {
    const { health, nowMs } = this.#shared
    health.end(url, 'aborted', nowMs())
    paid.settle(null)
    return null
  }

  #send(
    candidate: Candidate,
    timers: AttemptTimers,
    paid: Paid | FailedAttempt,
  ): Started | FailedAttempt {
    const { health, views, upstreams, nowMs } = this.#shared
    const { url, base, isTrustedAddress, node } = candidate
    if ('kind' in paid) {
      health.end(url, 'aborted', nowMs())
      return paid
    }
    const { mayStream, trace, route } = this.#call
    const said = candidate.outbound
    const traced = trace === null ? null : trace.attempt(candidate, route.name)
    const outbound = traced === null ? said : withHeaders(said, traced.headers)
    const attempt = upstreams.start({
      base,
      outbound,
      timers,
      isNode: node !== null,
      isTrustedAddress,
      mayStream,
    })
    if (this.#scoring !== null) {
      const answered = views.began(url, this.#scoring.blocks, nowMs())
      void attempt.outcome.then(() => answered(nowMs()))
    }
    return new Sent(this.#shared, { candidate, attempt, paid, traced })
  }

  #outboundTo(provider: ProviderEntry, target: ProviderTarget, place: number) {
    if (this.#call.toProvider === null) return null
    const said = this.#said[place] ?? this.#call.toProvider(provider, target)
    this.#said[place] = said
    return said
  }

  /** All targets of a tier are one choice: the order of weights says nothing. */
  #scored(candidate: Candidate, { weights, blocks }: Scoring): Candidate {
    const { url, inflight } = candidate
    const { cashier, views } = this.#shared
    const priceNanos = weights.price > 0 ? cashier.worst(this.#call, candidate) : 0
    const { trust = 1, weight } = candidate.target
    const subject = weights.sticky > 0 ? this.#call.selection?.subject : undefined
    const stickyClock = subject === undefined ? 0 : clockOf(`${subject}\n${url}`) / weight
    const { pendingBlocks, uncachedBlocks, latencyMs } = views.of(url, blocks)
    // Written out: a spread takes longer than all of the rest of a decision.
    const view = {
      inflight,
      priceNanos,
      trust,
      stickyClock,
      pendingBlocks,
      uncachedBlocks,
      latencyMs,
    }
    return { ...candidate, order: 0, score: scoreTarget(view, weights) }
  }

  #nodeCandidates(
    directory: Directory,
    target: Extract<RouteTarget, { deployment: string }>,
    place: number,
  ): readonly Candidate[] | Impossible {
    const { project, toNode, requestId } = this.#call
    const deployment = directory.deployment(project, target.deployment)
    if (deployment === undefined || toNode === null) return []
    const said = toNode(deployment.serves)
    if ('kind' in said) return said
    const outbound = withHeaders(said, {
      authorization: `Bearer ${directory.servingToken}`,
      'x-request-id': requestId,
    })
    const { relayOf } = this.#shared
    const shared = { tier: target.tier, order: place, target, provider: null }
    const regions = this.#call.selection === null ? undefined : this.#regionsFor(target)
    return deployment.endpoints.flatMap(({ node, url, region, release }) => {
      if (regions !== undefined && !regions.includes(region)) return []
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

  /** Where its endpoints may be; undefined: anywhere. One that is named a region is all there. */
  #regionsFor(target: RouteTarget): readonly string[] | undefined {
    return target.region === undefined ? this.#call.route.require?.regions : undefined
  }

  /** It was where it may be as the call began; since then it may have moved. */
  #mayAnswerFrom({ region }: ProviderEntry, target: ProviderTarget): boolean {
    const regions = this.#call.route.require?.regions
    return regions === undefined || regions.includes(target.region ?? region ?? '')
  }

  #providerCandidate(
    provider: ProviderEntry,
    outbound: Outbound,
    { target, place }: { readonly target: ProviderTarget; readonly place: number },
  ): Candidate {
    const { base, release, url } = placeOf(provider, target)
    const { health, nowMs } = this.#shared
    // Written out: it is made for every request.
    return {
      contextTokens: target.contextTokens,
      url,
      base,
      region: '',
      release,
      inflight: health.inflight(url),
      healthy: health.isHealthy(url, nowMs()),
      outbound,
      node: null,
      target,
      provider,
      tier: target.tier,
      order: place,
      isTrustedAddress: provider.allowPrivateNetwork,
    }
  }

  #seen(url: string) {
    const { health, nowMs } = this.#shared
    return { inflight: health.inflight(url), healthy: health.isHealthy(url, nowMs()) }
  }
}

/** An attempt on its way, and what is settled when it is over. */
class Sent implements Started {
  readonly attempt: Attempt
  readonly #shared: Shared
  readonly #candidate: Candidate
  readonly #paid: Paid
  readonly #traced: AttemptTrace | null

  constructor(
    shared: Shared,
    of: {
      readonly candidate: Candidate
      readonly attempt: Attempt
      readonly paid: Paid
      readonly traced: AttemptTrace | null
    },
  ) {
    this.#shared = shared
    this.attempt = of.attempt
    this.#candidate = of.candidate
    this.#paid = of.paid
    this.#traced = of.traced
  }

  begun(): void {
    this.#shared.health.answers(this.#candidate.url)
  }

  over(how: 'answered' | 'failed' | 'aborted'): void {
    this.#shared.health.end(this.#candidate.url, how, this.#shared.nowMs())
    this.#settle(how)
  }

  /** What costs nothing may go on beside its end, for its endpoint's circuit alone. */
  lost(): void {
    const { health, nowMs } = this.#shared
    const { url } = this.#candidate
    const { attempt } = this
    const isSilent = attempt.course.headersMs === null
    if (!isSilent || !this.#paid.isFree || !health.tryLoser(url)) {
      attempt.cancel()
      return this.over('aborted')
    }
    this.#settle('aborted')
    void attempt.outcome.then((outcome) => {
      const isFault = outcome.kind === 'failed' && isTargetsFault(outcome.failure)
      health.endLoser(url, isFault ? 'failed' : 'answered', nowMs())
      attempt.cancel() // a stream that nobody reads
    })
  }

  #settle(how: 'answered' | 'failed' | 'aborted'): void {
    this.#paid.settle(this.attempt.spent(this.#candidate.outbound.body?.length ?? 0))
    this.#traced?.onOver?.({ how, ...this.attempt.course })
  }
}

/** Why the route's rules leave nobody; null where they do. */
function noTarget({ selection, route }: Call): Impossible | null {
  if (selection === null || selection.targets.length > 0) return null
  const reasons = removedOf(selection).join('; ')
  const message = `no target of ${route.name} may answer this request: ${reasons}`
  return { kind: 'impossible', code: 'no_target', field: 'model', message }
}

function removedOf(selection: Call['selection']): string[] {
  return (selection?.removed ?? []).map(({ name, filter, why }) => `${name} (${filter}: ${why})`)
}

function placeOf(provider: ProviderEntry, target: ProviderTarget): ProviderPlace {
  const known = places.get(target)
  if (known?.provider === provider) return known
  const base = provider.baseUrl.replace(/\/$/, '')
  const release = `${base}#${target.model}`
  const { apiKey, project, name } = provider
  const url = apiKey === undefined ? release : `${release} ${project}/${name}`
  const place = { provider, base, release, url }
  places.set(target, place)
  return place
}

function withHeaders(outbound: Outbound, headers: Readonly<Record<string, string>>): Outbound {
  return { ...outbound, headers: { ...outbound.headers, ...headers } }
}
