// Inclusion
//
// Decides whether a proof shows that an entry is in a tree. Everything but the root may come from
// an enemy; nothing here throws on what it is given.

import { hashBytes, nodeHash, sameHash } from './hash.ts'
import { half, isOdd, isSize, isSubtree } from './subtree.ts'

export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leaf: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export interface SubtreeInclusionClaim {
  readonly index: number
  readonly start: number
  readonly end: number
  readonly leaf: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export type InclusionVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: InclusionRefusal }

/**
 * `bad-range`: the index is not inside the tree, or a number is no size. `bad-subtree`: no such
 * node exists in a Merkle tree. `bad-hash`: a hash is not 32 bytes. `bad-length`: a proof of this
 * length fits no such tree. `root-mismatch`: the proof leads to another root.
 */
export type InclusionRefusal =
  | 'bad-range'
  | 'bad-subtree'
  | 'bad-hash'
  | 'bad-length'
  | 'root-mismatch'

/**
 * Checks an inclusion proof against a tree's root, RFC 9162 section 2.1.3.2.
 *
 * @example
 * const verdict = verifyInclusion({ index, size, leaf: leafHash(entry), root, proof })
 * if (!verdict.ok) console.error(`not in the log: ${verdict.reason}`)
 */
export function verifyInclusion(claim: InclusionClaim): InclusionVerdict {
  const { index, size, leaf, root, proof } = claim
  return verifySubtreeInclusion({ index, start: 0, end: size, leaf, root, proof })
}

/** Checks an inclusion proof against the root of the subtree [start, end), by the same steps. */
export function verifySubtreeInclusion(claim: SubtreeInclusionClaim): InclusionVerdict {
  const { index, start, end, leaf, root, proof } = claim
  if (!isSize(index) || !isSize(start) || !isSize(end)) return refuse('bad-range')
  if (index < start || index >= end) return refuse('bad-range')
  if (!isSubtree(start, end)) return refuse('bad-subtree')
  if ([leaf, ...proof].some((hash) => hash.length !== hashBytes)) return refuse('bad-hash')

  const reached = climb(index - start, end - start - 1, claim)
  if (reached === null) return refuse('bad-length')
  return sameHash(reached, root) ? { ok: true } : refuse('root-mismatch')
}

/** The root that the proof leads to; `position` and `last` are RFC 9162's `fn` and `sn`. */
function climb(
  firstPosition: number,
  firstLast: number,
  claim: { readonly leaf: Uint8Array; readonly proof: readonly Uint8Array[] },
): Uint8Array | null {
  let position = firstPosition
  let last = firstLast
  let hash = claim.leaf
  for (const sibling of claim.proof) {
    if (last === 0) return null
    if (isOdd(position) || position === last) {
      hash = nodeHash(sibling, hash)
      while (!isOdd(position) && position !== 0) {
        position = half(position)
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    position = half(position)
    last = half(last)
  }
  return last === 0 ? hash : null
}

function refuse(reason: InclusionRefusal): InclusionVerdict {
  return { ok: false, reason }
}
