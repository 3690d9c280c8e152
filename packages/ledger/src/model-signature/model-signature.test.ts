import { execFileSync } from 'node:child_process'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  X509Certificate,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { preAuthentication } from './bundle.ts'
import { signModel } from './sign-model.ts'
import { verifyModelSignature } from './verify-model-signature.ts'

const digest = (c: string) => `sha256:${c.repeat(64)}`
const files = [
  { path: 'model.onnx', digest: digest('a') },
  { path: 'golden.json', digest: digest('b') },
]
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const pemOf = (k: typeof key) =>
  createPublicKey(k).export({ type: 'spki', format: 'pem' }).toString()
const bundle = Buffer.from(signModel('parts', files, key))
const nowMs = Date.now()
const trust = { publishers: [pemOf(key)], nowMs }

describe('model signature', () => {
  test('is verified, and gives the files that were signed', () => {
    const verdict = verifyModelSignature(bundle, trust)
    expect(verdict.ok && [...verdict.files].sort((a, b) => (a.path < b.path ? 1 : -1))).toEqual(
      files,
    )
  })

  test('by Ed25519 and P-384 too; another key, and nobody, is refused', () => {
    const ed = generateKeyPairSync('ed25519').privateKey
    const signedByEd = Buffer.from(signModel('parts', files, ed))
    expect(
      verifyModelSignature(signedByEd, { publishers: [pemOf(key), pemOf(ed)], nowMs }).ok,
    ).toBe(true)
    expect(verifyModelSignature(signedByEd, trust).ok).toBe(false)
    for (const namedCurve of ['P-384', 'P-521']) {
      const ec = generateKeyPairSync('ec', { namedCurve }).privateKey
      const signed = Buffer.from(signModel('parts', files, ec))
      expect(verifyModelSignature(signed, { publishers: [pemOf(ec)], nowMs }).ok).toBe(true)
    }
    expect(verifyModelSignature(bundle, { publishers: [], nowMs })).toMatchObject({ ok: false })
    expect(verifyModelSignature(bundle, { publishers: ['no pem'], nowMs }).ok).toBe(false)
  })

  test('an RSA key is not in the specification', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const signed = Buffer.from(signModel('parts', files, rsa))
    expect(verifyModelSignature(signed, { publishers: [pemOf(rsa)], nowMs }).ok).toBe(false)
  })

  test('nothing that was signed can change: digest, name, file added or taken away', () => {
    const parsed = JSON.parse(bundle.toString())
    const statement = JSON.parse(Buffer.from(parsed.dsseEnvelope.payload, 'base64').toString())
    const changes: ((s: typeof statement) => void)[] = [
      (s) => (s.predicate.resources[0].digest = 'c'.repeat(64)),
      (s) => (s.predicate.resources[0].name = 'other.onnx'),
      (s) => s.predicate.resources.pop(),
      (s) => (s.subject[0].digest.sha256 = 'd'.repeat(64)),
      (s) => (s.predicateType = 'https://example.com/other'),
    ]
    for (const change of changes) {
      const forged = structuredClone(statement)
      change(forged)
      const payload = Buffer.from(JSON.stringify(forged)).toString('base64')
      const text = JSON.stringify({ ...parsed, dsseEnvelope: { ...parsed.dsseEnvelope, payload } })
      expect(verifyModelSignature(Buffer.from(text), trust).ok).toBe(false)
    }
  })

  test('a flipped byte never makes another list of files pass', () => {
    fc.assert(
      fc.property(fc.nat(bundle.length - 1), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const flipped = Buffer.from(bundle)
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        const verdict = verifyModelSignature(flipped, trust)
        if (verdict.ok) expect(verdict.files).toHaveLength(files.length) // a byte outside what is signed
        if (verdict.ok) expect(verdict.files).toEqual(expect.arrayContaining(files))
      }),
      { numRuns: 300 },
    )
  })

  test('hostile bundles are refused, never thrown over', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(verifyModelSignature(Buffer.from(text), trust).ok).toBe(false)
      }),
    )
    expect(verifyModelSignature(Buffer.from([0xff, 0xfe]), trust).ok).toBe(false)
  })
})

describe('with a certificate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-certificates-'))
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] })

  function hasOpenssl(): boolean {
    try {
      openssl('version')
      return true
    } catch {
      return false
    }
  }

  /** An authority and a leaf below it, as PEM files. */
  function makeChain(name: string): { authority: string; leaf: Buffer; leafKey: string } {
    const subject = ['-subj', `/CN=${name}`]
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '30',
      ...subject,
    )
    openssl(
      'req',
      ...newKey,
      '-keyout',
      `${name}-leaf.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name} leaf`,
    )
    writeFileSync(
      join(folder, 'leaf.ext'),
      'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n',
    )
    const by = [
      '-CA',
      `${name}.pem`,
      '-CAkey',
      `${name}.key`,
      '-CAcreateserial',
      '-extfile',
      'leaf.ext',
    ]
    openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-days', '10', '-out', `${name}-leaf.pem`)
    const leaf = new X509Certificate(readFileSync(join(folder, `${name}-leaf.pem`))).raw
    return {
      authority: readFileSync(join(folder, `${name}.pem`), 'utf8'),
      leaf,
      leafKey: readFileSync(join(folder, `${name}-leaf.key`), 'utf8'),
    }
  }

  function bundleWith(leaf: Buffer, leafKey: string): Buffer {
    const signingKey = createPrivateKey(leafKey)
    const parsed = JSON.parse(signModel('parts', files, signingKey))
    const { payload, payloadType } = parsed.dsseEnvelope
    const signature = sign(
      'sha256',
      preAuthentication(payloadType, Buffer.from(payload, 'base64')),
      signingKey,
    )
    parsed.verificationMaterial = {
      x509CertificateChain: { certificates: [{ rawBytes: leaf.toString('base64') }] },
    }
    parsed.dsseEnvelope.signatures = [{ sig: signature.toString('base64') }]
    return Buffer.from(JSON.stringify(parsed))
  }

  test.skipIf(!hasOpenssl())(
    'a leaf of the trusted authority is accepted, now and not later',
    () => {
      const one = makeChain('one')
      const two = makeChain('two')
      const signed = bundleWith(one.leaf, one.leafKey)
      const madeMs = Date.now() + 60_000 // certificates are valid from the second they are made
      const at = (authority: string, ms = madeMs) =>
        verifyModelSignature(signed, { publishers: [authority], nowMs: ms })
      expect(at(one.authority)).toMatchObject({ ok: true, signer: 'CN=one leaf' })
      expect(at(two.authority).ok).toBe(false)
      expect(at(one.authority, madeMs + 11 * 86_400_000)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('not valid now'),
      })
      expect(
        verifyModelSignature(bundleWith(one.leaf, two.leafKey), {
          publishers: [one.authority],
          nowMs,
        }).ok,
      ).toBe(false)
      rmSync(folder, { recursive: true, force: true })
    },
  )
})
