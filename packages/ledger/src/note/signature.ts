// Signature
//
// One signature over a note's text, of either kind: the plain Ed25519 signature of C2SP
// signed-note, or the timestamped one of C2SP tlog-cosignature (`cosignature/v1`).

import { sign, verify } from 'node:crypto'
import { decodeBase64, encodeBase64 } from '../text.ts'
import { isKeyName, type SignerKey, type VerifierKey } from './key.ts'

/** A signature line as it stands in a note, whether or not its key is known. */
export interface SignatureLine {
  readonly name: string
  readonly id: string
  readonly signature: Uint8Array
}

/** A signature that its key really made over the note's text. */
export interface VerifiedSignature {
  readonly key: VerifierKey
  /** When a witness cosigned, in seconds since 1970; null for a plain note signature. */
  readonly timestampSeconds: number | null
}

const idBytes = 4
const timestampBytes = 8
const ed25519Bytes = 64
const linePattern = /^— ([^ ]+) ([^ ]+)$/u

/** The signature line, newline included, of a key over a note's text (signed-note "Format"). */
export function signLine(text: string, signer: SignerKey): string {
  return formatLine(signer.verifier, sign(null, Buffer.from(text), signer.privateKey))
}

/** The cosignature line, newline included, over a checkpoint's text (tlog-cosignature). */
export function cosignLine(text: string, signer: SignerKey, timestampSeconds: number): string {
  const timestamp = Buffer.alloc(timestampBytes)
  timestamp.writeBigUInt64BE(BigInt(timestampSeconds))
  const message = cosignedMessage(text, BigInt(timestampSeconds))
  const signature = sign(null, message, signer.privateKey)
  return formatLine(signer.verifier, Buffer.concat([timestamp, signature]))
}

/** The parts of a signature line without its newline; null when it is malformed. */
export function parseLine(line: string): SignatureLine | null {
  const [, name, base64] = linePattern.exec(line) ?? []
  if (name === undefined || base64 === undefined || !isKeyName(name)) return null
  const bytes = decodeBase64(base64)
  if (bytes === null || bytes.length <= idBytes) return null
  const id = Buffer.from(bytes.subarray(0, idBytes)).toString('hex')
  return { name, id, signature: bytes.subarray(idBytes) }
}

/** The verified signature, or null when this key did not make it over this text. */
export function verifyLine(
  text: string,
  line: SignatureLine,
  key: VerifierKey,
): VerifiedSignature | null {
  switch (key.kind) {
    case 'note':
      return isSignature(Buffer.from(text), line.signature, key)
        ? { key, timestampSeconds: null }
        : null
    case 'cosignature':
      return verifyCosignature(text, line.signature, key)
  }
}

function verifyCosignature(
  text: string,
  timestamped: Uint8Array,
  key: VerifierKey,
): VerifiedSignature | null {
  if (timestamped.length !== timestampBytes + ed25519Bytes) return null
  const timestamp = Buffer.from(timestamped).readBigUInt64BE(0)
  // The spec allows up to 2^63 - 1; a number holds every second of the next 285 million years.
  if (timestamp > BigInt(Number.MAX_SAFE_INTEGER)) return null
  const message = cosignedMessage(text, timestamp)
  return isSignature(message, timestamped.subarray(timestampBytes), key)
    ? { key, timestampSeconds: Number(timestamp) }
    : null
}

function cosignedMessage(text: string, timestamp: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timestamp}\n${text}`)
}

function isSignature(message: Uint8Array, signature: Uint8Array, key: VerifierKey): boolean {
  return signature.length === ed25519Bytes && verify(null, message, key.publicKey, signature)
}

function formatLine(key: VerifierKey, signature: Uint8Array): string {
  return `— ${key.name} ${encodeBase64(Buffer.concat([Buffer.from(key.id, 'hex'), signature]))}\n`
}
