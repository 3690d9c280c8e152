// Chance
//
// Everything random in a simulated world comes from one seed, so that a history that went wrong is told
// again by its number.

export class Chance {
  /** The state of mulberry32; written by `next` alone. */
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  hits(share: number): boolean {
    return this.next() < share
  }

  pick<T>(among: readonly T[]): T {
    const one = among[this.between(0, among.length - 1)]
    if (one === undefined) throw new Error('nothing to pick from')
    return one
  }
}
