// Tile
//
// Where the hashes and entries of a tree lie: names of tiles and their paths, C2SP tlog-tiles.
// Which tiles a tree of a given size has follows from the size alone.

import { isSize } from '../merkle/index.ts'
import { decodeDecimal } from '../text.ts'

/** Hashes, or entries, in a full tile. */
export const tileWidth = 256

/** A tile of hashes; at width 256 it is full and never changes. */
export interface Tile {
  readonly level: number
  readonly index: number
  readonly width: number
}

/** A bundle of entries, the entries under the level 0 tile of the same index and width. */
export interface Bundle {
  readonly level: 'entries'
  readonly index: number
  readonly width: number
}

/** The path of a tile or bundle below the log's prefix, tlog-tiles "Merkle Tree", "Log entries". */
export function tilePath({ level, index, width }: Tile | Bundle): string {
  const partial = width === tileWidth ? '' : `.p/${width}`
  return `tile/${level}/${indexPath(index)}${partial}`
}

/** The tile or bundle that a canonical path names; null for every other path. */
export function parseTilePath(path: string): Tile | Bundle | null {
  const match = /^tile\/([0-9]|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path)
  const [, levelText, indexText, widthText = `${tileWidth}`] = match ?? []
  if (levelText === undefined || indexText === undefined) return null
  const index = Number(indexText.replaceAll(/[x/]/g, ''))
  const width = decodeDecimal(widthText)
  if (!isSize(index) || width === null || width === 0) return null
  const parsed: Tile | Bundle =
    levelText === 'entries'
      ? { level: levelText, index, width }
      : { level: Number(levelText), index, width }
  return tilePath(parsed) === path ? parsed : null // one path per tile
}

/** How wide a tile is in a tree of `size` entries; 0 when that tree does not have it. */
export function widthAt(size: number, level: number | 'entries', index: number): number {
  const hashes = hashesAt(size, level === 'entries' ? 0 : level)
  return Math.max(0, Math.min(tileWidth, hashes - index * tileWidth))
}

/** How many hashes stand at a level of a tree of `size` entries. */
export function hashesAt(size: number, level: number): number {
  return Math.floor(size / tileWidth ** level)
}

/** Levels with at least one tile in a tree of `size` entries. */
export function levelsOf(size: number): number {
  let levels = 0
  while (hashesAt(size, levels) > 0) levels++
  return levels
}

function indexPath(index: number): string {
  const digits = `${index}`
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g) ?? []
  return groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join('/')
}
