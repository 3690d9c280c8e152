// Failed attempt
//
// What became of a try that gave no answer: its class, which decides what comes next, and what there is to say.

import type { ErrorAnswer, FailureClass } from '@tutti/core/routing'

export type Headers = Readonly<Record<string, string>>

export interface FailedAttempt {
  readonly kind: 'failed'
  readonly failure: FailureClass
  readonly reason: string
  readonly retryAfterMs?: number
  /** What the upstream said, where it said anything. */
  readonly answer?: { readonly status: number; readonly headers: Headers; readonly body: Buffer }
  readonly error?: ErrorAnswer
}
