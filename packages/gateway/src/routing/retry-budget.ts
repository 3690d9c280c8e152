// Retry budget
//
// How often a route's endpoints may be asked a second time: a share of its requests, with some in reserve. When all
// of an engine's requests fail, retries would double its load. Asking somebody else is not a retry and stays free:
// a request that anybody can answer is answered.

import type { RouteEntry } from './directory.ts'

const share = 0.2
const reserve = 50
const routesMax = 10_000

interface Left {
  retries: number
}

export class RetryBudget {
  /** By project and name; written by `earn` and `spend`. */
  readonly #left = new Map<string, Left>()
  /** The same by entry of a snapshot: names need not be put together for every request. */
  readonly #byEntry = new WeakMap<RouteEntry, Left>()

  /** A request of the route begins. */
  earn(route: RouteEntry): void {
    const left = this.#of(route)
    left.retries = Math.min(reserve, left.retries + share)
  }

  left(route: RouteEntry): number {
    return this.#of(route).retries
  }

  spend(route: RouteEntry): void {
    const left = this.#of(route)
    left.retries = Math.max(0, left.retries - 1)
  }

  #of(route: RouteEntry): Left {
    const known = this.#byEntry.get(route)
    if (known !== undefined) return known
    const name = `${route.project}/${route.name}`
    if (!this.#left.has(name) && this.#left.size >= routesMax) this.#left.clear()
    const left = this.#left.get(name) ?? { retries: reserve }
    this.#left.set(name, left)
    this.#byEntry.set(route, left)
    return left
  }
}
