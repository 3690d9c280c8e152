// Recent predictions
//
// Which release answered which request with which labels, for the last few thousand requests, so that a
// caller who later learns the truth can say so. What is judged feeds the gate of a rollout.

import type { ReleaseName, Telemetry } from './telemetry.ts'

export type Judgement =
  /** `counted` is false where the same was said before. */
  | { readonly ok: true; readonly correct: boolean; readonly counted: boolean }
  | { readonly ok: false; readonly reason: 'unknown-request' | 'no-label' | 'contradiction' }

interface Prediction {
  readonly of: ReleaseName
  readonly labels: readonly (string | null)[]
  /** What callers said, by item; written by `judge`. */
  readonly judged: Map<number, string>
}

const requestsMax = 10_000 // at 100 requests/s, a caller has 100 s to come back
const labelsMax = 100_000 // requests with many items count for as many

export class RecentPredictions {
  /** By request id, oldest first; `remember` adds and removes. */
  readonly #predictions = new Map<string, Prediction>()
  /** Labels in all; written by `remember`. */
  #labelCount = 0
  readonly #telemetry: Telemetry

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry
  }

  remember(requestId: string, of: ReleaseName, labels: readonly (string | null)[]): void {
    this.#forget(requestId)
    if (labels.length === 0 || labels.length > labelsMax) return
    const { model, release } = of
    this.#predictions.set(requestId, { of: { model, release }, labels, judged: new Map() })
    this.#labelCount += labels.length
    for (const oldest of this.#predictions.keys()) {
      if (this.#predictions.size <= requestsMax && this.#labelCount <= labelsMax) return
      this.#forget(oldest)
    }
  }

  /** Counts a caller's word on one item of an earlier request, once. */
  judge(requestId: string, item: number, label: string): Judgement {
    const prediction = this.#predictions.get(requestId)
    if (prediction === undefined) return { ok: false, reason: 'unknown-request' }
    const predicted = prediction.labels[item] ?? null
    if (predicted === null) return { ok: false, reason: 'no-label' }
    const before = prediction.judged.get(item)
    if (before !== undefined && before !== label) return { ok: false, reason: 'contradiction' }
    const correct = predicted === label
    if (before !== undefined) return { ok: true, correct, counted: false }
    prediction.judged.set(item, label)
    this.#telemetry.countFeedback(prediction.of, correct)
    return { ok: true, correct, counted: true }
  }

  #forget(requestId: string): void {
    const prediction = this.#predictions.get(requestId)
    if (prediction === undefined) return
    this.#labelCount -= prediction.labels.length
    this.#predictions.delete(requestId)
  }
}
