// Comparison
//
// How a shadow's answer compares with the one that a caller got. Metadata only, never contents.

/** What one of the two took. */
export interface Compared {
  readonly targets: readonly string[]
  readonly ms: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Null where a target's price is not known. */
  readonly costNanos: number | null
}

export interface Comparison {
  readonly atMs: number
  /** Of the request that was answered. */
  readonly id: string
  readonly project: string
  readonly route: string
  readonly live: Compared
  readonly shadow: Compared
  /** Why the shadow gave no answer, by its class; null where it gave one. */
  readonly failure: string | null
  /** Null where there is nothing to compare. */
  readonly isSame: boolean | null
  /** Share of words that both have, or how near their values are; null where none can be read. */
  readonly similarity: number | null
}
