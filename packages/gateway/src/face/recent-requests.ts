// Recent requests
//
// Which node answered which request: feedback goes back to it. Bounded; the oldest are forgotten.

export interface AnsweredRequest {
  readonly project: string
  readonly url: string
}

const requestsMax = 65_536 // some ten megabytes; at 1,000 requests a second the last minute

export class RecentRequests {
  /** By request id, oldest first; written by `remember`. */
  readonly #requests = new Map<string, AnsweredRequest>()

  remember(id: string, request: AnsweredRequest): void {
    this.#requests.delete(id)
    this.#requests.set(id, request)
    if (this.#requests.size <= requestsMax) return
    const [oldest] = this.#requests.keys()
    if (oldest !== undefined) this.#requests.delete(oldest)
  }

  find(id: string): AnsweredRequest | undefined {
    return this.#requests.get(id)
  }
}
