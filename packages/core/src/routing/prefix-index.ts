// Prefix index
//
// What a gateway believes that a target has cached: the blocks of the prompts that were sent to it, long unused ones
// forgotten. No tokenizer: a block is known by the hash of all text up to its end, so that equal hashes mean equal
// beginnings. Two generations instead of a list by last use: a block that is used again moves to the young one, and
// once that is full the old one is dropped whole; an exact order costs four times as much and routes no better.
//
// Invariants:
//   X1. Where a block is believed to be, all are that come before it in its prompt: they were sent with it.

export class PrefixIndex {
  readonly #generationMax: number
  /** Written by `add`. */
  #young = new Set<number>()
  #old: ReadonlySet<number> = new Set()

  /** Holds between one and two generations of blocks. */
  constructor(generationMax: number) {
    this.#generationMax = generationMax
  }

  /** How many of the prompt's blocks, from its beginning on, are believed to be there. */
  matched(hashes: ArrayLike<number>): number {
    let [count, end] = [0, hashes.length]
    while (count < end) {
      const middle = (count + end) >>> 1
      if (this.#has(hashes[middle] ?? Number.NaN))
        count = middle + 1 // X1
      else end = middle
    }
    return count
  }

  /** A prompt was sent there. */
  add(hashes: ArrayLike<number>): void {
    for (let i = 0; i < hashes.length; i++) this.#young.add(hashes[i] ?? 0)
    if (this.#young.size < this.#generationMax) return
    this.#old = this.#young
    this.#young = new Set()
  }

  #has(hash: number): boolean {
    return this.#young.has(hash) || this.#old.has(hash)
  }
}
