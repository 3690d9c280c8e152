// Entry
//
// What the journal holds: only what cannot be worked out again. Everything else follows from the document
// and the entries in their order; `atMs` is the only time that expressions see.

import type { Json } from '../../resource/index.ts'
import type { WorkflowError } from './workflow-error.ts'

export type Entry =
  | {
      readonly kind: 'started'
      readonly atMs: number
      readonly runId: string
      readonly input: Json
    }
  /** The step at `key` gave an output. */
  | {
      readonly kind: 'completed'
      readonly atMs: number
      readonly key: string
      readonly output: Json
    }
  | {
      readonly kind: 'failed'
      readonly atMs: number
      readonly key: string
      readonly error: WorkflowError
    }
  /** A listener took an event. */
  | {
      readonly kind: 'event'
      readonly atMs: number
      readonly key: string
      readonly event: CloudEvent
    }
  /** The task at `key` gets this input, whatever it would have got: of a run that was forked. */
  | {
      readonly kind: 'edited'
      readonly atMs: number
      readonly key: string
      readonly input: Json
    }
  /** From here on the run goes on with another version, which agrees with all that came before. */
  | {
      readonly kind: 'upgraded'
      readonly atMs: number
      readonly from: string
      readonly to: string
      /** Who wanted it. */
      readonly by: string
    }
  /** From here on it is another run, a retry or a fork; the time between counts for no limit. */
  | {
      readonly kind: 'copied'
      readonly atMs: number
      /** The run that it was until here. */
      readonly of: string
      readonly awayMs: number
    }
  /** The run stands still, or goes on. */
  | { readonly kind: 'paused' | 'resumed'; readonly atMs: number }
  | { readonly kind: 'cancelled'; readonly atMs: number; readonly reason: string }

export type CloudEvent = { readonly [attribute: string]: Json }

export type Outcome =
  | { readonly status: 'completed'; readonly output: Json }
  | { readonly status: 'faulted'; readonly error: WorkflowError }
  | { readonly status: 'cancelled'; readonly reason: string }
