// did:key
//
// An Ed25519 public key as a name: `did:key:z` and the base58btc text of the multicodec prefix 0xed01 with
// the 32 bytes of the key (W3C CCG, The did:key Method, section 3.1.2). Whoever has the name has the key.

import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { LedgerFailure } from '../failure.ts'

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const prefix = 'did:key:z'
const multicodec = Buffer.from([0xed, 0x01])
const keyBytes = 32

/** A new Ed25519 key pair. */
export function newPrivateKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

/** The did:key of an Ed25519 key, private or public. */
export function didKeyOf(key: KeyObject): string {
  const { x } = key.export({ format: 'jwk' })
  return `${prefix}${encodeBase58(Buffer.concat([multicodec, Buffer.from(x ?? '', 'base64url')]))}`
}

/** The public key that a did:key names. Throws `ledger/bad-did-key`. */
export function parseDidKey(name: string): KeyObject {
  const bytes = name.startsWith(prefix) ? decodeBase58(name.slice(prefix.length)) : null
  const isEd25519 =
    bytes?.length === multicodec.length + keyBytes &&
    bytes.subarray(0, multicodec.length).equals(multicodec) &&
    prefix + encodeBase58(bytes) === name // one name per key: people are told apart by it
  if (!bytes || !isEd25519) {
    const message = `expected an Ed25519 did:key (did:key:z6Mk…), got ${JSON.stringify(name)}`
    throw new LedgerFailure('ledger/bad-did-key', message)
  }
  const x = bytes.subarray(multicodec.length).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function encodeBase58(bytes: Buffer): string {
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (; value > 0n; value /= 58n) text = (alphabet[Number(value % 58n)] ?? '') + text
  return text // no leading zero byte: the multicodec prefix starts with 0xed
}

function decodeBase58(text: string): Buffer | null {
  if (text.length > 64) return null // 34 bytes take 47 digits
  let value = 0n
  for (const letter of text) {
    const digit = alphabet.indexOf(letter)
    if (digit < 0) return null
    value = value * 58n + BigInt(digit)
  }
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}
