// Layout
//
// The files of an export and how large each may be. The layout is the static one of C2SP
// tlog-tiles, so that the folder can be served by any web server as a log, plus two files.

import { hashBytes } from '../merkle/index.ts'
import { parseTilePath, tileWidth, widthAt } from '../tile/index.ts'

/** The signed checkpoint. */
export const checkpointFile = 'checkpoint'
/** The log's verifier key, then those of the witnesses that cosigned, one on each line. */
export const keyFile = 'log.vkey'
/** What the entries commit to: one line of JSON for each. */
export const bodiesFile = 'bodies.jsonl'

// As for notes: no checkpoint with a hundred signatures comes near.
export const checkpointBytesMax = 1_000_000
// A hundred keys of 600 bytes: as many as a note may have signatures.
export const keyFileBytesMax = 60_000
// 16 MiB: far above any record of a change, small enough to hold one in memory.
export const bodyLineBytesMax = 16 * 1024 * 1024
export const tileBytesMax = tileWidth * hashBytes

/** Whether an export of a log of `size` entries has a file at this path. */
export function isExpected(path: string, size: number): boolean {
  if (path === checkpointFile || path === keyFile || path === bodiesFile) return true
  const tile = parseTilePath(path)
  return tile !== null && widthAt(size, tile.level, tile.index) === tile.width
}
