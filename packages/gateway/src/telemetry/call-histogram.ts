// Call histogram
//
// Durations and tokens of calls, counted in the buckets that the semantic conventions for generative AI ask for.

import { type CallFacts, errorType, providerName } from './call-span.ts'

export interface HistogramPoint {
  readonly attributes: Readonly<Record<string, string | null>>
  /** One more than there are bounds. */
  readonly counts: number[]
  sum: number
  count: number
}

export interface CallHistogram {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly bounds: readonly number[]
  readonly points: readonly HistogramPoint[]
}

const secondBounds = [
  ...[0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
]
const tokenBounds = Array.from({ length: 14 }, (_, i) => 4 ** i)
const pointsMax = 2_000 // routes times providers times kinds of errors; more are not counted

class Histogram implements CallHistogram {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly bounds: readonly number[]
  /** By attributes; written by `add`. */
  readonly #points = new Map<string, HistogramPoint>()

  constructor(of: Pick<CallHistogram, 'name' | 'unit' | 'description' | 'bounds'>) {
    this.name = of.name
    this.unit = of.unit
    this.description = of.description
    this.bounds = of.bounds
  }

  get points(): readonly HistogramPoint[] {
    return [...this.#points.values()]
  }

  add(value: number, attributes: HistogramPoint['attributes']): void {
    const name = Object.values(attributes).join('\n')
    let point = this.#points.get(name)
    if (point === undefined) {
      if (this.#points.size >= pointsMax) return
      const counts = new Array<number>(this.bounds.length + 1).fill(0)
      point = { attributes, counts, sum: 0, count: 0 }
      this.#points.set(name, point)
    }
    const over = this.bounds.findIndex((bound) => value <= bound)
    const place = over === -1 ? this.bounds.length : over
    point.counts[place] = (point.counts[place] ?? 0) + 1
    point.sum += value
    point.count += 1
  }
}

/** Lives as long as an exporter; written by `add`. */
export class CallHistograms {
  readonly #duration = new Histogram({
    ...{ name: 'gen_ai.client.operation.duration', unit: 's', bounds: secondBounds },
    description: 'GenAI operation duration.',
  })
  readonly #firstChunk = new Histogram({
    ...{ name: 'gen_ai.client.operation.time_to_first_chunk', unit: 's', bounds: secondBounds },
    description: 'Time to receive the first chunk.',
  })
  readonly #tokens = new Histogram({
    ...{ name: 'gen_ai.client.token.usage', unit: '{token}', bounds: tokenBounds },
    description: 'Number of input and output tokens used.',
  })

  get all(): readonly CallHistogram[] {
    const all = [this.#duration, this.#firstChunk, this.#tokens]
    return all.filter(({ points }) => points.length > 0)
  }

  add(facts: CallFacts): void {
    const { startMs, endMs, firstMs, status, inputTokens, outputTokens } = facts
    const attributes = {
      'gen_ai.operation.name': facts.operation,
      'gen_ai.provider.name': providerName(facts.provider),
      'gen_ai.request.model': facts.route,
      'gen_ai.response.model': facts.model,
    }
    const failed = { ...attributes, 'error.type': errorType(status) }
    this.#duration.add((endMs - startMs) / 1_000, failed)
    if (firstMs !== null) this.#firstChunk.add((firstMs - startMs) / 1_000, attributes)
    if (inputTokens > 0) {
      this.#tokens.add(inputTokens, { ...attributes, 'gen_ai.token.type': 'input' })
    }
    if (outputTokens > 0) {
      this.#tokens.add(outputTokens, { ...attributes, 'gen_ai.token.type': 'output' })
    }
  }
}
