// Verify assignment
//
// A node believes nothing that it has not checked itself (invariant I2): that its own control plane signed
// the assignment, that the record of exactly this assignment is in the ledger, and that the ledger only
// grew since the last checkpoint this node has seen. What is refused is never obeyed, and says why.

import { createHash } from 'node:crypto'
import {
  type Assignment,
  type AssignmentHead,
  assignmentHead,
  assignment as assignmentSchema,
  type ConsistencyProof,
  type SignedAssignment,
} from '@tutti/core/fleet'
import { changeRecord } from '@tutti/core/governance'
import { signingPrefix, whyUnknown } from '@tutti/core/resource'
import {
  type Checkpoint,
  commit,
  decideWitness,
  leafHash,
  openCheckpoint,
  parseVerifierKey,
  verifyInclusion,
  verifyText,
} from '@tutti/ledger'

/** Whom this node trusts, pinned when it joined. */
export interface Trust {
  /** did:key of the control plane. */
  readonly controlPlane: string
  /** Verifier key of the ledger. */
  readonly ledger: string
}

/** The two questions of this file. */
export interface AssignmentVerifier {
  readonly checkpoint: typeof verifyCheckpoint
  readonly assignment: typeof verifyAssignment
}

export type CheckpointVerdict =
  | { readonly ok: true; readonly checkpoint: Checkpoint }
  | { readonly ok: false; readonly reason: string }

/** Is this a checkpoint of our ledger that extends the one seen last? */
export function verifyCheckpoint(
  trust: Trust,
  seen: Checkpoint | null,
  offered: { readonly note: string; readonly consistency: ConsistencyProof | undefined },
): CheckpointVerdict {
  const opened = openCheckpoint(offered.note, { log: parseVerifierKey(trust.ledger) })
  if (!opened.ok) return refuse(`the checkpoint is not of the pinned ledger (${opened.reason})`)
  const proof = (offered.consistency?.hashes ?? []).map(fromBase64)
  const isSameSize = seen !== null && seen.size === opened.checkpoint.size
  const decision = decideWitness({
    seen,
    offered: opened.checkpoint,
    proof: isSameSize ? [] : proof,
  })
  if (decision.ok) return { ok: true, checkpoint: decision.next }
  const sizes = `size ${opened.checkpoint.size}, seen before: ${seen?.size ?? 0}`
  return refuse(`the ledger was rolled back or forked (${decision.reason}: ${sizes})`)
}

export type AssignmentVerdict =
  | { readonly ok: true; readonly assignment: Assignment }
  | AssignmentRefusal

export interface AssignmentRefusal {
  readonly ok: false
  readonly reason: string
  /** Which one it is, where our control plane has signed it; null where nobody says. */
  readonly head: AssignmentHead | null
}

/** Is this assignment signed by our control plane, and recorded under this checkpoint? */
export function verifyAssignment(
  trust: Trust,
  checkpoint: Checkpoint,
  signed: SignedAssignment,
): AssignmentVerdict {
  if (signed.keyId !== trust.controlPlane) {
    return unsigned(`signed by ${signed.keyId}, expected ${trust.controlPlane}`)
  }
  const { payload: text, signature } = signed
  if (!verifyText(trust.controlPlane, signingPrefix.assignment, { text, signature })) {
    return unsigned('the signature does not fit the assignment')
  }
  const payload = parseJson(text)
  const { data, error } = assignmentSchema.safeParse(payload)
  const refusal =
    error === undefined
      ? whyNotRecorded(signed, checkpoint)
      : whyUnknown('the assignment', 'node', error)
  if (data !== undefined && refusal === null) return { ok: true, assignment: data }
  return { ...refuse(refusal ?? ''), head: assignmentHead.safeParse(payload).data ?? null }
}

function unsigned(reason: string): AssignmentRefusal {
  return { ...refuse(reason), head: null }
}

export const assignmentVerifier: AssignmentVerifier = {
  checkpoint: verifyCheckpoint,
  assignment: verifyAssignment,
}

function whyNotRecorded(
  { payload, proof }: SignedAssignment,
  checkpoint: Checkpoint,
): string | null {
  const record = changeRecord.safeParse(parseJson(proof.record))
  if (!record.success) return 'the change record is malformed'
  const digest = `sha256:${createHash('sha256').update(payload).digest('hex')}`
  if (record.data.digest !== digest || !record.data.resource.startsWith('Rollout/')) {
    return 'the change record is about something else'
  }
  if (proof.treeSize !== checkpoint.size) {
    return `the proof is for size ${proof.treeSize}, the checkpoint has ${checkpoint.size}`
  }
  const salt = fromBase64(proof.salt)
  if (salt.length !== 16) return 'the salt is malformed'
  const verdict = verifyInclusion({
    index: proof.leafIndex,
    size: proof.treeSize,
    leaf: leafHash(commit(salt, proof.record)),
    root: checkpoint.root,
    proof: proof.hashes.map(fromBase64),
  })
  return verdict.ok ? null : `the record is not in the ledger (${verdict.reason})`
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // the schema says that it is malformed
  }
}

function fromBase64(text: string): Uint8Array {
  return Buffer.from(text, 'base64')
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}
