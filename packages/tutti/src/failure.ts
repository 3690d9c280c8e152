// Failure
//
// What the command line itself finds wrong. Every code is explained in docs/errors.md.

export const failureCodes = [
  'tutti/no-context',
  'tutti/file-unreadable',
  'tutti/file-unwritable',
  'tutti/document-invalid',
  'tutti/argument-invalid',
  'tutti/model-invalid',
  'tutti/verification-failed',
  'tutti/child-failed',
  'tutti/gateway-away',
  'tutti/home-taken',
] as const
export type FailureCode = (typeof failureCodes)[number]

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode

  constructor(code: FailureCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }

  get retryable(): boolean {
    return this.code === 'tutti/child-failed' || this.code === 'tutti/gateway-away'
  }
}

/** One line for people: what failed and why. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` [${error.code}]` : ''
  const isFolder = 'syscall' in error && error.syscall === 'mkdir'
  const isFull = code === ' [ENOSPC]' || code === ' [EDQUOT]'
  const where = 'what Tutti keeps goes to ~/.tutti, or where --home or TUTTI_HOME say'
  const hint = isFull ? `: make room; ${where}` : isFolder ? `: ${where}` : ''
  return `${error.message}${hint}${code}`
}
