// Score
//
// What a judge says: how many of its checks passed, a line on each that did not, and figures.

export interface Score {
  readonly passed: number
  readonly total: number
  readonly notes: readonly string[]
}

/** Collects checks one by one. */
export class Scoring {
  #passed = 0
  #total = 0
  readonly #notes: string[] = []

  check(holds: boolean, what: string): void {
    this.#total += 1
    if (holds) this.#passed += 1
    else this.#notes.push(what)
  }

  /** A line that says what was seen, whether good or bad. */
  tell(what: string): void {
    this.#notes.push(what)
  }

  get score(): Score {
    return { passed: this.#passed, total: this.#total, notes: this.#notes }
  }
}
