// Tally
//
// What one request has cost so far, over all of its attempts. What its guard or its cache asked of another Route is part of
// its cost, and counts under that Route: so the usage of a Route is what Budgets of it are charged.

import { noUsage, type Usage } from '@tutti/core/dialect'
import type { UsagePlace } from '@tutti/core/routing'
import type { Charge, ProviderTarget, UsageCounts } from '../routing/index.ts'

export interface ModelCharge extends Usage {
  readonly model: string
  /** The Route that was asked on behalf of the request; null for its own. */
  readonly beside: string | null
  readonly costNanos: number | null
}

export class Tally {
  readonly targets: string[] = []
  /** What each attempt was charged, by model. */
  readonly charges: ModelCharge[] = []
  /** Of the last that was asked: what it speaks, `tutti` for nodes, and its model. */
  provider: string | null = null
  model: string | null = null
  inputTokens = 0
  outputTokens = 0
  cachedTokens = 0
  /** Null once a target without a known price was asked. */
  costNanos: number | null = 0
  isEstimated = false
  /** The list of prices that the last was charged by; null for a price of one's own. */
  priceList: string | null = null

  /**
   * Each attempt counts with its own model, the request with the one of its Route that was asked
   * last.
   */
  count(
    usage: UsageCounts,
    place: Omit<UsagePlace, 'model'>,
    over: { readonly isFailed: boolean; readonly isCached: boolean },
  ): void {
    const { project, key, route } = place
    // Written out, here and below: it is done for every request.
    let last = 'none'
    for (const { model, beside, input, output, cached, costNanos } of this.charges) {
      const counts = {
        inputTokens: input,
        outputTokens: output,
        cachedTokens: cached,
        costNanos: costNanos ?? 0,
        unpriced: costNanos === null ? 1 : 0,
      }
      usage.add({ project, key, route: beside ?? route, model }, counts)
      if (beside === null) last = model
    }
    const model = over.isCached ? 'cache' : last
    usage.add({ project, key, route, model }, { requests: 1, failed: over.isFailed ? 1 : 0 })
  }

  /** A call of a tool, which counts under `model`. */
  addCall(target: string, model: string, costNanos: number): void {
    this.provider = 'mcp'
    this.model = model
    this.targets.push(target)
    this.charges.push({ ...noUsage, model, beside: null, costNanos })
    this.costNanos = this.costNanos === null ? null : this.costNanos + costNanos
  }

  /** What the request's own Route was asked. */
  add(charge: Charge): void {
    const { target, provider } = charge.candidate
    this.provider = provider?.dialect ?? 'tutti'
    this.model = 'provider' in target ? target.model : target.deployment
    this.priceList = charge.priceList
    this.addBeside(charge, null)
  }

  /** What another Route was asked on its behalf. Sums are written by this and `addCall` alone. */
  addBeside({ candidate, spent, costNanos }: Charge, beside: string | null): void {
    const { target, node } = candidate
    const model = 'provider' in target ? providersModel(target) : target.deployment
    this.targets.push(node === null ? model : `${model} on ${node.name}`)
    const { input, output, cached, cacheWritten, reasoning } = spent.usage
    // Not spread into it: V8 then puts all that is made here among what lives long, 800 bytes each.
    this.charges.push({
      input,
      output,
      cached,
      cacheWritten,
      reasoning,
      model,
      beside,
      costNanos,
    })
    this.inputTokens += spent.usage.input
    this.outputTokens += spent.usage.output
    this.cachedTokens += spent.usage.cached
    this.costNanos =
      this.costNanos === null || costNanos === null ? null : this.costNanos + costNanos
    this.isEstimated ||= spent.isEstimated
  }
}

const names = new WeakMap<ProviderTarget, string>()

/** The same text each time: ten thousand records of requests hold it. */
function providersModel(target: ProviderTarget): string {
  const known = names.get(target)
  if (known !== undefined) return known
  const made = `${target.provider}/${target.model}`
  names.set(target, made)
  return made
}
