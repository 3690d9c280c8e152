// Failure
//
// What the world does to a control plane. Expected outcomes (a denial, a conflict) are returned values,
// never these. Every code is explained in docs/errors.md.

export const failureCodes = [
  'control-plane/postgres-missing',
  'control-plane/postgres-start-failed',
  'control-plane/database-unreachable',
  'control-plane/database-newer',
  'control-plane/keys-unreadable',
  'control-plane/keys-foreign',
  'control-plane/backup-unusable',
  'control-plane/port-taken',
  'control-plane/ledger-diverged',
  'control-plane/disk-full',
  'control-plane/blob-too-large',
] as const
export type FailureCode = (typeof failureCodes)[number]

/** The world failed: `code` is stable, `message` is for people, `cause` is kept. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** True where the same call may succeed later. */
  readonly retryable: boolean

  constructor(
    code: FailureCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
  }
}
