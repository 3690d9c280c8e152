// Verify model signature
//
// Did one of these publishers sign this list of files? Two forms: a bare key (the publisher is a PEM public
// key), and a certificate (the publisher is the PEM certificate of an authority, and the bundle carries
// the leaf with its intermediates). Whether the files ARE those listed, the caller checks by their digests.

import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { type ModelBundle, parseModelBundle, type SignedFile } from './bundle.ts'

export type ModelSignatureVerdict =
  | { readonly ok: true; readonly signer: string; readonly files: readonly SignedFile[] }
  | { readonly ok: false; readonly reason: string }

const chainMax = 8 // certificates between a leaf and its authority

/**
 * Verifies an OpenSSF Model Signing bundle against the publishers that are trusted.
 *
 * @example
 * const verdict = verifyModelSignature(bundle, { publishers: [pem], nowMs: Date.now() })
 */
export function verifyModelSignature(
  bytes: Uint8Array,
  trust: { readonly publishers: readonly string[]; readonly nowMs: number },
): ModelSignatureVerdict {
  const parsed = parseModelBundle(bytes)
  if (!parsed.ok) return parsed
  const { bundle } = parsed
  if (rootOf(bundle.files) !== bundle.claimedRoot) {
    return { ok: false, reason: 'the statement’s digest is not that of the files it lists' }
  }
  if (trust.publishers.length === 0) return { ok: false, reason: 'no publisher is trusted here' }
  const reasons: string[] = []
  for (const pem of trust.publishers) {
    const verdict = verifyBy(pem, bundle, trust.nowMs)
    if (verdict.ok) return { ...verdict, files: bundle.files }
    reasons.push(verdict.reason)
  }
  const distinct = [...new Set(reasons)].join('; ')
  return { ok: false, reason: `none of the trusted publishers signed it: ${distinct}` }
}

/** Hex SHA-256 over the raw digests of the files, in the order they are listed. */
export function rootOf(files: readonly SignedFile[]): string {
  const hash = createHash('sha256')
  for (const { digest } of files) hash.update(Buffer.from(digest.slice('sha256:'.length), 'hex'))
  return hash.digest('hex')
}

type OneVerdict =
  | { readonly ok: true; readonly signer: string }
  | { readonly ok: false; readonly reason: string }

function verifyBy(pem: string, bundle: ModelBundle, nowMs: number): OneVerdict {
  try {
    return pem.includes('BEGIN CERTIFICATE')
      ? verifyByAuthority(new X509Certificate(pem), bundle, nowMs)
      : verifyByKey(createPublicKey(pem), bundle)
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error)
    return { ok: false, reason: `a publisher’s PEM or a certificate cannot be read: ${said}` }
  }
}

function verifyByKey(key: KeyObject, bundle: ModelBundle): OneVerdict {
  if (!isSignedBy(key, bundle)) return { ok: false, reason: 'the signature is by another key' }
  return { ok: true, signer: fingerprintOf(key) }
}

function verifyByAuthority(
  authority: X509Certificate,
  bundle: ModelBundle,
  nowMs: number,
): OneVerdict {
  const chain = bundle.certificates.slice(0, chainMax).map((der) => new X509Certificate(der))
  const [leaf] = chain
  if (leaf === undefined) return { ok: false, reason: 'the bundle has no certificate' }
  if (leaf.ca) return { ok: false, reason: 'an authority’s certificate may not sign models' }
  const issuers = [...chain.slice(1), authority]
  const reason = whyUnchained(leaf, issuers, authority, nowMs)
  if (reason !== null) return { ok: false, reason }
  if (!isSignedBy(leaf.publicKey, bundle)) {
    return { ok: false, reason: 'the signature is not by the certificate’s key' }
  }
  return { ok: true, signer: leaf.subject.replaceAll('\n', ', ') }
}

/** Walks from the leaf to the authority, each certificate signed by the next and valid now. */
function whyUnchained(
  leaf: X509Certificate,
  issuers: readonly X509Certificate[],
  authority: X509Certificate,
  nowMs: number,
): string | null {
  let current = leaf
  for (let steps = 0; steps <= issuers.length; steps++) {
    if (Date.parse(current.validFrom) > nowMs || Date.parse(current.validTo) < nowMs) {
      return `the certificate of ${current.subject} is not valid now (until ${current.validTo})`
    }
    if (current.fingerprint256 === authority.fingerprint256) return null
    const next = issuers.find(
      (issuer) =>
        issuer.ca &&
        issuer.fingerprint256 !== current.fingerprint256 &&
        current.checkIssued(issuer) &&
        current.verify(issuer.publicKey),
    )
    if (next === undefined) break
    current = next
  }
  return 'the certificate does not lead to the trusted authority'
}

/** ECDSA with the hash that fits the curve, or Ed25519, over DSSE's encoding. */
function isSignedBy(key: KeyObject, { signedBytes, signature }: ModelBundle): boolean {
  const isSpecified = key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyType === 'ec'
  return isSpecified && verify(hashFor(key), signedBytes, key, signature) // RSA is not specified
}

/** The hash that goes with a key's curve; null for Ed25519, which has its own. */
export function hashFor(key: KeyObject): string | null {
  if (key.asymmetricKeyType === 'ed25519') return null
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === 'secp384r1' ? 'sha384' : curve === 'secp521r1' ? 'sha512' : 'sha256'
}

/** SHA-256 of the key's DER form, hex: names a key in messages. */
export function fingerprintOf(key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' })
  return `sha256:${createHash('sha256').update(der).digest('hex')}`
}
