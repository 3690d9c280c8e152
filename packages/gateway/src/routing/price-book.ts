// Price book
//
// What a target costs: its own price where the Route has one, nothing for nodes and own engines, else the provider's
// list price of @pydantic/genai-prices. Looked up once for each target of a snapshot: a look-up costs 20 µs.

import { calcPrice, type TieredPrices } from '@pydantic/genai-prices'
import { flatRate, freePrice, type Price, priceOfTarget, type Rate } from '@tutti/core/routing'
import type { Candidate } from './call.ts'
import type { ProviderEntry } from './directory.ts'

const targetsMax = 10_000

export class PriceBook {
  /** By provider and model; null where nobody knows a price. Emptied with each snapshot. */
  readonly #known = new Map<string, Price | null>()

  forget(): void {
    this.#known.clear()
  }

  priceOf({ target, provider }: Pick<Candidate, 'target' | 'provider'>): Price | null {
    if (target.price !== undefined) return priceOfTarget(target.price)
    if (provider === null || !('provider' in target)) return freePrice
    const name = `${provider.baseUrl} ${target.model}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const price = listPrice(provider, target.model)
    if (this.#known.size >= targetsMax) this.#known.clear()
    this.#known.set(name, price)
    return price
  }
}

function listPrice(provider: ProviderEntry, model: string): Price | null {
  // one's own engines are paid for otherwise
  if (provider.allowPrivateNetwork) return freePrice
  try {
    const found = calcPrice({ input_tokens: 0, output_tokens: 0 }, model, {
      providerApiUrl: provider.baseUrl,
    })
    if (found === null) return null
    const rates = found.model_price
    const input = rateOf(rates['input_mtok']) ?? flatRate(0)
    return {
      input,
      output: rateOf(rates['output_mtok']) ?? flatRate(0),
      cached: rateOf(rates['cache_read_mtok']) ?? input,
      cacheWritten: rateOf(rates['cache_write_mtok']) ?? input,
      perCall: 0,
    }
  } catch {
    return null // it knows neither the provider nor the model
  }
}

function rateOf(price: number | TieredPrices | undefined): Rate | null {
  if (price === undefined) return null
  if (typeof price === 'number') return flatRate(price)
  return { base: price.base, tiers: price.tiers }
}
