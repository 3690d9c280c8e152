// Prove
//
// Makes proofs from stored tiles, whoever stores them. A proof needs a tile or two of each level,
// so a few reads for a log of any size. Tiles are believed here: whoever receives the proof checks
// it against a checkpoint.

import { assert } from '../assert.ts'
import { LedgerFailure } from '../failure.ts'
import {
  emptyRoot,
  hashBytes,
  isSize,
  nodeHash,
  powerBelow,
  powerDividing,
} from '../merkle/index.ts'
import { hashesAt, type Tile, tilePath, tileWidth, widthAt } from './tile.ts'
import { rootWithin } from './tile-root.ts'

/** Reads the tile of hashes at a level and index, as wide as the tree in question has it. */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array>

/** The root of the first `size` entries, RFC 6962 section 2.1. Throws `ledger/bad-tile`. */
export async function treeRoot(size: number, readTile: ReadTile): Promise<Uint8Array> {
  assertInRange(isSize(size), `expected a tree size, got ${size}`)
  if (size === 0) return emptyRoot()
  return rangeRoot({ start: 0, end: size }, storedTree(size, readTile))
}

/**
 * The proof that the entry at `index` is in the tree of `size` entries, RFC 9162 section 2.1.3.1.
 * Throws `ledger/out-of-range` and `ledger/bad-tile`.
 */
export async function inclusionProof(
  index: number,
  size: number,
  readTile: ReadTile,
): Promise<readonly Uint8Array[]> {
  assertInRange(
    isSize(size) && isSize(index) && index < size,
    `expected an index below the size ${size}, got ${index}`,
  )
  const tree = storedTree(size, readTile)
  return Promise.all(inclusionRanges(index, size).map((range) => rangeRoot(range, tree)))
}

/**
 * The proof that the tree of `newSize` entries only adds to that of `oldSize`, RFC 9162 section
 * 2.1.4.1. Throws `ledger/out-of-range` and `ledger/bad-tile`.
 */
export async function consistencyProof(
  oldSize: number,
  newSize: number,
  readTile: ReadTile,
): Promise<readonly Uint8Array[]> {
  assertInRange(
    isSize(oldSize) && isSize(newSize) && oldSize <= newSize,
    `expected an old size up to the new size ${newSize}, got ${oldSize}`,
  )
  const tree = storedTree(newSize, readTile)
  return Promise.all(consistencyRanges(oldSize, newSize).map((range) => rangeRoot(range, tree)))
}

/** Entries from `start` up to, not including, `end`. */
interface Range {
  readonly start: number
  readonly end: number
}

/** PATH(m, D[n]): the siblings on the way from the leaf up to the root. */
function inclusionRanges(index: number, size: number): readonly Range[] {
  const ranges: Range[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + powerBelow(end - start)
    if (index < middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  return ranges.reverse()
}

/** PROOF(m, D[n]): the fewest subtrees from which both roots can be hashed. */
function consistencyRanges(oldSize: number, newSize: number): readonly Range[] {
  if (oldSize === 0 || oldSize === newSize) return []
  const ranges: Range[] = []
  let start = 0
  let end = newSize
  while (end !== oldSize) {
    const middle = start + powerBelow(end - start)
    if (oldSize <= middle) {
      ranges.push({ start: middle, end })
      end = middle
    } else {
      ranges.push({ start, end: middle })
      start = middle
    }
  }
  // The verifier knows the old root already, so a left-most node that is the old tree is left out.
  if (start > 0) ranges.push({ start, end })
  return ranges.reverse()
}

/** The root of a range on whose left edge a subtree starts: perfect subtrees, folded rightwards. */
async function rangeRoot({ start, end }: Range, tree: StoredTree): Promise<Uint8Array> {
  const nodes: Promise<Uint8Array>[] = []
  for (let at = end; at > start; ) {
    const count = powerDividing(at - start)
    at -= count
    nodes.push(perfectRoot(at, count, tree))
  }
  const [last, ...rest] = await Promise.all(nodes)
  assert(last !== undefined, 'a range has entries')
  return rest.reduce((right, left) => nodeHash(left, right), last)
}

/** The root of `count` entries from `start`, read from one tile at the highest level possible. */
async function perfectRoot(start: number, count: number, tree: StoredTree): Promise<Uint8Array> {
  const level = Math.floor(Math.log2(count) / 8)
  const first = hashesAt(start, level)
  const index = Math.floor(first / tileWidth)
  const hashes = await tree(level, index)
  return rootWithin(hashes, first % tileWidth, hashesAt(count, level))
}

type StoredTree = (level: number, index: number) => Promise<Uint8Array>

/** Reads each tile once per proof, at its width in the tree, and refuses one of another length. */
function storedTree(size: number, readTile: ReadTile): StoredTree {
  const reads = new Map<string, Promise<Uint8Array>>() // a proof touches at most 2 tiles per level
  return (level, index) => {
    const tile = { level, index, width: widthAt(size, level, index) }
    const path = tilePath(tile)
    const read = reads.get(path) ?? readChecked(tile, readTile)
    reads.set(path, read)
    return read
  }
}

async function readChecked(tile: Tile, readTile: ReadTile): Promise<Uint8Array> {
  const hashes = await readTile(tile.level, tile.index, tile.width)
  if (hashes.length === tile.width * hashBytes) return hashes
  throw new LedgerFailure(
    'ledger/bad-tile',
    `expected ${tile.width * hashBytes} bytes in ${tilePath(tile)}, got ${hashes.length}`,
  )
}

function assertInRange(condition: boolean, message: string): asserts condition {
  if (!condition) throw new LedgerFailure('ledger/out-of-range', message)
}
