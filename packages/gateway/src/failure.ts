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

/** Why somebody could not be reached, for callers: where he is, is none of their business. */
export function whyUnreached(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const { message, name } = thrown
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  // The system's errors, and those of certificates, name an address or a host.
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is that of another host'
  return 'syscall' in thrown ? `${thrown.syscall} ${code}` : message || code || name
}

/** True where a document was nested deeper than calls may be. */
export function isTooDeep(thrown: unknown): boolean {
  return thrown instanceof RangeError && thrown.message.includes('call stack')
}
