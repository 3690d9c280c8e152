// Price book
//
// What a target costs: its own price where the Route has one, nothing for nodes and own engines, else the provider's
// list price of @pydantic/genai-prices at the time: some are cheaper by night, others change on a day. Looked up four times
// an hour for each target of a snapshot: a look-up costs 20 µs. A gateway of own engines alone does without the list: it
// takes 50 ms, and what lives long 5 MB.
//
// Invariants:
//   L1. What a provider charges besides what is counted here is no price: nobody knows what that costs.
//   L2. Of a call that began before a snapshot its targets are of before, and whoever answers for them is not: the price
//       is his.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { calcPrice, TieredPrices } from '@pydantic/genai-prices'
import {
  flatRate,
  freePrice,
  type Price,
  priceOfTarget,
  type Rate,
  type RouteTarget,
  type Snapshot,
} from '@tutti/core/routing'
import type { Candidate } from './call.ts'
import type { ProviderEntry } from './directory.ts'

const require = createRequire(import.meta.url)
const listName = '@pydantic/genai-prices'

const quarterMs = 900_000 // prices that depend on the time of day begin with one

interface Known {
  readonly provider: ProviderEntry | null
  /** Null where nobody knows one. */
  readonly price: Price | null
}

export class PriceBook {
  readonly #nowMs: () => number
  /** A new snapshot has new targets. */
  #known = new WeakMap<RouteTarget, Known>()
  /** In which they were looked up; written by `priceOf`. */
  #quarter = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** The list is read with a snapshot that may need it, so that no request waits for that. */
  renew({ providers }: Pick<Snapshot, 'providers'>): void {
    this.#known = new WeakMap()
    if (providers.some(isListed)) listPrices()
  }

  priceOf({ target, provider }: Pick<Candidate, 'target' | 'provider'>): Price | null {
    const nowMs = this.#nowMs()
    const quarter = Math.floor(nowMs / quarterMs)
    if (quarter !== this.#quarter) this.#known = new WeakMap()
    this.#quarter = quarter
    const known = this.#known.get(target)
    if (known !== undefined && known.provider === provider) return known.price // L2
    const price = findPrice({ target, provider }, nowMs)
    this.#known.set(target, { provider, price })
    return price
  }
}

/** One's own engines are paid for otherwise. */
function isListed({ allowPrivateNetwork }: Pick<ProviderEntry, 'allowPrivateNetwork'>): boolean {
  return !allowPrivateNetwork
}

function findPrice(
  { target, provider }: Pick<Candidate, 'target' | 'provider'>,
  nowMs: number,
): Price | null {
  if (target.price !== undefined) return priceOfTarget(target.price)
  return provider === null || !('provider' in target)
    ? freePrice
    : listPrice(provider, { model: target.model, at: new Date(nowMs) })
}

// What is counted, and what is only charged to who asks for it: for that a Budget does not pay (docs/decisions/0011).
const counted = new Set([
  ...['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok', 'cache_write_1h_mtok'],
  ...['requests_kcount', 'web_searches_kcount', 'storage_searches_kcount'],
  ...['input_audio_mtok', 'cache_audio_read_mtok'],
])

function listPrice(
  provider: ProviderEntry,
  { model, at }: { readonly model: string; readonly at: Date },
): Price | null {
  if (!isListed(provider)) return freePrice
  try {
    const found = listPrices().calcPrice({ input_tokens: 0, output_tokens: 0 }, model, {
      providerApiUrl: provider.baseUrl,
      timestamp: at,
    })
    if (found === null) return null
    const rates = found.model_price
    const names = Object.keys(rates).filter((name) => rates[name] !== undefined)
    const isCounted = names.length > 0 && names.every((name) => counted.has(name))
    if (!isCounted) return null // L1
    const input = rateOf(rates['input_mtok']) ?? flatRate(0)
    const cacheWritten = rateOf(rates['cache_write_mtok']) ?? input
    return {
      input,
      output: rateOf(rates['output_mtok']) ?? flatRate(0),
      cached: rateOf(rates['cache_read_mtok']) ?? input,
      cacheWritten,
      cacheWrittenLong: rateOf(rates['cache_write_1h_mtok']) ?? cacheWritten,
      perCall: (rateOf(rates['requests_kcount'])?.base ?? 0) / 1_000,
      ...{ perSecond: 0, secondsMax: 0 },
      list: `${listed} ${at.toISOString().slice(0, 10)}`,
    }
  } catch {
    return null // it knows neither the provider nor the model
  }
}

/** In the form that Node loads at once; the module that is imported takes twice the memory. */
function listPrices(): { readonly calcPrice: typeof calcPrice } {
  return require(listName)
}

const listed = nameOfList()

/** With its version; the package does not export what says it. */
function nameOfList(): string {
  const path = join(require.resolve(listName), '../../package.json')
  const about: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const isTold = typeof about === 'object' && about !== null && 'version' in about
  return isTold ? `${listName} ${String(about.version)}` : listName
}

function rateOf(price: number | TieredPrices | undefined): Rate | null {
  if (price === undefined) return null
  if (typeof price === 'number') return flatRate(price)
  return { base: price.base, tiers: price.tiers }
}
