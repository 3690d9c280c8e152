// Consistency
//
// Decides whether a proof shows that a later tree only adds entries to an earlier one. Everything
// but the two roots may come from an enemy; nothing here throws on what it is given.

import { emptyRoot, hashBytes, nodeHash, sameHash } from './hash.ts'
import { half, isOdd, isSize, isSubtree } from './subtree.ts'

export interface ConsistencyClaim {
  readonly oldSize: number
  readonly newSize: number
  readonly oldRoot: Uint8Array
  readonly newRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export interface SubtreeConsistencyClaim {
  readonly start: number
  readonly end: number
  readonly size: number
  readonly subtreeRoot: Uint8Array
  readonly root: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export type ConsistencyVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: ConsistencyRefusal }

/**
 * `bad-range`: the trees shrink, or a number is no size. `size-zero`: nothing can be proved from
 * an empty tree, so a caller who accepts that must say so himself. `bad-subtree`, `bad-hash`,
 * `bad-length`: as for inclusion. `old-root-mismatch`, `root-mismatch`: the proof leads elsewhere.
 */
export type ConsistencyRefusal =
  | 'bad-range'
  | 'size-zero'
  | 'bad-subtree'
  | 'bad-hash'
  | 'bad-length'
  | 'old-root-mismatch'
  | 'root-mismatch'

/**
 * Checks a consistency proof, RFC 9162 section 2.1.4.2.
 *
 * @example
 * const verdict = verifyConsistency({ oldSize, newSize, oldRoot, newRoot, proof })
 * if (!verdict.ok) console.error(`the log was rewritten: ${verdict.reason}`)
 */
export function verifyConsistency(claim: ConsistencyClaim): ConsistencyVerdict {
  const { oldSize, newSize, oldRoot, newRoot, proof } = claim
  if (oldSize === 0) return verifyFromEmpty(claim)
  return verifySubtreeConsistency({
    start: 0,
    end: oldSize,
    size: newSize,
    subtreeRoot: oldRoot,
    root: newRoot,
    proof,
  })
}

/**
 * Checks that the subtree [start, end) is part of a tree of `size` entries
 * (draft-ietf-plants-merkle-tree-certs, section "Verifying a Subtree Consistency Proof").
 */
export function verifySubtreeConsistency(claim: SubtreeConsistencyClaim): ConsistencyVerdict {
  const { start, end, size, subtreeRoot, root, proof } = claim
  if (!isSize(start) || !isSize(end) || !isSize(size)) return refuse('bad-range')
  if (start > end || end > size) return refuse('bad-range')
  if (!isSubtree(start, end)) return refuse('bad-subtree')
  if (start === end) return verifyEmptySubtree(claim)
  // A tree compared with itself hashes nothing: whatever the roots are, they must be the same.
  const hashed = start === 0 && end === size ? proof : [...proof, subtreeRoot, root]
  if (hashed.some((hash) => hash.length !== hashBytes)) return refuse('bad-hash')

  const reached = climb(claim)
  if (reached === null) return refuse('bad-length')
  if (!sameHash(reached.subtreeRoot, subtreeRoot)) return refuse('old-root-mismatch')
  return sameHash(reached.root, root) ? { ok: true } : refuse('root-mismatch')
}

interface Reached {
  readonly subtreeRoot: Uint8Array
  readonly root: Uint8Array
}

/** Both roots that the proof leads to; `first`, `last`, `top` are the draft's `fn`, `sn`, `tn`. */
function climb(claim: SubtreeConsistencyClaim): Reached | null {
  let { first, last, top } = skipShared(claim.start, claim.end - 1, claim.size - 1)
  const seed = first === last ? claim.subtreeRoot : claim.proof[0]
  if (seed === undefined) return null
  let subtreeRoot = seed
  let root = seed
  for (const sibling of first === last ? claim.proof : claim.proof.slice(1)) {
    if (top === 0) return null
    if (isOdd(last) || last === top) {
      if (first < last) subtreeRoot = nodeHash(sibling, subtreeRoot)
      root = nodeHash(sibling, root)
      while (!isOdd(last)) {
        first = half(first)
        last = half(last)
        top = half(top)
      }
    } else {
      root = nodeHash(root, sibling)
    }
    first = half(first)
    last = half(last)
    top = half(top)
  }
  return top === 0 ? { subtreeRoot, root } : null
}

/** Climbs to the lowest node on the subtree's right edge that both trees have whole. */
function skipShared(firstLeaf: number, lastLeaf: number, topLeaf: number) {
  let first = firstLeaf
  let last = lastLeaf
  let top = topLeaf
  while (first !== last && (lastLeaf === topLeaf || isOdd(last))) {
    first = half(first)
    last = half(last)
    top = half(top)
  }
  return { first, last, top }
}

function verifyFromEmpty(claim: ConsistencyClaim): ConsistencyVerdict {
  if (claim.newSize !== 0) return refuse('size-zero')
  if (claim.proof.length !== 0) return refuse('bad-length')
  if (!sameHash(claim.oldRoot, emptyRoot())) return refuse('old-root-mismatch')
  return sameHash(claim.newRoot, emptyRoot()) ? { ok: true } : refuse('root-mismatch')
}

function verifyEmptySubtree(claim: SubtreeConsistencyClaim): ConsistencyVerdict {
  if (claim.proof.length !== 0) return refuse('bad-length')
  return sameHash(claim.subtreeRoot, emptyRoot()) ? { ok: true } : refuse('old-root-mismatch')
}

function refuse(reason: ConsistencyRefusal): ConsistencyVerdict {
  return { ok: false, reason }
}
