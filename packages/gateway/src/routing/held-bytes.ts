// Held bytes
//
// The beginning of something whose end has not come. Room for it is doubled: were the held bytes joined anew with each
// chunk, an event of 8 MB that drips in would be copied thousands of times.

export class HeldBytes {
  /** Its first `#length` bytes are held; what follows them is room. */
  #store: Buffer = nothing
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What is held, and this after it; holds until the next call. */
  join(chunk: Buffer): Buffer {
    if (this.#length === 0) return chunk
    const length = this.#length + chunk.length
    if (length > this.#store.length) {
      const store = Buffer.allocUnsafe(2 * length)
      this.#store.copy(store, 0, 0, this.#length)
      this.#store = store
    }
    chunk.copy(this.#store, this.#length)
    return this.#store.subarray(0, length)
  }

  /** Of what `join` gave, all from `from` on waits; what was before it is not written over. */
  keep(joined: Buffer, from: number): void {
    const isGrown = from === 0 && this.#length > 0
    if (!isGrown) this.#store = from === joined.length ? nothing : joined.subarray(from)
    this.#length = joined.length - from
  }
}

const nothing = Buffer.alloc(0)
