// Signed text
//
// Ed25519 over a prefix and a text. The prefix says what the text is for, so that a signature given for
// one purpose never passes for another.

import { type KeyObject, sign, verify } from 'node:crypto'
import { parseDidKey } from './did-key.ts'

/** The signature of prefix and text, in base64. */
export function signText(key: KeyObject, prefix: string, text: string): string {
  return sign(null, Buffer.from(prefix + text, 'utf8'), key).toString('base64')
}

/** True where `signature` (base64) over prefix and text is by the key that the did:key names. */
export function verifyText(
  signer: string,
  prefix: string,
  signed: { readonly text: string; readonly signature: string },
): boolean {
  const signature = Buffer.from(signed.signature, 'base64')
  if (signature.length !== 64) return false
  return verify(null, Buffer.from(prefix + signed.text, 'utf8'), parseDidKey(signer), signature)
}
