// Hash
//
// The two hashes of a Merkle tree log, RFC 6962 section 2.1 (RFC 9162 section 2.1.1): leaves and
// inner nodes are told apart by their first byte, so that neither can be passed off as the other.

import { hash } from 'node:crypto'
import { assert } from '../assert.ts'

/** Bytes in a SHA-256 hash, the only hash of C2SP tlog-tiles. */
export const hashBytes = 32

/** The hash of a log entry: SHA-256(0x00 || entry), RFC 6962 section 2.1. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(1 + entry.length)
  input[0] = 0x00
  input.set(entry, 1)
  return hash('sha256', input, 'buffer')
}

/** The hash of an inner node: SHA-256(0x01 || left || right), RFC 6962 section 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === hashBytes && right.length === hashBytes, 'children are hashes')
  const input = Buffer.allocUnsafe(1 + 2 * hashBytes)
  input[0] = 0x01
  input.set(left, 1)
  input.set(right, 1 + hashBytes)
  return hash('sha256', input, 'buffer')
}

/** The root of a tree without entries: SHA-256 of nothing, RFC 6962 section 2.1. */
export function emptyRoot(): Uint8Array {
  return hash('sha256', '', 'buffer')
}

/** Whether two hashes are the same bytes. Hashes here are public: no constant time needed. */
export function sameHash(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0
}
