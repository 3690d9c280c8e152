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
  /** Losers of a race that go on for nobody. */
  losers: number
}

// Of one endpoint, at a time: as many failures as open a circuit.
const losersMax = 3
const urlsMax = 100_000 // more than one gateway ever serves; a bound on hostile churn

export class EndpointHealth {
  /** Written by `begin`, `answers`, `tryLoser` and `end`. */
  readonly #seen = new Map<string, Seen>()

  inflight(url: string): number {
    return this.#seen.get(url)?.inflight ?? 0
  }

  isHealthy(url: string, nowMs: number): boolean {
    return mayPass(this.#seen.get(url)?.circuit ?? circuitStart, nowMs)
  }

  /** Nothing is held against these accounts, which are asked with another key from now on. */
  forgive(accounts: ReadonlySet<string>): void {
    if (accounts.size === 0) return
    for (const [url, seen] of this.#seen) {
      const account = url.slice(url.lastIndexOf(' ') + 1)
      if (accounts.has(account)) seen.circuit = circuitStart
    }
  }

  /** A request goes out; call `end` with how it went. */
  begin(url: string): void {
    if (this.#seen.size >= urlsMax) this.#seen.clear()
    const seen = this.#seen.get(url) ?? { inflight: 0, circuit: circuitStart, losers: 0 }
    seen.inflight += 1
    seen.circuit = circuitAfterStart(seen.circuit)
    this.#seen.set(url, seen)
  }

  /** The first of an answer has come: the rest may take minutes. */
  answers(url: string): void {
    const seen = this.#seen.get(url)
    if (seen !== undefined) seen.circuit = circuitAfterBeginning(seen.circuit)
  }

  /**
   * Whether one that somebody else was faster than goes on until it has answered or is over its own
   * time: a slow one is told from one that never answers. Then `endLoser` says how it went.
   */
  tryLoser(url: string): boolean {
    const seen = this.#seen.get(url)
    if (seen === undefined || seen.losers >= losersMax) return false
    seen.losers += 1
    return true
  }

  endLoser(url: string, outcome: 'answered' | 'failed', nowMs: number): void {
    const seen = this.#seen.get(url)
    if (seen !== undefined) seen.losers = Math.max(0, seen.losers - 1)
    this.end(url, outcome, nowMs)
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
