// Batch
//
// What one turn of a run wants written, all or nothing.

import type { RunHead, RunStatus } from './run-head.ts'
import type { Told } from './telling.ts'

export interface Batch {
  readonly head: RunHead
  readonly status: RunStatus
  readonly wakeAtMs: number | null
  readonly atMs: number
  /** Whether the run's row says anything else than after the batch before. */
  readonly isRowChanged: boolean
  readonly outcome: string | null
  /** The head of the hash chain, once the run has ended. */
  readonly hash: string | null
  /** This turn's entries as one JSON array, and the first one's place; null without any. */
  readonly journal: { readonly seq: number; readonly body: string; readonly length: number } | null
  readonly waits: readonly Waiting[]
  /** Keys whose waiting is over. */
  readonly heard: readonly string[]
  /** Signals that are in the journal now. */
  readonly signals: readonly string[]
  /** A signal to another run, written with this one's end. */
  readonly told: { readonly run: string; readonly body: string } | null
  /** What is told of it to whoever follows the project's runs. */
  readonly lifecycle: readonly Told[]
  readonly committed: () => void
}

/** A turn and who is told of it, member by member: every step passes here, and spreads are slow. */
export function batchOf(
  turn: Omit<Batch, 'committed' | 'signals'>,
  signals: readonly string[],
  committed: () => void,
): Batch {
  return {
    head: turn.head,
    status: turn.status,
    wakeAtMs: turn.wakeAtMs,
    atMs: turn.atMs,
    isRowChanged: turn.isRowChanged,
    outcome: turn.outcome,
    hash: turn.hash,
    journal: turn.journal,
    waits: turn.waits,
    heard: turn.heard,
    told: turn.told,
    lifecycle: turn.lifecycle,
    signals,
    committed,
  }
}

/** Something from outside that a run waits for. */
export interface Waiting {
  readonly key: string
  readonly kind: 'event' | 'answer'
  /** The type of the event (empty: any), or the role that may answer (empty: anybody). */
  readonly subject: string
  readonly body: string
}
