// Failure
//
// What the world does to a gateway. Every code is explained in docs/errors.md.

export const failureCodes = [
  'gateway/port-taken',
  'gateway/address-forbidden',
  'gateway/accounts-unreadable',
  'gateway/scan-failed',
  'gateway/telemetry-invalid',
] as const
export type FailureCode = (typeof failureCodes)[number]

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  /** A taken port and a forbidden address stay what they are. */
  get retryable(): boolean {
    return this.code === 'gateway/scan-failed'
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** True where a document was nested deeper than calls may be. */
export function isTooDeep(thrown: unknown): boolean {
  return thrown instanceof RangeError && thrown.message.includes('call stack')
}
