// Failure
//
// What a call to the control plane can end in besides its answer.

export const failureCodes = [
  'sdk/unreachable',
  'sdk/refused',
  'sdk/upload-stuck',
  'sdk/download-broken',
  'sdk/workflow-invalid',
] as const
export type FailureCode = (typeof failureCodes)[number]

/** `sdk/refused` carries the API's own code and status; `sdk/unreachable` may pass by itself. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** The API's own error code (`api/denied` …), null where nothing answered. */
  readonly apiCode: string | null
  readonly status: number | null

  constructor(
    code: FailureCode,
    message: string,
    more: { readonly apiCode?: string; readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.apiCode = more.apiCode ?? null
    this.status = more.status ?? null
  }

  get retryable(): boolean {
    return this.code === 'sdk/unreachable' || this.status === 503
  }
}
