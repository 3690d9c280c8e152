// Answer handler
//
// Who is told what comes back on one request to an upstream. After undici's dispatch handler, so that either can
// drive it.

export type AnswerHeaders = Readonly<Record<string, string>>

export interface AnswerController {
  readonly pause: () => void
  readonly resume: () => void
  /** Cuts the connection; the handler hears no more than `onResponseError`. */
  readonly abort: (reason: Error) => void
}

export interface AnswerHandler {
  /** True once it wants no answer any more: what was not sent for it need not be. */
  readonly isOver: boolean
  /** Again where it is sent once more, on another connection (N7): the one before is of no use. */
  readonly onRequestStart: (controller: AnswerController) => void
  readonly onResponseStart: (status: number, headers: AnswerHeaders) => void
  readonly onResponseData: (chunk: Buffer) => void
  readonly onResponseEnd: () => void
  readonly onResponseError: (error: Error) => void
}
