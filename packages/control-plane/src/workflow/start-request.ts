// Start request
//
// What starting a run needs.

import type { Json } from '@tutti/core/resource'
import type { RunHead } from './run-head.ts'

export interface StartRequest {
  readonly project: string
  readonly namespace: string
  readonly name: string
  readonly version: string
  readonly input: Json
  readonly labels?: Readonly<Record<string, string>>
  readonly parent?: RunHead['parent']
  /** Given by who must not start the same run twice. */
  readonly id?: string
  /** Its queue has let it begin. */
  readonly isAdmitted?: boolean
}
