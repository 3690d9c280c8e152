// Endpoint health
//
// What this gateway has seen of each URL: requests on their way, and its circuit. Kept by URL, so that it
// outlives a swap of snapshots.

import {
  type Circuit,
  circuitAfterBeginning,
  circuitAfterFailure,
  circuitAfterStart,
  circuitAfterSuccess,
  circuitStart,
  mayPass,
} from '@tutti/core/routing'

interface Seen {
  inflight: number
  circuit: Circuit
}

const urlsMax = 100_000 // more than one gateway ever serves; a bound on hostile churn

export class EndpointHealth {
  /** Written by `begin` and `end`. */
  readonly #seen = new Map<string, Seen>()

  inflight(url: string): number {
    return this.#seen.get(url)?.inflight ?? 0
  }

  isHealthy(url: string, nowMs: number): boolean {
    return mayPass(this.#seen.get(url)?.circuit ?? circuitStart, nowMs)
  }

  /** A request goes out; call `end` with how it went. */
  begin(url: string): void {
    if (this.#seen.size >= urlsMax) this.#seen.clear()
    const seen = this.#seen.get(url) ?? { inflight: 0, circuit: circuitStart }
    seen.inflight += 1
    seen.circuit = circuitAfterStart(seen.circuit)
    this.#seen.set(url, seen)
  }

  /** The first of an answer has come: the rest may take minutes. */
  answers(url: string): void {
    const seen = this.#seen.get(url)
    if (seen !== undefined) seen.circuit = circuitAfterBeginning(seen.circuit)
  }

  end(url: string, outcome: 'answered' | 'failed' | 'aborted', nowMs: number): void {
    const seen = this.#seen.get(url)
    if (seen === undefined) return
    seen.inflight = Math.max(0, seen.inflight - 1)
    if (outcome === 'answered') seen.circuit = circuitAfterSuccess()
    if (outcome === 'failed') seen.circuit = circuitAfterFailure(seen.circuit, nowMs)
    if (outcome === 'aborted' && seen.circuit.phase === 'half-open') {
      // nothing learned
      seen.circuit = { phase: 'open', untilMs: nowMs, opened: seen.circuit.opened }
    }
  }
}
