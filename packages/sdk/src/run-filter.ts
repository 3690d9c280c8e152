// Run filter: which runs a list is of.

/** Which runs; `label` is `NAME=VALUE`, times are ISO 8601. */
export interface RunFilter {
  readonly status?: string
  readonly name?: string
  readonly version?: string
  readonly label?: string
  readonly error?: string
  /** A version that a step used: `parts:v2`. */
  readonly model?: string
  /** The digest of an artifact that a step read or made. */
  readonly artifact?: string
  /** An asset that a step read or made: `NAME`, or `NAME@PARTITION`. */
  readonly asset?: string
  readonly startedFrom?: string
  readonly startedUntil?: string
}
