// Entry bundle
//
// Entries as they are stored: each preceded by its length in two big-endian bytes, C2SP tlog-tiles
// "Log entries".

import { LedgerFailure } from '../failure.ts'
import { tileWidth } from './tile.ts'

/** The longest entry that a bundle can hold: its length has 16 bits. */
export const entryBytesMax = 65_535

/** The most bytes a bundle can have: a reader may refuse anything longer. */
export const bundleBytesMax = tileWidth * (2 + entryBytesMax)

export type DecodedBundle =
  | { readonly ok: true; readonly entries: readonly Uint8Array[] }
  | { readonly ok: false; readonly reason: 'truncated' | 'wrong-count' }

/** The bytes of a bundle. Throws `ledger/entry-too-large`. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(entries.flatMap((entry) => [lengthOf(entry), entry]))
}

/** The entries of a bundle that must hold exactly `width` of them and not a byte more. */
export function decodeBundle(bundle: Uint8Array, width: number): DecodedBundle {
  const view = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.byteLength)
  const entries: Uint8Array[] = []
  let at = 0
  while (at < view.length) {
    if (entries.length === width) return { ok: false, reason: 'wrong-count' }
    if (at + 2 > view.length) return { ok: false, reason: 'truncated' }
    const end = at + 2 + view.readUInt16BE(at)
    if (end > view.length) return { ok: false, reason: 'truncated' }
    entries.push(view.subarray(at + 2, end))
    at = end
  }
  return entries.length === width ? { ok: true, entries } : { ok: false, reason: 'wrong-count' }
}

function lengthOf(entry: Uint8Array): Uint8Array {
  if (entry.length > entryBytesMax) {
    throw new LedgerFailure(
      'ledger/entry-too-large',
      `expected an entry of at most ${entryBytesMax} bytes, got ${entry.length}; ` +
        'log a commitment and keep the body beside the log',
    )
  }
  return Buffer.of(entry.length >> 8, entry.length & 0xff)
}
