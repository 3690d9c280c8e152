// Tile root
//
// The Merkle tree between the hashes that tiles store: a tile holds only every eighth level, the
// levels between are hashed again when they are needed.

import { hashBytes, nodeHash, powerDividing } from '../merkle/index.ts'

/** The root over `count` hashes from the `first` on; `count` is a power of two. */
export function rootWithin(hashes: Uint8Array, first: number, count: number): Uint8Array {
  if (count === 1) return hashAt(hashes, first)
  const left = rootWithin(hashes, first, count / 2)
  return nodeHash(left, rootWithin(hashes, first + count / 2, count / 2))
}

/**
 * The root over all hashes of a tile and whatever stands to the right of it and below, RFC 6962
 * section 2.1: the largest perfect subtree on the left, the rest on the right.
 */
export function rootWith(hashes: Uint8Array, right: Uint8Array | null): Uint8Array | null {
  let root = right
  let end = hashes.length / hashBytes
  while (end > 0) {
    const count = powerDividing(end)
    const subtree = rootWithin(hashes, end - count, count)
    root = root === null ? subtree : nodeHash(subtree, root)
    end -= count
  }
  return root
}

/** The hash at a place in a tile. */
export function hashAt(hashes: Uint8Array, place: number): Uint8Array {
  return hashes.subarray(place * hashBytes, (place + 1) * hashBytes)
}
