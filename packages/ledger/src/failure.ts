// Failure
//
// What this package throws when its surroundings fail: a key that is no key, a folder that cannot
// be read, stored tiles that do not fit. Expected outcomes of checking (a proof that does not
// verify, a changed export) are returned, never thrown.

/** Every code a `LedgerFailure` can carry; match on these, never on the message. */
export const failureCodes = [
  'ledger/bad-vkey',
  'ledger/bad-skey',
  'ledger/bad-did-key',
  'ledger/bad-note-text',
  'ledger/bad-checkpoint',
  'ledger/bad-salt',
  'ledger/bad-body',
  'ledger/bad-edge',
  'ledger/bad-tile',
  'ledger/entry-too-large',
  'ledger/out-of-range',
  'ledger/export-exists',
  'ledger/export-mismatch',
  'ledger/unreadable',
  'ledger/unwritable',
] as const

export type FailureCode = (typeof failureCodes)[number]

/** The one error class of this package. */
export class LedgerFailure extends Error {
  override readonly name = 'LedgerFailure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  /** Whether the same call may succeed later: only disks get better by waiting. */
  get retryable(): boolean {
    return this.code === 'ledger/unreadable' || this.code === 'ledger/unwritable'
  }
}
