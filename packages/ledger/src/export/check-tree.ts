// Checking the tree
//
// Rebuilds every tile from the entries and compares it with the stored one, bundle by bundle, so
// that a log of any size is checked in a few megabytes. Where two levels disagree, the level above
// (in the end the signed root) says which of them was changed.
//
// Invariants:
//   T1. Every byte of every expected tile and bundle is compared with what the signed root demands,
//       or a finding says why it could not be.
//   T2. Checking goes on from what the level above confirms, so one change makes one finding.

import { emptyRoot, hashBytes, leafHash, sameHash } from '../merkle/index.ts'
import type { Checkpoint } from '../note/index.ts'
import {
  type Bundle,
  bundleBytesMax,
  decodeBundle,
  hashAt,
  hashesAt,
  levelsOf,
  rootWith,
  rootWithin,
  type Tile,
  tilePath,
  tileWidth,
  widthAt,
} from '../tile/index.ts'
import type { BodyCheck } from './check-bodies.ts'
import type { Finding } from './finding.ts'
import { readBounded } from './folder.ts'
import { checkpointFile, tileBytesMax } from './layout.ts'

export interface TreeSource {
  readonly folder: string
  readonly checkpoint: Checkpoint
  /** Null when there are no bodies to check. */
  readonly bodies: BodyCheck | null
}

/** What is wrong with the bundles, tiles and bodies of an export whose checkpoint is trusted. */
export async function* checkTree(source: TreeSource): AsyncGenerator<Finding, void> {
  const { folder, bodies } = source
  const { size } = source.checkpoint
  const levels: Uint8Array[][] = []
  const fullBundles = hashesAt(size, 1)
  for (let index = 0; index < fullBundles; index++) {
    const tile = { level: 0, index, width: tileWidth }
    const leaves = yield* readLeaves(folder, { ...tile, level: 'entries' })
    const settled = yield* closeTile(source, levels, tile, leaves)
    if (bodies !== null) yield* bodies.check(index * tileWidth, leavesOf(settled, tileWidth))
  }

  const width = size % tileWidth
  const last = { level: 'entries', index: fullBundles, width } as const
  const leaves = width === 0 ? new Uint8Array(0) : yield* readLeaves(folder, last)
  const settled = yield* settleEdge(source, [leaves, ...levels.slice(1).map(concat)])
  if (bodies === null) return
  yield* bodies.check(fullBundles * tileWidth, leavesOf(settled, width))
  yield* bodies.finish()
}

/** Settles a full tile and every tile above it that it makes full; returns its settled hashes. */
async function* closeTile(
  source: TreeSource,
  levels: Uint8Array[][],
  tile: Tile,
  built: Uint8Array | null,
): AsyncGenerator<Finding, Uint8Array | null> {
  const stored = yield* readTile(source.folder, tile)
  const settled = yield* settle(source, tile, built, stored)
  const root =
    settled === null ? await claimedRoot(source, tile) : rootWithin(settled, 0, tileWidth)

  const level = tile.level + 1
  const parents = levels[level] ?? []
  levels[level] = parents
  parents.push(root ?? emptyRoot()) // an unknown root: reported already, and seen to differ above
  if (parents.length === tileWidth) {
    levels[level] = []
    const parent = { level, index: Math.floor(tile.index / tileWidth), width: tileWidth }
    yield* closeTile(source, levels, parent, concat(parents))
  }
  return settled
}

/** Compares a full tile with what lies below it; returns the one that the level above confirms. */
async function* settle(
  source: TreeSource,
  tile: Tile,
  built: Uint8Array | null,
  stored: Uint8Array | null,
): AsyncGenerator<Finding, Uint8Array | null> {
  if (built === null || stored === null) return built ?? stored
  if (sameHash(built, stored)) return built
  const blame = pickBlame(built, stored, await claimedRoot(source, tile))
  yield* findingsOf(tile, blame, differences(built, stored))
  return blame === 'below' ? stored : built // T2
}

/** Compares the partial tiles, which only the signed root confirms; returns the settled leaves. */
async function* settleEdge(
  source: TreeSource,
  built: readonly (Uint8Array | null)[],
): AsyncGenerator<Finding, Uint8Array | null> {
  const { size, root } = source.checkpoint
  const tiles = edgeTiles(size)
  const stored: (Uint8Array | null)[] = []
  for (const tile of tiles) {
    stored.push(tile.width === 0 ? new Uint8Array(0) : yield* readTile(source.folder, tile))
  }
  const builtRoot = foldEdge(built)
  const storedRoot = foldEdge(stored)
  const blame = pickEdgeBlame(root, builtRoot, storedRoot)
  for (const tile of tiles) {
    const below = built[tile.level] ?? null
    const here = stored[tile.level] ?? null
    if (below === null || here === null || sameHash(below, here)) continue
    yield* findingsOf(tile, blame, differences(below, here))
  }
  if (blame === 'either') {
    const got = builtRoot ?? storedRoot
    yield {
      code: 'root-mismatch',
      file: checkpointFile,
      index: null,
      detail: `expected the signed root ${hex(root)}, got ${got === null ? 'none' : hex(got)}`,
    }
  }
  return blame === 'below' ? (stored[0] ?? null) : (built[0] ?? stored[0] ?? null)
}

/** Who is to blame when a tile and what lies below it disagree. */
type Blame = 'below' | 'here' | 'either'

function pickBlame(built: Uint8Array, stored: Uint8Array, claimed: Uint8Array | null): Blame {
  if (claimed === null) return 'either'
  if (sameHash(rootWithin(stored, 0, tileWidth), claimed)) return 'below'
  return sameHash(rootWithin(built, 0, tileWidth), claimed) ? 'here' : 'either'
}

function pickEdgeBlame(
  signed: Uint8Array,
  built: Uint8Array | null,
  stored: Uint8Array | null,
): Blame {
  if (built !== null && sameHash(built, signed)) return 'here'
  return stored !== null && sameHash(stored, signed) ? 'below' : 'either'
}

function* findingsOf(
  tile: Tile,
  blame: Blame,
  places: readonly number[],
): Generator<Finding, void> {
  for (const place of places) {
    const hash = tile.index * tileWidth + place
    const index = hash * tileWidth ** tile.level
    const path = tilePath(tile)
    if (blame === 'here') {
      yield { code: 'tile-changed', file: path, index, detail: `hash ${place} was changed` }
    } else if (blame === 'either') {
      const detail = `hash ${place} does not fit what lies below it`
      yield { code: 'tile-mismatch', file: path, index, detail }
    } else if (tile.level === 0) {
      const file = tilePath({ ...tile, level: 'entries' })
      yield { code: 'entry-changed', file, index, detail: `entry ${place} does not fit ${path}` }
    } else {
      const file = tilePath({ level: tile.level - 1, index: hash, width: tileWidth })
      yield { code: 'tile-changed', file, index, detail: `does not fit hash ${place} of ${path}` }
    }
  }
}

/** The leaf hashes of a bundle; null, after a finding, when it cannot be read. */
async function* readLeaves(
  folder: string,
  bundle: Bundle,
): AsyncGenerator<Finding, Uint8Array | null> {
  const path = tilePath(bundle)
  const index = bundle.index * tileWidth
  const bytes = await readBounded(folder, path, bundleBytesMax)
  if (bytes === 'missing') {
    yield { code: 'missing-file', file: path, index, detail: `expected ${bundle.width} entries` }
    return null
  }
  if (bytes === 'too-large') {
    const detail = `expected at most ${bundleBytesMax} bytes`
    yield { code: 'wrong-length', file: path, index, detail }
    return null
  }
  const decoded = decodeBundle(bytes, bundle.width)
  if (decoded.ok) return concat(decoded.entries.map(leafHash))
  const detail = `expected ${bundle.width} entries to its last byte, got ${decoded.reason}`
  yield { code: 'bad-bundle', file: path, index, detail }
  return null
}

/** The hashes of a stored tile; null, after a finding, when it is not there whole. */
async function* readTile(folder: string, tile: Tile): AsyncGenerator<Finding, Uint8Array | null> {
  const path = tilePath(tile)
  const index = tile.index * tileWidth ** (tile.level + 1)
  const expected = tile.width * hashBytes
  const bytes = await readBounded(folder, path, tileBytesMax)
  if (bytes === 'missing') {
    yield { code: 'missing-file', file: path, index, detail: `expected ${expected} bytes` }
    return null
  }
  if (bytes !== 'too-large' && bytes.length === expected) return bytes
  const got = bytes === 'too-large' ? `more than ${tileBytesMax}` : bytes.length
  yield {
    code: 'wrong-length',
    file: path,
    index,
    detail: `expected ${expected} bytes, got ${got}`,
  }
  return null
}

/** What the stored tile above says about a full tile; null when that is not there whole. */
async function claimedRoot(source: TreeSource, tile: Tile): Promise<Uint8Array | null> {
  const level = tile.level + 1
  const index = Math.floor(tile.index / tileWidth)
  const width = widthAt(source.checkpoint.size, level, index)
  const bytes = await readBounded(source.folder, tilePath({ level, index, width }), tileBytesMax)
  if (typeof bytes === 'string' || bytes.length !== width * hashBytes) return null
  return hashAt(bytes, tile.index % tileWidth)
}

/** The last tile of each level, at width 0 where that level ends with a full tile. */
function edgeTiles(size: number): readonly Tile[] {
  return Array.from({ length: levelsOf(size) }, (_, level) => {
    const index = hashesAt(size, level + 1)
    return { level, index, width: hashesAt(size, level) % tileWidth }
  })
}

function foldEdge(tiles: readonly (Uint8Array | null)[]): Uint8Array | null {
  let root: Uint8Array | null = null
  for (const tile of tiles) {
    if (tile === null) return null
    root = rootWith(tile, root)
  }
  return root ?? emptyRoot()
}

function differences(built: Uint8Array, stored: Uint8Array): readonly number[] {
  const places = Array.from({ length: built.length / hashBytes }, (_, place) => place)
  return places.filter((place) => !sameHash(hashAt(built, place), hashAt(stored, place)))
}

function leavesOf(hashes: Uint8Array | null, width: number): readonly (Uint8Array | null)[] {
  return Array.from({ length: width }, (_, place) => hashes && hashAt(hashes, place))
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

function hex(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex')
}
