// Price book
//
// What a target costs: its own price where the Route has one, nothing for nodes and own engines, else the provider's
// list price of @pydantic/genai-prices, as of the day. Looked up once for each target of a snapshot: a look-up costs 20 µs.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { calcPrice, type TieredPrices } from '@pydantic/genai-prices'
import {
  flatRate,
  freePrice,
  type Price,
  priceOfTarget,
  type Rate,
  type RouteTarget,
} from '@tutti/core/routing'
import type { Candidate } from './call.ts'
import type { ProviderEntry } from './directory.ts'

export class PriceBook {
  /** Null where nobody knows a price. A new snapshot has new targets. */
  #known = new WeakMap<RouteTarget, Price | null>()

  forget(): void {
    this.#known = new WeakMap()
  }

  priceOf({ target, provider }: Pick<Candidate, 'target' | 'provider'>): Price | null {
    const known = this.#known.get(target)
    if (known !== undefined) return known
    const price = findPrice(target, provider)
    this.#known.set(target, price)
    return price
  }
}

function findPrice(target: RouteTarget, provider: ProviderEntry | null): Price | null {
  if (target.price !== undefined) return priceOfTarget(target.price)
  return provider === null || !('provider' in target)
    ? freePrice
    : listPrice(provider, target.model)
}

function listPrice(provider: ProviderEntry, model: string): Price | null {
  // one's own engines are paid for otherwise
  if (provider.allowPrivateNetwork) return freePrice
  const at = new Date()
  try {
    const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, {
      providerApiUrl: provider.baseUrl,
      timestamp: at,
    })
    if (found === null) return null
    const rates = found.model_price
    const input = rateOf(rates['input_mtok']) ?? flatRate(0)
    const cacheWritten = rateOf(rates['cache_write_mtok']) ?? input
    return {
      input,
      output: rateOf(rates['output_mtok']) ?? flatRate(0),
      cached: rateOf(rates['cache_read_mtok']) ?? input,
      cacheWritten,
      cacheWrittenLong: rateOf(rates['cache_write_1h_mtok']) ?? cacheWritten,
      ...{ perCall: 0, perSecond: 0, secondsMax: 0 },
      list: `${listName} ${at.toISOString().slice(0, 10)}`,
    }
  } catch {
    return null // it knows neither the provider nor the model
  }
}

const listName = nameOfList('@pydantic/genai-prices')

/** With its version; the package does not export what says it. */
function nameOfList(name: string): string {
  const main = createRequire(import.meta.url).resolve(name)
  const about: unknown = JSON.parse(readFileSync(join(main, '../../package.json'), 'utf8'))
  const isTold = typeof about === 'object' && about !== null && 'version' in about
  return isTold ? `${name} ${String(about.version)}` : name
}

function rateOf(price: number | TieredPrices | undefined): Rate | null {
  if (price === undefined) return null
  if (typeof price === 'number') return flatRate(price)
  return { base: price.base, tiers: price.tiers }
}
