// Process ports: what a process of a workflow is run with, and within.

import type { ContainerRuntime } from './container-runtime.ts'
import type { Interpreters } from './interpreters.ts'
import type { ProcessLimits } from './watch-process.ts'

export interface ProcessPorts {
  readonly interpreters: Interpreters
  /** Null: containers are run elsewhere. */
  readonly containers: ContainerRuntime | null
  readonly limits: ProcessLimits
  /** Ends it. */
  readonly signal: AbortSignal
}
