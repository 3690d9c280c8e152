// Caller
//
// On whose behalf a call goes out.

import type { Egress, Reach } from './egress.ts'

export interface Caller {
  readonly egress: Egress
  readonly reach: Reach
  readonly signal: AbortSignal
  /** Given to the callee so that it can tell a call that is made again. */
  readonly idempotencyKey: string
}
