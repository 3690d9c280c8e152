// Judge start
//
// Whether a run may start another one, as a subflow or to make an asset: policy is asked about what that one reaches, of which the plan of
// the first one names no more than the workflow. As with ticks, a `forbid` keeps it from starting, and nobody needs to permit it twice.

import type { WorkflowError } from '@tutti/core/workflow'
import type { Query } from '../store/index.ts'
import type { RunHead } from './run-head.ts'

/** The version of a workflow that may be started, or why none may be. */
export type JudgeStart = (
  tx: Query,
  of: Pick<RunHead, 'project' | 'namespace' | 'name' | 'version'>,
) => Promise<
  | { readonly ok: true; readonly version: string }
  | { readonly ok: false; readonly error: WorkflowError }
>

/** Where nobody says anything else, what is named may be started. */
export const anyStart = async (): Promise<JudgeStart> => {
  return async (_, { version }) => ({ ok: true, version })
}
