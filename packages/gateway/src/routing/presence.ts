// Presence
//
// Whether the caller of a request is still there. An AbortSignal says the same at ten times the cost, on every request.

export class Presence {
  #isGone = false
  /** Written by `onGone` and `leave`. */
  #listeners: (() => void)[] = []

  get isGone(): boolean {
    return this.#isGone
  }

  /** Calls `listener` when the caller leaves; what comes back takes it off again. */
  onGone(listener: () => void): () => void {
    this.#listeners.push(listener)
    return () => {
      this.#listeners = this.#listeners.filter((one) => one !== listener)
    }
  }

  leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    for (const listener of this.#listeners.splice(0)) listener()
  }
}
