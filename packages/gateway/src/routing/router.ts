// Router
//
// What all calls of a gateway share: connections, what was seen of endpoints, who pays.

import type { Snapshot } from '@tutti/core/routing'
import type { Batch } from '../wire/index.ts'
import type { Bounds, Call, Selection } from './call.ts'
import { CallTargets, type Scoring, type Shared } from './call-targets.ts'
import type { Cashier } from './cashier.ts'
import type { Asker } from './condition.ts'
import type { Directory, KeyEntry, RouteEntry } from './directory.ts'
import { EndpointHealth } from './endpoint-health.ts'
import { promptBlocks } from './prompt-blocks.ts'
import { Pursuit } from './pursuit.ts'
import { RefusedKeys, type RefusedKeysPorts } from './refused-keys.ts'
import { RetryBudget } from './retry-budget.ts'
import { noRules, type RouteRules, rulesOf, weightsOfRoute } from './route-rules.ts'
import { mayBeTooLong, selectTargets } from './select-targets.ts'
import { TargetViews } from './target-views.ts'
import { Upstreams } from './upstreams.ts'

/** Its `nowMs` is a steady one: it tells how long something took, and knows no date. */
export interface RouterOptions
  extends Pick<Shared, 'region' | 'directory' | 'relayOf' | 'nowMs' | 'chance' | 'cashier'> {
  readonly batch: Batch
  readonly log: RefusedKeysPorts['log']
}

/** Who asks is looked at only where a route's rules want to know. */
export interface Selecting {
  readonly key: KeyEntry
  readonly asker: () => Asker
  readonly bounds: Bounds | null
}

/** True where length is all that the rules look at, and this request is short. */
function isFree(rules: RouteRules, { key, bounds }: Selecting): boolean {
  const isPlain = !rules.isFiltering && !rules.hasSubjects && key.refused === undefined
  return isPlain && !mayBeTooLong(rules, bounds)
}

const noBlocks = new Float64Array(0)

export class Router {
  readonly #shared: Shared
  /** Of each Provider, by project and name; written by `renew`. */
  #keys: ReadonlyMap<string, string> = new Map()

  constructor({ batch, log, ...own }: RouterOptions) {
    this.#shared = {
      ...own,
      ...{ upstreams: new Upstreams(batch), health: new EndpointHealth() },
      ...{ retries: new RetryBudget(), views: new TargetViews() },
      refusedKeys: new RefusedKeys({ log, nowMs: own.nowMs }),
    }
  }

  /** Who is asked with another key from now on has a beginning of its own. */
  renew({ providers }: Pick<Snapshot, 'providers'>): void {
    const { health, refusedKeys } = this.#shared
    const keys = new Map<string, string>()
    const renewed = new Set<string>()
    for (const { project, name, apiKey = '' } of providers) {
      const account = `${project}/${name}`
      keys.set(account, apiKey)
      if ((this.#keys.get(account) ?? apiKey) === apiKey) continue
      renewed.add(account)
      refusedKeys.forget(account)
    }
    health.forgive(renewed)
    this.#keys = keys
  }

  stop(): void {
    this.#shared.upstreams.stop()
  }

  /** Whom a request of this route may be asked of; null where neither route nor key has rules. */
  select(directory: Directory, route: RouteEntry, of: Selecting): Selection | null {
    const rules = rulesOf(route) ?? (of.key.refused === undefined ? null : noRules)
    if (rules === null || isFree(rules, of)) return null
    const ports = { directory, cashier: this.#shared.cashier }
    return selectTargets(ports, { route, rules }, { asker: of.asker(), bounds: of.bounds })
  }

  /** Who pays, also for what is no call of a model. */
  get cashier(): Pick<Cashier, 'reserveCall' | 'overSoft'> {
    return this.#shared.cashier
  }

  /** Begins to look for an answer; `before` broke off in the middle of a stream. */
  pursue(call: Call, before: Pursuit | null = null): Pursuit {
    if (before === null) this.#shared.retries.earn(call.route)
    return new Pursuit(new CallTargets(this.#shared, call, scoringOf(call)), call, before)
  }
}

/** Null for routes that go by weight alone. */
function scoringOf({ route, promptBytes }: Call): Scoring | null {
  const weights = weightsOfRoute(route)
  if (weights === null) return null
  const isByPrefix = weights.uncached > 0 && promptBytes !== null
  return { weights, blocks: isByPrefix ? promptBlocks(promptBytes) : noBlocks }
}
