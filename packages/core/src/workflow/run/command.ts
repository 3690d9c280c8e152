// Command
//
// What a decision asks for, as data. Each step has a key, its path in the document with the iteration of
// every loop around it; the journal holds at most one outcome per key.

import type { Json } from '../../resource/index.ts'
import type { AssetNeed } from '../asset/index.ts'
import type { Protocol } from '../document/index.ts'
import type { CloudEvent, Outcome } from './entry.ts'

export type Command =
  /** The output is known: write it down. */
  | { readonly kind: 'complete'; readonly key: string; readonly output: Json }
  /** Do this, then write down what came of it. */
  | {
      readonly kind: 'act'
      readonly key: string
      readonly action: Action
      readonly task: string
      /** Absent: the result goes into the journal as it is. */
      readonly keep?: Keep
    }
  /** Write the step down as completed once this time has come. */
  | { readonly kind: 'wait'; readonly key: string; readonly untilMs: number }
  /** Offer events of these types (null: of any) until the step is cancelled. */
  | { readonly kind: 'listen'; readonly key: string; readonly types: readonly string[] | null }
  /** The outcome of this step is no longer wanted. */
  | { readonly kind: 'cancel'; readonly key: string }
  | { readonly kind: 'end'; readonly outcome: Outcome }

/** What else is to become of a result. */
export interface Keep {
  /** It counts for the same action (or `key`) in all runs of the project. */
  readonly cache: { readonly ttlMs: number; readonly key: Json } | null
  /** It goes into the content store, and a reference into the journal. */
  readonly artifact: { readonly name: string; readonly mediaType: string | null } | null
}

export type Action =
  | { readonly type: 'call'; readonly protocol: Protocol; readonly arguments: Json }
  /** A function that is not in the document: one of Tutti's own, or one of a catalog. */
  | { readonly type: 'function'; readonly name: string; readonly arguments: Json }
  | { readonly type: 'emit'; readonly event: CloudEvent }
  | {
      readonly type: 'workflow'
      readonly namespace: string
      readonly name: string
      readonly version: string
      readonly input: Json
      readonly isAwaited: boolean
    }
  | {
      readonly type: 'process'
      readonly process: 'container' | 'script' | 'shell'
      readonly arguments: Json
      readonly isAwaited: boolean
      readonly returns: string
    }
  /** Gives the assets, each with its value, once all of them are fresh. */
  | { readonly type: 'need-assets'; readonly needs: readonly AssetNeed[] }
  /** Makes the value the newest version of the asset. */
  | {
      readonly type: 'make-asset'
      readonly name: string
      readonly partition: string
      readonly value: Json
      /** When the task that makes it was done. */
      readonly madeAtMs: number
    }
