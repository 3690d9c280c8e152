// Target views
//
// What strategies are decided by, as far as this gateway has seen it: which beginnings of prompts were sent where,
// how many blocks wait there for their first token, how long that usually takes.

import { PrefixIndex } from '@tutti/core/routing'

interface Seen {
  readonly index: PrefixIndex
  pendingBlocks: number
  latencyMs: number
}

const targetsMax = 1_000 // each holds up to some hundred kilobytes of hashes
const generationBlocks = 8_000 // two of them are more than an engine of 16 GB holds
const latencyShare = 0.1 // of the newest in the mean: some twenty answers back

export class TargetViews {
  /** By URL; written by `began`. */
  readonly #seen = new Map<string, Seen>()

  of(url: string, blocks: Float64Array) {
    const seen = this.#seen.get(url)
    if (seen === undefined) {
      return { pendingBlocks: 0, uncachedBlocks: blocks.length, latencyMs: 0 }
    }
    const uncachedBlocks = blocks.length - seen.index.matched(blocks)
    return { pendingBlocks: seen.pendingBlocks, uncachedBlocks, latencyMs: seen.latencyMs }
  }

  /**
   * A prompt goes out; the function that comes back is called once, with its first content or its
   * end.
   */
  began(url: string, blocks: Float64Array, nowMs: number): (nowMs: number) => void {
    const seen = this.#seen.get(url) ?? this.#add(url)
    const uncached = blocks.length - seen.index.matched(blocks)
    seen.index.add(blocks)
    seen.pendingBlocks += uncached
    return (endMs) => {
      seen.pendingBlocks -= uncached
      const ms = Math.max(0, endMs - nowMs)
      const { latencyMs } = seen
      seen.latencyMs = latencyMs === 0 ? ms : latencyMs + (ms - latencyMs) * latencyShare
    }
  }

  #add(url: string): Seen {
    if (this.#seen.size >= targetsMax) this.#seen.clear()
    const seen = { index: new PrefixIndex(generationBlocks), pendingBlocks: 0, latencyMs: 0 }
    this.#seen.set(url, seen)
    return seen
  }
}
