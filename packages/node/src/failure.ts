// Failure
//
// What can go wrong with the world while a node works, as one closed list of codes. Match on `code`, never
// on the text. `docs/errors.md` explains every code.

/** Every code that this package throws. */
export const failureCodes = [
  'node/model-load-failed',
  'node/model-mismatch',
  'node/model-unknown',
  'node/model-not-ready',
  'node/request-invalid',
  'node/request-too-large',
  'node/answer-not-json',
  'node/overloaded',
  'node/deadline-exceeded',
  'node/run-failed',
  'node/run-stuck',
  'node/worker-died',
  'node/listen-failed',
  'node/option-invalid',
  'node/fetch-failed',
  'node/disk-full',
  'node/digest-mismatch',
  'node/signature-invalid',
  'node/probe-refused',
  'node/process-ended',
  'node/no-variant-fits',
  'node/state-unreadable',
  'node/state-unwritable',
  'node/join-refused',
  'node/proxy-refused',
  'node/not-joined',
] as const
export type FailureCode = (typeof failureCodes)[number]

// Trying the same again, here or on another node, may help with these and no others.
const retryableCodes: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'node/model-not-ready',
  'node/overloaded',
  'node/deadline-exceeded',
])

/** The world failed a node: `code` says how, the message says with which values. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** When trying again makes sense, where that is known. */
  readonly retryAfterMs: number | null

  constructor(
    code: FailureCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryAfterMs = options.retryAfterMs ?? null
  }

  get retryable(): boolean {
    return retryableCodes.has(this.code)
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
