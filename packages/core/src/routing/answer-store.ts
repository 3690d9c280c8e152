// Answer store
//
// Answers that are given again, in memory: found by what was asked, or by what it means. The one that was used longest
// ago goes first where room is short.
//
// Invariants:
//   C3. Nothing is given after its time, which whoever asks says: a Route may have another one by then.
//   C4. What is kept has `bytesMax` bytes at most.
//   C5. Meaning is compared only within one context: who asks, on which route, after which conversation.

export interface KeptAnswer<Answer> {
  readonly answer: Answer
  readonly bytes: number
  /** When it came. */
  readonly sinceMs: number
}

/** How old an answer may be, as things stand. */
export interface Freshness {
  readonly nowMs: number
  readonly ttlMs: number
}

interface Meaning {
  readonly exact: string
  /** Of the length one, so that its product with another is their cosine. */
  readonly vector: Float32Array
}

// Of a context: to compare 1,536 numbers with each takes half a millisecond in all.
const meaningsMax = 256

const rounding = 1e-6 // of products of 32-bit numbers: who is the same is so at a threshold of one

export class AnswerStore<Answer> {
  readonly #bytesMax: number
  /** By what was asked, the one used longest ago first; written by `keep`, `find`, `#drop`. */
  readonly #answers = new Map<string, KeptAnswer<Answer> & { readonly context: string | null }>()
  /** By context; written by `keepMeaning` and `#drop`. */
  readonly #meanings = new Map<string, Meaning[]>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#answers.size
  }

  find(exact: string, freshness: Freshness): Answer | null {
    const kept = this.#answers.get(exact)
    if (kept === undefined) return null
    this.#answers.delete(exact)
    if (!isFresh(kept, freshness)) {
      this.#forget(exact, kept)
      return null // C3
    }
    this.#answers.set(exact, kept)
    return kept.answer
  }

  /** The answer to the nearest question of the context, where it is near enough. */
  findNear(
    context: string,
    vector: Float32Array,
    of: Freshness & { readonly threshold: number },
  ): Answer | null {
    const meanings = this.#meanings.get(context)
    const asked = meanings === undefined ? null : unitOf(vector)
    if (meanings === undefined || asked === null) return null
    let nearest: { readonly exact: string; readonly cosine: number } | null = null
    for (const meaning of meanings) {
      const kept = this.#answers.get(meaning.exact)
      if (kept === undefined || !isFresh(kept, of)) continue // C3
      const likeness = cosine(meaning.vector, asked)
      if (likeness + rounding >= of.threshold && likeness > (nearest?.cosine ?? -1)) {
        nearest = { exact: meaning.exact, cosine: likeness }
      }
    }
    return nearest === null ? null : this.find(nearest.exact, of)
  }

  keep(
    exact: string,
    kept: KeptAnswer<Answer>,
    meaning: { readonly context: string; readonly vector: Float32Array } | null,
  ): void {
    const known = this.#answers.get(exact)
    if (known !== undefined) this.#drop(exact, known)
    if (kept.bytes > this.#bytesMax) return
    this.#answers.set(exact, { ...kept, context: meaning?.context ?? null })
    this.#bytes += kept.bytes
    if (meaning !== null) this.#keepMeaning(exact, meaning)
    for (const [oldest, one] of this.#answers) {
      if (this.#bytes <= this.#bytesMax) break
      this.#drop(oldest, one) // C4
    }
  }

  #keepMeaning(
    exact: string,
    { context, vector }: { readonly context: string; readonly vector: Float32Array },
  ): void {
    const unit = unitOf(vector)
    if (unit === null) return
    const meanings = this.#meanings.get(context) ?? []
    meanings.push({ exact, vector: unit })
    if (meanings.length > meaningsMax) meanings.shift()
    this.#meanings.set(context, meanings)
  }

  #drop(exact: string, kept: KeptAnswer<Answer> & { readonly context: string | null }): void {
    this.#answers.delete(exact)
    this.#forget(exact, kept)
  }

  #forget(exact: string, { bytes, context }: { bytes: number; context: string | null }): void {
    this.#bytes -= bytes
    if (context === null) return
    const left = (this.#meanings.get(context) ?? []).filter((one) => one.exact !== exact)
    if (left.length === 0) this.#meanings.delete(context)
    else this.#meanings.set(context, left)
  }
}

function isFresh({ sinceMs }: { readonly sinceMs: number }, { nowMs, ttlMs }: Freshness): boolean {
  return nowMs - sinceMs < ttlMs
}

/** The vector of the same direction that has the length one; null where it has no direction. */
export function unitOf(vector: Float32Array): Float32Array | null {
  let square = 0
  for (const x of vector) square += x * x
  const length = Math.sqrt(square)
  return length > 0 && length < Infinity ? vector.map((x) => x / length) : null
}

/** Cosine of the angle between two vectors of the length one; -1 where they cannot be compared. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return -1
  let product = 0
  for (let i = 0; i < a.length; i++) product += (a[i] ?? 0) * (b[i] ?? 0)
  return product
}
