// Answer store
//
// Answers that are given again, in memory: found by what was asked, or by what it means. The one that was used longest
// ago goes first where room is short.
//
// Invariants:
//   C3. Nothing is given after its time.
//   C4. What is kept has `bytesMax` bytes at most.
//   C5. Meaning is compared only within one context: who asks, on which route, after which conversation.

export interface KeptAnswer<Answer> {
  readonly answer: Answer
  readonly bytes: number
  readonly untilMs: number
}

interface Meaning {
  readonly exact: string
  readonly vector: Float32Array
}

// Of a context: to compare 1,536 numbers with each takes a millisecond in all.
const meaningsMax = 256

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

  find(exact: string, nowMs: number): Answer | null {
    const kept = this.#answers.get(exact)
    if (kept === undefined) return null
    this.#answers.delete(exact)
    if (kept.untilMs <= nowMs) {
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
    of: { readonly threshold: number; readonly nowMs: number },
  ): Answer | null {
    let nearest: { readonly exact: string; readonly cosine: number } | null = null
    for (const meaning of this.#meanings.get(context) ?? []) {
      const likeness = cosine(meaning.vector, vector)
      if (likeness >= of.threshold && likeness > (nearest?.cosine ?? -1)) {
        nearest = { exact: meaning.exact, cosine: likeness }
      }
    }
    return nearest === null ? null : this.find(nearest.exact, of.nowMs)
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
    const meanings = this.#meanings.get(context) ?? []
    meanings.push({ exact, vector })
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

/** Cosine of the angle between two vectors; -1 where they cannot be compared. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return -1
  let product = 0
  let squareA = 0
  let squareB = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0
    const y = b[i] ?? 0
    product += x * y
    squareA += x * x
    squareB += y * y
  }
  const length = Math.sqrt(squareA * squareB)
  return length > 0 ? product / length : -1
}
