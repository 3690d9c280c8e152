// Remember verdicts
//
// The real verifier with a memory: one frame goes to many nodes of a simulated fleet, and verdicts depend
// on nothing but what is asked.

import { type AssignmentVerifier, assignmentVerifier } from '@tutti/node/simulation'

const heldMax = 512 // a history asks about a few hundred things

export function rememberVerdicts(): AssignmentVerifier {
  const checkpoint = remember(assignmentVerifier.checkpoint, (trust, seen, offered) =>
    [trust.ledger, seen?.size, toHex(seen?.root), offered.note, offered.consistency?.hashes].join(),
  )
  const assignment = remember(assignmentVerifier.assignment, (trust, at, signed) =>
    [
      ...[trust.controlPlane, at.size, toHex(at.root), signed.payload, signed.signature],
      ...[signed.keyId, signed.proof.record, signed.proof.salt, signed.proof.leafIndex],
      ...[signed.proof.treeSize, signed.proof.hashes],
    ].join(),
  )
  return { checkpoint, assignment }
}

function remember<Args extends unknown[], Verdict>(
  ask: (...args: Args) => Verdict,
  keyOf: (...args: Args) => string,
): (...args: Args) => Verdict {
  const known = new Map<string, Verdict>()
  return (...args) => {
    const key = keyOf(...args)
    const held = known.get(key)
    if (held !== undefined) return held
    const verdict = ask(...args)
    if (known.size < heldMax) known.set(key, verdict)
    return verdict
  }
}

function toHex(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : Buffer.from(bytes).toString('hex')
}
