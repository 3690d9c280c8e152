// Failure
//
// What the world does to a gateway. Every code is explained in docs/errors.md.

export const failureCodes = [
  'gateway/port-taken',
  'gateway/no-snapshot',
  'gateway/snapshot-refused',
  'gateway/address-forbidden',
  'gateway/attempt-failed',
] as const
export type FailureCode = (typeof failureCodes)[number]

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  /**
   * The control plane or the endpoint may be back later; a taken port or a forbidden address
   * stays.
   */
  get retryable(): boolean {
    return this.code === 'gateway/attempt-failed' || this.code === 'gateway/no-snapshot'
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
