// Commitment
//
// What the log stores instead of a record's text: a salted hash of it. The text and its salt lie
// beside the log; when both are erased nobody can learn or guess the text from the log any more,
// and every proof still holds.
//
// Entry: one version byte 0x01, then SHA-256(0x01 || salt (16 bytes) || body as UTF-8).

import { hash } from 'node:crypto'
import { LedgerFailure } from '../failure.ts'
import { encodeUtf8 } from '../text.ts'

/** 128 bits: a short or well-known body cannot be guessed from its commitment. */
export const saltBytes = 16

const version = 0x01

/**
 * The log entry that commits to a body. The salt must be fresh and random for each body. Throws
 * `ledger/bad-salt` and, for a string that has no UTF-8 form of its own, `ledger/bad-body`.
 *
 * @example
 * const entry = commit(randomBytes(16), JSON.stringify({ change: 'deploy' }))
 */
export function commit(salt: Uint8Array, body: string): Uint8Array {
  if (salt.length !== saltBytes) {
    throw new LedgerFailure(
      'ledger/bad-salt',
      `expected ${saltBytes} random bytes, got ${salt.length}`,
    )
  }
  const bytes = encodeUtf8(body)
  if (bytes === null) {
    throw new LedgerFailure('ledger/bad-body', 'expected well-formed text, got a lone surrogate')
  }
  const digest = hash('sha256', Buffer.concat([Buffer.of(version), salt, bytes]), 'buffer')
  return Buffer.concat([Buffer.of(version), digest])
}

/** Whether a salt and body are those that an entry commits to; false for any malformed input. */
export function opens(entry: Uint8Array, salt: Uint8Array, body: string): boolean {
  if (salt.length !== saltBytes || encodeUtf8(body) === null) return false
  return Buffer.compare(entry, commit(salt, body)) === 0
}
