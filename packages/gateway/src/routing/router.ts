// Router
//
// What all calls of a gateway share: connections, what was seen of endpoints, who pays.

import { weightsOf } from '@tutti/core/routing'
import type { Batch } from '../wire/index.ts'
import type { Call } from './call.ts'
import { CallTargets, type Scoring, type Shared } from './call-targets.ts'
import { EndpointHealth } from './endpoint-health.ts'
import { promptBlocks } from './prompt-blocks.ts'
import { Pursuit } from './pursuit.ts'
import { RetryBudget } from './retry-budget.ts'
import { TargetViews } from './target-views.ts'
import { Upstreams } from './upstreams.ts'

export interface RouterOptions
  extends Pick<Shared, 'region' | 'directory' | 'relayOf' | 'nowMs' | 'chance' | 'cashier'> {
  readonly batch: Batch
}

const noBlocks = new Float64Array(0)

export class Router {
  readonly #shared: Shared

  constructor({ batch, ...own }: RouterOptions) {
    this.#shared = {
      ...own,
      ...{ upstreams: new Upstreams(batch), health: new EndpointHealth() },
      ...{ retries: new RetryBudget(), views: new TargetViews() },
    }
  }

  stop(): void {
    this.#shared.upstreams.stop()
  }

  /** Begins to look for an answer; `before` broke off in the middle of a stream. */
  pursue(call: Call, before: Pursuit | null = null): Pursuit {
    if (before === null) this.#shared.retries.earn(call.route)
    return new Pursuit(new CallTargets(this.#shared, call, scoringOf(call)), call, before)
  }
}

/** Null for routes that go by weight alone. */
function scoringOf({ route, promptBytes }: Call): Scoring | null {
  const weights = weightsOf(route.strategy)
  if (weights === null) return null
  const isByPrefix = weights.uncached > 0 && promptBytes !== null
  return { weights, blocks: isByPrefix ? promptBlocks(promptBytes) : noBlocks }
}
