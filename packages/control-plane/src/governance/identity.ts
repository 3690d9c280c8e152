// Identity
//
// The control plane's two keys: one signs assignments, snapshots and tokens, the other the ledger's
// checkpoints; and the key that encrypts secrets at rest. They live in the data folder, readable by this
// user alone, and are made on the first start.

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  didKeyOf,
  formatSignerKey,
  newPrivateKey,
  parseSignerKey,
  type SignerKey,
  signerKeyFromSeed,
  signText,
} from '@tutti/ledger'
import { writeDurably } from '@tutti/machine'
import { Failure } from '../failure.ts'

export interface Identity {
  /** did:key of the signing key: what nodes pin. */
  readonly controlPlane: string
  /** Signs assignments, snapshots, welcomes and tokens. */
  readonly sign: (prefix: string, text: string) => string
  /** Signs checkpoints; its verifier key is what auditors pin. */
  readonly log: SignerKey
  readonly encrypt: (text: string) => string
  readonly decrypt: (sealed: string) => string
}

interface KeyFile {
  readonly signing: string
  readonly ledger: string
  readonly secrets: string
}

const originDefault = 'tutti.local/ledger'

/** Loads the keys of `dataFolder`, or makes them there. */
export function loadIdentity(dataFolder: string): Identity {
  const path = join(dataFolder, 'keys.json')
  const file = existsSync(path) ? readKeys(path) : makeKeys(path)
  const signing = createPrivateKey(file.signing)
  const secrets = Buffer.from(file.secrets, 'base64')
  return {
    controlPlane: didKeyOf(signing),
    sign: (prefix, text) => signText(signing, prefix, text),
    log: parseSignerKey(file.ledger),
    encrypt: (text) => encrypt(secrets, text),
    decrypt: (sealed) => decrypt(secrets, sealed),
  }
}

function makeKeys(path: string): KeyFile {
  const origin = `${originDefault}/${randomBytes(4).toString('hex')}` // two logs, two names
  const file: KeyFile = {
    signing: exportPem(newPrivateKey()),
    ledger: formatSignerKey(signerKeyFromSeed(origin, randomBytes(32), 'note')),
    secrets: randomBytes(32).toString('base64'),
  }
  // Losing these keys would orphan every node that pinned them, half of them would keep us from starting.
  writeDurably(path, `${JSON.stringify(file, null, 2)}\n`)
  return file
}

function readKeys(path: string): KeyFile {
  try {
    const file: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof file === 'object' && file !== null) {
      const { signing, ledger, secrets } = file as Record<string, unknown>
      if (isText(signing) && isText(ledger) && isText(secrets)) return { signing, ledger, secrets }
    }
    throw new Error('it lacks signing, ledger or secrets')
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(
      'control-plane/keys-unreadable',
      `cannot read the keys in ${path}: ${said}; restore the file from a backup`,
      { cause },
    )
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function exportPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** AES-256-GCM: `enc:v1:` and base64 of nonce, tag and text. */
function encrypt(key: Buffer, text: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `enc:v1:${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')}`
}

function decrypt(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed.slice('enc:v1:'.length), 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
}
