// Reading an export's tiles: the `ReadTile` port over a folder.

import { LedgerFailure } from '../failure.ts'
import { type ReadTile, tilePath } from '../tile/index.ts'
import { readBounded } from './folder.ts'
import { tileBytesMax } from './layout.ts'

/** Reads the hash tiles of a folder in the static layout. Throws `ledger/bad-tile`. */
export function tilesOf(folder: string): ReadTile {
  return async (level, index, width) => {
    const path = tilePath({ level, index, width })
    const bytes = await readBounded(folder, path, tileBytesMax)
    if (typeof bytes !== 'string') return bytes
    throw new LedgerFailure('ledger/bad-tile', `expected ${width} hashes in ${path}, got ${bytes}`)
  }
}
