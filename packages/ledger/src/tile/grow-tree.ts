// Growing a tree
//
// Decides which tiles to write when entries are added to a log, and what its root then is. It
// needs only the right edge of the tree, a few kilobytes however large the log is. It writes
// nothing itself.
//
// Invariants:
//   G1. A full tile is planned exactly once; it never changes afterwards.
//   G2. However the same entries are cut into batches, the edge, the root and all full tiles are
//       the same.
//   G3. The tiles of an edge have exactly the widths that its size demands.

import { LedgerFailure } from '../failure.ts'
import { emptyRoot, hashBytes, isSize, leafHash } from '../merkle/index.ts'
import { decodeBundle, encodeBundle } from './entry-bundle.ts'
import { type Bundle, hashesAt, levelsOf, type Tile, tilePath, tileWidth } from './tile.ts'
import { rootWith, rootWithin } from './tile-root.ts'

/** The right edge of a tree: all that must be kept to go on growing it. */
export interface TreeEdge {
  readonly size: number
  /** The partial tile of each level from 0 up; empty where that level ends with a full tile. */
  readonly tiles: readonly Uint8Array[]
  /** The partial entry bundle; empty where the last one is full. */
  readonly bundle: Uint8Array
}

export interface TileWrite {
  readonly tile: Tile | Bundle
  readonly path: string
  readonly bytes: Uint8Array
}

export interface TreeGrowth {
  readonly edge: TreeEdge
  readonly root: Uint8Array
  /** Tiles and bundles that are now full: write once, keep for ever. */
  readonly full: readonly TileWrite[]
  /** Partial tiles and bundles that changed: a checkpoint at the new size needs them. */
  readonly partial: readonly TileWrite[]
}

/** The edge of a tree without entries. */
export const emptyEdge: TreeEdge = { size: 0, tiles: [], bundle: new Uint8Array(0) }

/**
 * Adds entries to a tree: what to write, the new edge and the new root. Throws
 * `ledger/entry-too-large` and, for an edge that cannot be, `ledger/bad-edge`.
 *
 * @example
 * const growth = growTree(edge, [entry])
 * for (const { path, bytes } of [...growth.full, ...growth.partial]) await save(path, bytes)
 */
export function growTree(edge: TreeEdge, entries: readonly Uint8Array[]): TreeGrowth {
  checkEdge(edge)
  const kept = hashesAt(edge.size, 0) % tileWidth
  const full: TileWrite[] = []
  const levels = edge.tiles.map((tile) => [tile])
  let open = [edge.bundle]

  for (const [offset, entry] of entries.entries()) {
    open.push(encodeBundle([entry]))
    append(levels, 0, leafHash(entry))
    const size = edge.size + offset + 1
    if ((kept + offset + 1) % tileWidth === 0) {
      const index = hashesAt(size, 1) - 1
      full.push(write({ level: 'entries', index, width: tileWidth }, Buffer.concat(open)))
      open = []
      full.push(...closeTiles(levels, size))
    }
  }

  const size = edge.size + entries.length
  const tiles = levels.map((hashes) => Buffer.concat(hashes))
  const grown = { size, tiles, bundle: Buffer.concat(open) }
  const partial = edgeWrites(grown).filter(({ tile }) => isNew(tile, edge.size, size))
  return { edge: grown, root: edgeRoot(grown), full, partial }
}

/** The root of the tree with this edge, RFC 6962 section 2.1. */
export function edgeRoot(edge: TreeEdge): Uint8Array {
  let root: Uint8Array | null = null
  for (const tile of edge.tiles) root = rootWith(tile, root)
  return root ?? emptyRoot()
}

/** Every partial tile and bundle of an edge, changed or not. */
export function edgeWrites(edge: TreeEdge): readonly TileWrite[] {
  const width = edge.size % tileWidth
  const index = hashesAt(edge.size, 1)
  const bundles = width === 0 ? [] : [write({ level: 'entries', index, width }, edge.bundle)]
  const tiles = edge.tiles.flatMap((bytes, level) => {
    const tile = { level, index: hashesAt(edge.size, level + 1), width: bytes.length / hashBytes }
    return tile.width === 0 ? [] : [write(tile, bytes)]
  })
  return [...bundles, ...tiles]
}

/** Closes every level whose tile just became full, from the bottom up: at least level 0. */
function closeTiles(levels: Uint8Array[][], size: number): readonly TileWrite[] {
  const writes: TileWrite[] = []
  for (let level = 0; size % tileWidth ** (level + 1) === 0; level++) {
    const bytes = Buffer.concat(levels[level] ?? [])
    const index = hashesAt(size, level + 1) - 1
    writes.push(write({ level, index, width: tileWidth }, bytes)) // G1
    levels[level] = []
    append(levels, level + 1, rootWithin(bytes, 0, tileWidth))
  }
  return writes
}

function append(levels: Uint8Array[][], level: number, hash: Uint8Array): void {
  const hashes = levels[level]
  if (hashes === undefined) levels[level] = [hash]
  else hashes.push(hash)
}

/** Whether a partial tile of the grown tree differs from what was written at the old size. */
function isNew({ level }: Tile | Bundle, oldSize: number, newSize: number): boolean {
  const height = level === 'entries' ? 0 : level
  return hashesAt(oldSize, height) !== hashesAt(newSize, height)
}

function write(tile: Tile | Bundle, bytes: Uint8Array): TileWrite {
  return { tile, path: tilePath(tile), bytes }
}

function checkEdge(edge: TreeEdge): void {
  const { size, tiles, bundle } = edge
  const fits =
    isSize(size) &&
    tiles.length === levelsOf(size) &&
    tiles.every((tile, level) => tile.length === (hashesAt(size, level) % tileWidth) * hashBytes) &&
    decodeBundle(bundle, size % tileWidth).ok // G3
  if (fits) return
  throw new LedgerFailure(
    'ledger/bad-edge',
    `expected the right edge of a tree of ${size} entries, got tiles of ` +
      `${tiles.map((tile) => tile.length).join(', ')} bytes and a bundle of ${bundle.length}; ` +
      'load the edge again from the stored tiles',
  )
}
