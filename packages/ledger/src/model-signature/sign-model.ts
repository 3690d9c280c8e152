// Sign model
//
// Makes an OpenSSF Model Signing v1 bundle with a bare elliptic-curve key, as `model_signing sign key`
// does: the Python tool verifies what this makes.

import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { preAuthentication, type SignedFile } from './bundle.ts'
import { fingerprintOf, hashFor, rootOf } from './verify-model-signature.ts'

const payloadType = 'application/vnd.in-toto+json'

/** The bundle's JSON text over these files, which are put in order of their paths. */
export function signModel(name: string, files: readonly SignedFile[], key: KeyObject): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: rootOf(sorted) } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: ['model.sig'],
      },
      resources: sorted.map(({ path, digest }) => ({
        algorithm: 'sha256',
        digest: digest.slice('sha256:'.length),
        name: path,
      })),
    },
  }
  const payload = Buffer.from(JSON.stringify(statement))
  const signature = sign(hashFor(key), preAuthentication(payloadType, payload), key)
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      publicKey: { hint: fingerprintOf(createPublicKey(key)).slice('sha256:'.length) },
      tlogEntries: [],
    },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: signature.toString('base64'), keyid: '' }],
    },
  }
  return `${JSON.stringify(bundle)}\n`
}
