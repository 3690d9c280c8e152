// Witness
//
// Decides whether a witness may cosign a checkpoint it is offered, C2SP tlog-witness
// "add-checkpoint". It has already checked the log's signature, with `openCheckpoint`; it must
// save `next` before it lets the cosignature out, and let no second decision run in between.
//
// Invariants:
//   W1. A witness never accepts two checkpoints of one log that are not consistent.
//   W2. What a witness has seen never shrinks.

import { emptyRoot, sameHash, verifyConsistency } from '../merkle/index.ts'
import type { Checkpoint } from '../note/index.ts'

export interface WitnessQuestion {
  /** The last checkpoint of this log that the witness accepted; null for none yet. */
  readonly seen: Checkpoint | null
  readonly offered: Checkpoint
  /** The consistency proof from the seen to the offered size; empty from nothing. */
  readonly proof: readonly Uint8Array[]
}

export type WitnessDecision =
  | { readonly ok: true; readonly next: Checkpoint }
  | { readonly ok: false; readonly reason: WitnessRefusal }

/**
 * `other-log`: the origins differ. `shrunk`: the offered log is smaller than the one seen.
 * `forked`: same size, other root; the two signed checkpoints together convict the log.
 * `not-consistent`: the proof does not lead from the seen to the offered root.
 */
export type WitnessRefusal = 'other-log' | 'shrunk' | 'forked' | 'not-consistent'

/**
 * Whether to accept an offered checkpoint, and so to cosign it.
 *
 * @example
 * const decision = decideWitness({ seen, offered, proof })
 * if (decision.ok) await save(decision.next)
 */
export function decideWitness({ seen, offered, proof }: WitnessQuestion): WitnessDecision {
  if (seen !== null && seen.origin !== offered.origin) return refuse('other-log')
  const oldSize = seen?.size ?? 0
  const oldRoot = seen?.root ?? emptyRoot()
  if (offered.size < oldSize) return refuse('shrunk') // W2
  if (offered.size === oldSize) {
    if (!sameHash(oldRoot, offered.root)) return refuse('forked') // W1
    return proof.length === 0 ? { ok: true, next: offered } : refuse('not-consistent')
  }
  if (oldSize === 0) {
    // From nothing there is nothing to prove: the first sight of a log is taken on trust.
    return proof.length === 0 ? { ok: true, next: offered } : refuse('not-consistent')
  }
  const { size: newSize, root: newRoot } = offered
  const verdict = verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof }) // W1
  return verdict.ok ? { ok: true, next: offered } : refuse('not-consistent')
}

function refuse(reason: WitnessRefusal): WitnessDecision {
  return { ok: false, reason }
}
