// Statistics
//
// What one loaded model did since it was loaded, for its `/stats` page. Telemetry, which judges releases,
// counts for itself.

import type { ObservedRun } from './batcher.ts'

export interface Duration {
  readonly count: number
  readonly micros: number
}

export interface ModelStatistics {
  readonly lastInferenceMs: number
  readonly inferences: number
  readonly runs: number
  readonly success: Duration
  readonly fail: Duration
  readonly queue: Duration
  readonly compute: Duration
  /** Runs by the number of items in them, ascending. */
  readonly batches: readonly (Duration & { readonly items: number })[]
}

export class StatisticsCounter {
  #lastInferenceMs = 0
  #inferences = 0
  readonly #success = { count: 0, micros: 0 }
  readonly #fail = { count: 0, micros: 0 }
  readonly #queue = { count: 0, micros: 0 }
  readonly #compute = { count: 0, micros: 0 }
  /** By number of items, which the model's `batchMax` bounds. */
  readonly #batches = new Map<number, { count: number; micros: number }>()
  readonly #batchMax: number

  constructor(batchMax: number) {
    this.#batchMax = batchMax
  }

  countAnswer(micros: number, nowMs: number): void {
    this.#lastInferenceMs = nowMs
    add(this.#success, micros)
  }

  countError(micros: number): void {
    add(this.#fail, micros)
  }

  countRun({ items, runMicros, queuedMicros }: ObservedRun): void {
    const size = Math.min(items, this.#batchMax)
    this.#inferences += size
    add(this.#queue, queuedMicros)
    add(this.#compute, runMicros)
    const batch = this.#batches.get(size) ?? { count: 0, micros: 0 }
    add(batch, runMicros)
    this.#batches.set(size, batch)
  }

  read(): ModelStatistics {
    return {
      lastInferenceMs: this.#lastInferenceMs,
      inferences: this.#inferences,
      runs: this.#compute.count,
      success: { ...this.#success },
      fail: { ...this.#fail },
      queue: { ...this.#queue },
      compute: { ...this.#compute },
      batches: [...this.#batches]
        .sort(([a], [b]) => a - b)
        .map(([items, duration]) => ({ items, ...duration })),
    }
  }
}

function add(duration: { count: number; micros: number }, micros: number): void {
  duration.count += 1
  duration.micros += micros
}
