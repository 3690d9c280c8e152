// Signed text
//
// Ed25519 over a prefix and a text. The prefix says what the text is for, so that a signature given for
// one purpose never passes for another.

import { type KeyObject, sign, verify } from 'node:crypto'
import { decodeBase64 } from '../text.ts'
import { parseDidKey } from './did-key.ts'

const signatureBytes = 64

/** The signature of prefix and text, in base64. */
export function signText(key: KeyObject, prefix: string, text: string): string {
  return sign(null, Buffer.from(prefix + text, 'utf8'), key).toString('base64')
}

/**
 * True where `signature` (canonical base64) over prefix and text is by the key that the did:key
 * names; false for everything else, malformed names and signatures included.
 */
export function verifyText(
  signer: string,
  prefix: string,
  signed: { readonly text: string; readonly signature: string },
): boolean {
  const signature = decodeBase64(signed.signature)
  if (signature?.length !== signatureBytes) return false
  const key = keyOrNull(signer)
  return key !== null && verify(null, Buffer.from(prefix + signed.text, 'utf8'), key, signature)
}

function keyOrNull(signer: string): KeyObject | null {
  try {
    return parseDidKey(signer)
  } catch {
    return null // not a did:key: nobody's signature
  }
}
