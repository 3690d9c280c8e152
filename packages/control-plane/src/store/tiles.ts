// Tiles
//
// The ledger's tiles of hashes as rows. A partial tile grows in its row: its narrower past forms are its
// own beginning. Entry bundles are not stored, the entries are.

import {
  encodeBundle,
  hashesAt,
  levelsOf,
  type ReadTile,
  type TileWrite,
  type TreeEdge,
  tileWidth,
} from '@tutti/ledger'
import type { Query } from './database.ts'

const hashBytes = 32

/** Writes tiles; bundles among the writes are left to `ledger_entry`. */
export async function saveTiles(tx: Query, writes: readonly TileWrite[]): Promise<void> {
  const rows = writes.flatMap(({ tile, bytes }) =>
    tile.level === 'entries'
      ? []
      : [{ level: tile.level, tile: tile.index, hashes: Buffer.from(bytes) }],
  )
  if (rows.length === 0) return
  await tx`
    insert into ledger_tile ${tx(rows, 'level', 'tile', 'hashes')}
    on conflict (level, tile) do update set hashes = excluded.hashes`
}

/** Reads tiles of hashes for proofs. */
export function readTileFrom(sql: Query): ReadTile {
  return async (level, index, width) => {
    const [row] = await sql<{ hashes: Buffer }[]>`
      select hashes from ledger_tile where level = ${level} and tile = ${index}`
    return row?.hashes.subarray(0, width * hashBytes) ?? new Uint8Array(0)
  }
}

/** As `readTileFrom`, for many proofs at once: each tile is asked for one time only. */
export function readTilesOnce(sql: Query): ReadTile {
  const read = readTileFrom(sql)
  const held = new Map<string, Promise<Uint8Array>>()
  return async (level, index, width) => {
    const key = `${level}/${index}`
    const tile = held.get(key) ?? read(level, index, tileWidth)
    held.set(key, tile)
    return (await tile).subarray(0, width * hashBytes)
  }
}

/** The entry bundle `index`, `width` entries wide, in the form of C2SP tlog-tiles. */
export async function readBundle(sql: Query, index: number, width: number): Promise<Uint8Array> {
  const start = index * tileWidth
  const rows = await sql<{ commitment: Buffer }[]>`
    select commitment from ledger_entry
    where leaf_index >= ${start} and leaf_index < ${start + width} order by leaf_index`
  return encodeBundle(rows.map(({ commitment }) => commitment))
}

/** The right edge of the tree of `size` entries: what the next batch grows from. */
export async function loadEdge(sql: Query, size: number): Promise<TreeEdge> {
  const read = readTileFrom(sql)
  const tiles: Uint8Array[] = []
  for (let level = 0; level < levelsOf(size); level++) {
    const width = hashesAt(size, level) % tileWidth
    const index = hashesAt(size, level + 1)
    tiles.push(width === 0 ? new Uint8Array(0) : await read(level, index, width))
  }
  const open = size % tileWidth
  const bundle = open === 0 ? new Uint8Array(0) : await readBundle(sql, hashesAt(size, 1), open)
  return { size, tiles, bundle }
}
