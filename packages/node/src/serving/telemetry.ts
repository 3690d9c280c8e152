// Telemetry
//
// What each release did on this node since the last heartbeat. A release is counted under the name that it
// serves, for two deployments may run the same one. Errors are the model's: bad input and a full node are not.

import {
  addLatency,
  mergeSketches,
  newBuckets,
  type Sketch,
  type SketchBuckets,
  takeSketch,
} from '@tutti/core/resource'

/** The counts of one release since the last `take`. */
export interface ReleaseCounts {
  readonly model: string
  readonly release: string
  readonly requests: number
  readonly errors: number
  readonly correct: number
  readonly incorrect: number
  /** Microseconds from the queue to the answer, of requests that were answered. */
  readonly latency: Sketch
}

interface Counter {
  readonly model: string
  readonly release: string
  requests: number
  errors: number
  correct: number
  incorrect: number
  readonly latency: SketchBuckets
  /** Given back, to be sent with the next take. */
  past: Sketch
}

// 64: as many as one heartbeat carries. A node that is cut off stages far fewer before it is heard again.
const releasesMax = 64

export class Telemetry {
  /** By model and release; every method writes. */
  readonly #counters = new Map<string, Counter>()

  countAnswer(of: ReleaseName, latencyMicros: number): void {
    const counter = this.#counterOf(of)
    counter.requests += 1
    addLatency(counter.latency, latencyMicros)
  }

  /** A failed request has no latency: a model that fails fast must not look fast. */
  countError(of: ReleaseName): void {
    const counter = this.#counterOf(of)
    counter.requests += 1
    counter.errors += 1
  }

  countFeedback(of: ReleaseName, correct: boolean): void {
    const counter = this.#counterOf(of)
    if (correct) counter.correct += 1
    else counter.incorrect += 1
  }

  /** The counts since the last take; counting starts again from nothing. */
  take(): ReleaseCounts[] {
    const taken = [...this.#counters.values()].map(({ past, latency, ...counts }) => ({
      ...counts,
      latency: mergeSketches(past, takeSketch(latency)),
    }))
    this.#counters.clear()
    return taken
  }

  /** Takes counts back that could not be sent, so that the next take holds them. */
  giveBack(counts: readonly ReleaseCounts[]): void {
    for (const { latency, requests, errors, correct, incorrect, ...of } of counts) {
      const counter = this.#counterOf(of)
      counter.requests += requests
      counter.errors += errors
      counter.correct += correct
      counter.incorrect += incorrect
      counter.past = mergeSketches(counter.past, latency)
    }
  }

  #counterOf({ model, release }: ReleaseName): Counter {
    const key = `${model} ${release}`
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    const [oldest] = this.#counters.keys()
    if (this.#counters.size >= releasesMax && oldest !== undefined) this.#counters.delete(oldest)
    const counts = { requests: 0, errors: 0, correct: 0, incorrect: 0 }
    const counter = { model, release, ...counts, latency: newBuckets(), past: [] }
    this.#counters.set(key, counter)
    return counter
  }
}

/** A release under the name that it serves. */
export interface ReleaseName {
  readonly model: string
  readonly release: string
}
