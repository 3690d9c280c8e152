// SHA-256
//
// Digests in the form that resources carry: `sha256:` and hex.

import { createHash } from 'node:crypto'

/** The digest of a text (as UTF-8) or of bytes. */
export function sha256(content: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}
