// Act
//
// What doing a step needs to know, and how it fails.

import type { WorkflowError } from '@tutti/core/workflow'
import type { RunHead } from './run-head.ts'

export interface ActContext {
  readonly head: RunHead
  /** Aborted when the outcome is no longer wanted. */
  readonly signal: AbortSignal
}

/** The step raises this error. */
export class ActFailed extends Error {
  override readonly name = 'ActFailed'
  readonly error: WorkflowError

  constructor(error: WorkflowError) {
    super(error.detail ?? error.title ?? error.type)
    this.error = error
  }
}
