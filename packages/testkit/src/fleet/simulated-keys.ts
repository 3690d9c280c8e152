// Simulated keys
//
// The keys of a simulated fleet: real ones, made once, since histories do not depend on them.

import type { KeyObject } from 'node:crypto'
import { didKeyOf, newPrivateKey, type SignerKey, signerKeyFromSeed, signText } from '@tutti/ledger'

export interface SimulatedKeys {
  /** did:key of the control plane. */
  readonly did: string
  readonly sign: (prefix: string, text: string) => string
  readonly log: SignerKey
  /** Ledger verifier key as nodes pin it. */
  readonly verifier: string
}

export function makeKeys(name: string): SimulatedKeys {
  const key = newPrivateKey()
  const log = signerKeyFromSeed(name, Buffer.alloc(32, name.length), 'note')
  return {
    did: didKeyOf(key),
    sign: (prefix, text) => signText(key, prefix, text),
    log,
    verifier: log.verifier.vkey,
  }
}

export interface SimulatedNodeKey {
  readonly pem: string
  readonly did: string
}

export function makeNodeKey(): SimulatedNodeKey {
  const key: KeyObject = newPrivateKey()
  return { pem: key.export({ type: 'pkcs8', format: 'pem' }).toString(), did: didKeyOf(key) }
}
