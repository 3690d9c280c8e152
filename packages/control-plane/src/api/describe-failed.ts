// Describe failed
//
// What a caller hears whose request failed for no fault of its own.

import { Failure } from '../failure.ts'
import { isDatabaseAway, isDiskFull } from '../store/index.ts'
import type { ErrorCode } from './answer.ts'

export interface Failed {
  readonly code: ErrorCode
  readonly message: string
}

export function describeFailed(error: unknown): Failed {
  if (isDiskFull(error) || (error instanceof Failure && error.code === 'control-plane/disk-full')) {
    return { code: 'api/unavailable', message: diskFull }
  }
  if (error instanceof Failure && error.retryable) {
    return { code: 'api/unavailable', message: error.message }
  }
  if (isDatabaseAway(error)) return { code: 'api/unavailable', message: databaseAway }
  return {
    code: 'api/internal',
    message: 'the control plane failed on this request: see its log',
  }
}

const diskFull =
  'the disk of the control plane is full, or its database’s: this was not done; make room first'
const databaseAway =
  'the database is away: whether this was done is not known; look, and ask again after a moment'
