// Bundle
//
// The parts of an OpenSSF Model Signing v1 bundle that a verifier needs: a Sigstore bundle (v0.3 and the
// older v0.1 and v0.2 forms) whose DSSE envelope holds an in-toto statement that lists every file of the
// model with its digest. Parsed from hostile input, once.
//
// Sources: OpenSSF Model Signing specification v1.0; Sigstore bundle v0.3; DSSE v1.0.

import { decodeBase64, decodeUtf8 } from '../text.ts'

export interface SignedFile {
  /** Path inside the model, with `/`. */
  readonly path: string
  /** `sha256:` and hex. */
  readonly digest: string
}

export interface ModelBundle {
  /** The bytes that were signed: DSSE's pre-authentication encoding of the statement. */
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  /** DER certificates, the leaf first; empty where a bare key signed. */
  readonly certificates: readonly Uint8Array[]
  readonly files: readonly SignedFile[]
  /** Hex SHA-256 over the files' digests in order, as the statement's subject claims it. */
  readonly claimedRoot: string
}

export const bundleBytesMax = 16 * 1024 * 1024 // some hundred thousand files
const predicateTypes = [
  'https://model_signing/signature/v1.0',
  'https://model_signing/Digests/v0.1',
  'https://model_signing/signature/v0.1',
]

/** The bundle, or the sentence that says what is wrong with it. */
export function parseModelBundle(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly bundle: ModelBundle }
  | { readonly ok: false; readonly reason: string } {
  if (bytes.length > bundleBytesMax) return refuse(`it has over ${bundleBytesMax} bytes`)
  const root = parseObject(bytes)
  const envelope = objectAt(root, 'dsseEnvelope')
  const payloadType = textAt(envelope, 'payloadType')
  const payload = decodeBase64(textAt(envelope, 'payload') ?? '*')
  const signatures = listAt(envelope, 'signatures')
  if (payload === null || payloadType !== 'application/vnd.in-toto+json') {
    return refuse('expected a DSSE envelope with an in-toto statement')
  }
  if (signatures.length !== 1) return refuse(`expected 1 signature, got ${signatures.length}`)
  const signature = decodeBase64(textAt(signatures[0], 'sig') ?? '*')
  if (signature === null) return refuse('the signature is not base64')
  const certificates = certificatesOf(objectAt(root, 'verificationMaterial'))
  if (certificates === null) return refuse('a certificate is not base64')
  const statement = readStatement(parseObject(payload))
  if (typeof statement === 'string') return refuse(statement)
  const signedBytes = preAuthentication(payloadType, payload)
  return { ok: true, bundle: { signedBytes, signature, certificates, ...statement } }
}

/** DSSE's PAE: `DSSEv1 <type length> <type> <payload length> <payload>`. */
export function preAuthentication(payloadType: string, payload: Uint8Array): Uint8Array {
  const typeBytes = Buffer.byteLength(payloadType)
  const head = `DSSEv1 ${typeBytes} ${payloadType} ${payload.length} `
  return Buffer.concat([Buffer.from(head), payload])
}

function readStatement(
  statement: unknown,
): string | { readonly files: readonly SignedFile[]; readonly claimedRoot: string } {
  const predicateType = textAt(statement, 'predicateType') ?? ''
  if (!predicateTypes.includes(predicateType)) {
    return `expected the predicate ${predicateTypes[0]}, got ${JSON.stringify(predicateType)}`
  }
  const resources = listAt(objectAt(statement, 'predicate'), 'resources')
  const files: SignedFile[] = []
  for (const resource of resources) {
    const path = textAt(resource, 'name')
    const digest = textAt(resource, 'digest')
    const algorithm = textAt(resource, 'algorithm')
    if (
      path === null ||
      digest === null ||
      algorithm !== 'sha256' ||
      !/^[0-9a-f]{64}$/.test(digest)
    ) {
      const got = JSON.stringify(resource).slice(0, 120)
      return `expected files with name and sha256 digest, got ${got}`
    }
    files.push({ path, digest: `sha256:${digest}` })
  }
  const subject = listAt(statement, 'subject')[0]
  const claimedRoot = textAt(objectAt(subject, 'digest'), 'sha256')
  if (files.length === 0 || claimedRoot === null) return 'the statement lists no files'
  return { files, claimedRoot }
}

function certificatesOf(material: unknown): Uint8Array[] | null {
  const chain = listAt(objectAt(material, 'x509CertificateChain'), 'certificates')
  const single = objectAt(material, 'certificate')
  const certificates: Uint8Array[] = []
  for (const one of chain.length > 0 ? chain : single === null ? [] : [single]) {
    const der = decodeBase64(textAt(one, 'rawBytes') ?? '*')
    if (der === null) return null
    certificates.push(der)
  }
  return certificates
}

function parseObject(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? '')
  } catch {
    return null // the caller says what it expected
  }
}

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, key)?.value
}

function objectAt(value: unknown, key: string): object | null {
  const field = fieldOf(value, key)
  return typeof field === 'object' && field !== null ? field : null
}

function textAt(value: unknown, key: string): string | null {
  const field = fieldOf(value, key)
  return typeof field === 'string' ? field : null
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const field = fieldOf(value, key)
  return Array.isArray(field) ? field : []
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason: `the bundle cannot be read: ${reason}` }
}
