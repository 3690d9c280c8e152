// Happening: what whoever watches a run is told of.

import type { Json } from '../../resource/index.ts'
import type { WorkflowError } from './workflow-error.ts'

/** What happens in a run, by the specification's names for it. */
export type Happening = TaskHappening | CorrelationHappening

export interface TaskHappening {
  readonly kind: TaskChange
  readonly task: string
  /** JSON Pointer into the document. */
  readonly reference: string
  readonly atMs: number
  /** Why, where it has faulted. */
  readonly error?: WorkflowError
}

export type TaskChange =
  | 'created'
  | 'started'
  | 'suspended'
  | 'resumed'
  | 'retried'
  | 'cancelled'
  | 'faulted'
  | 'completed'

/** A task begins to wait for events, or has got those that it waited for. */
export interface CorrelationHappening {
  readonly kind: 'correlation-started' | 'correlation-completed'
  readonly reference: string
  readonly atMs: number
  /** What the events that it got have in common, by name. */
  readonly keys: Readonly<Record<string, Json>>
}
