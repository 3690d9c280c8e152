// Retry budget
//
// How often a route's endpoints may be asked a second time: a share of its requests, with some in reserve. When all
// of an engine's requests fail, retries would double its load. Asking somebody else is not a retry and stays free:
// a request that anybody can answer is answered.

const share = 0.2
const reserve = 50
const routesMax = 10_000

export class RetryBudget {
  /** Retries left by route; written by `earn` and `spend`. */
  readonly #left = new Map<string, number>()

  /** A request of the route begins. */
  earn(route: string): void {
    if (!this.#left.has(route) && this.#left.size >= routesMax) this.#left.clear()
    this.#left.set(route, Math.min(reserve, this.left(route) + share))
  }

  left(route: string): number {
    return this.#left.get(route) ?? reserve
  }

  spend(route: string): void {
    this.#left.set(route, Math.max(0, this.left(route) - 1))
  }
}
