// Key
//
// Names of who signed, C2SP signed-note: a verifier key (public) and a signer key (secret), each
// one line of text. Two kinds of Ed25519 signature are known: the plain note signature of logs,
// and the timestamped cosignature of witnesses.

import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto'
import { LedgerFailure } from '../failure.ts'
import { decodeBase64, encodeBase64, encodeUtf8, hasControls } from '../text.ts'

/** What a key signs: notes (type byte 0x01) or cosigned checkpoints (type byte 0x04). */
export type KeyKind = 'note' | 'cosignature'

export interface VerifierKey {
  readonly name: string
  /** Eight lower-case hex digits: which key of that name; not a commitment to it. */
  readonly id: string
  readonly kind: KeyKind
  readonly publicKey: KeyObject
  /** The canonical line that encodes this key. */
  readonly vkey: string
}

export interface SignerKey {
  readonly privateKey: KeyObject
  readonly verifier: VerifierKey
}

const keyBytes = 32
const typeBytes: Readonly<Record<KeyKind, number>> = { note: 0x01, cosignature: 0x04 }
// RFC 8410, section 7: what precedes the 32-byte seed in a PKCS#8 Ed25519 private key.
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const signerPrefix = 'PRIVATE+KEY+'

/**
 * Reads a verifier key, C2SP signed-note "Verifier keys". Throws `ledger/bad-vkey`.
 *
 * @example
 * const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
 * const log = parseVerifierKey(vkey)
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  const fields = splitKey(vkey)
  const verifier =
    fields === null ? null : makeVerifier(fields.name, fields.kind, fields.keyMaterial)
  if (verifier?.vkey === vkey) return verifier
  throw new LedgerFailure(
    'ledger/bad-vkey',
    `expected a verifier key <name>+<8 hex digits>+<base64>, got ${JSON.stringify(vkey)}` +
      (verifier === null ? '' : `; its name and key belong to the id ${verifier.id}`),
  )
}

/** Reads a signer key, `PRIVATE+KEY+<name>+<id>+<base64>`. Throws `ledger/bad-skey`. */
export function parseSignerKey(skey: string): SignerKey {
  const fields = skey.startsWith(signerPrefix) ? splitKey(skey.slice(signerPrefix.length)) : null
  const signer =
    fields === null ? null : signerKeyFromSeed(fields.name, fields.keyMaterial, fields.kind)
  if (signer !== null && formatSignerKey(signer) === skey) return signer
  // The key itself stays out of the message: messages end up in logs.
  throw new LedgerFailure(
    'ledger/bad-skey',
    `expected a signer key ${signerPrefix}<name>+<8 hex digits>+<base64>, ` +
      `got ${skey.length} characters that are none`,
  )
}

/** The text of a signer key. It is a secret: keep it where only the signer can read it. */
export function formatSignerKey(signer: SignerKey): string {
  const { name, id, kind } = signer.verifier
  const der = signer.privateKey.export({ format: 'der', type: 'pkcs8' })
  const material = Buffer.concat([Buffer.of(typeBytes[kind]), der.subarray(pkcs8Prefix.length)])
  return `${signerPrefix}${name}+${id}+${encodeBase64(material)}`
}

/** The signer key of a 32-byte seed, which the caller takes from a good source of randomness. */
export function signerKeyFromSeed(name: string, seed: Uint8Array, kind: KeyKind): SignerKey {
  if (!isKeyName(name) || seed.length !== keyBytes) {
    throw new LedgerFailure(
      'ledger/bad-skey',
      `expected a name without spaces or plus signs and a seed of ${keyBytes} bytes, ` +
        `got ${JSON.stringify(name)} and ${seed.length} bytes`,
    )
  }
  const der = Buffer.concat([pkcs8Prefix, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const publicDer = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const verifier = makeVerifier(name, kind, publicDer.subarray(-keyBytes))
  return { privateKey, verifier }
}

/** Whether a name can stand in a signature line: not empty, no spaces, no plus, no controls. */
export function isKeyName(name: string): boolean {
  return /^[^\p{White_Space}+]+$/u.test(name) && !hasControls(name) && encodeUtf8(name) !== null
}

function splitKey(text: string) {
  // The base64 may hold plus signs itself: only the first two separate.
  const match = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/su.exec(text)
  const [, name, base64] = match ?? []
  if (name === undefined || base64 === undefined || !isKeyName(name)) return null
  const typed = decodeBase64(base64)
  if (typed === null || typed.length !== 1 + keyBytes) return null
  const kind = kindOf(typed[0])
  return kind === null ? null : { name, kind, keyMaterial: typed.subarray(1) }
}

function kindOf(typeByte: number | undefined): KeyKind | null {
  if (typeByte === typeBytes.note) return 'note'
  return typeByte === typeBytes.cosignature ? 'cosignature' : null
}

function makeVerifier(name: string, kind: KeyKind, publicBytes: Uint8Array): VerifierKey {
  const typed = Buffer.concat([Buffer.of(typeBytes[kind]), publicBytes])
  const id = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed])).slice(0, 8)
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicBytes).toString('base64url') },
    format: 'jwk',
  })
  return { name, id, kind, publicKey, vkey: `${name}+${id}+${encodeBase64(typed)}` }
}
