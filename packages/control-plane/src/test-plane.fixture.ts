// Test plane
//
// A control plane with the real embedded Postgres for one file's tests, and the calls that they share.

import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { didKeyOf, newPrivateKey, signModel } from '@tutti/ledger'
import { afterAll, beforeAll, expect } from 'vitest'
import { type ControlPlane, startControlPlane } from './start.ts'

export const folder = mkdtempSync(join(tmpdir(), 'tutti-plane-'))
const publisher = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const pem = createPublicKey(publisher).export({ type: 'spki', format: 'pem' }).toString()
export const adminApproval = newPrivateKey()
/** The plane under test and its admin's secret; `startPlane` writes them. */
export const bed: { plane: ControlPlane; admin: string } = {
  plane: { url: '', credentials: null, stop: async () => {} },
  admin: '',
}

const options = {
  dataFolder: folder,
  host: '127.0.0.1',
  port: 0,
  version: 'test',
  logLevel: 'silent',
  heartbeatMs: 500,
  first: { publishers: [{ name: 'ci', pem }], approvalKey: didKeyOf(adminApproval) },
}

/** Starts the plane before a file's tests and ends it after them. */
export function usePlane(): void {
  beforeAll(async () => {
    await startPlane()
    bed.admin = bed.plane.credentials?.admin ?? ''
  })
  afterAll(async () => {
    await bed.plane.stop()
    rmSync(folder, { recursive: true, force: true })
  })
}

/** Starts it, or starts it again on the same data. */
export async function startPlane(): Promise<void> {
  bed.plane = await startControlPlane(options)
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field, and asserted
export type Answer = { status: number; body: any }

export async function call(
  method: string,
  path: string,
  body?: unknown,
  init: RequestInit & { key?: string } = {},
): Promise<Answer> {
  const headers = { authorization: `Bearer ${init.key ?? bed.admin}`, ...init.headers }
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${bed.plane.url}/api/v1${path}`, {
    ...init,
    method,
    headers,
    ...(text === undefined ? {} : { body: text }),
  })
  const said = await answer.text()
  try {
    return { status: answer.status, body: JSON.parse(said) }
  } catch {
    return { status: answer.status, body: said }
  }
}

const plural: Record<string, string> = { Policy: 'policies' }
export function apply(
  kind: string,
  name: string,
  spec: unknown,
  more: { key?: string; dryRun?: boolean; metadata?: object; project?: string } = {},
) {
  const project = more.project === undefined ? {} : { project: more.project }
  const document = {
    apiVersion: 'tutti/v1',
    kind,
    metadata: { name, ...project, ...more.metadata },
    spec,
  }
  const query = new URLSearchParams({ ...project, ...(more.dryRun ? { dryRun: 'true' } : {}) })
  const path = `/${plural[kind] ?? `${kind.toLowerCase()}s`}/${encodeURIComponent(name)}?${query}`
  return call('PUT', path, document, more.key === undefined ? {} : { key: more.key })
}

export const sha256 = (text: string | Buffer) =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`

export async function upload(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }> {
  const digest = sha256(bytes)
  await call('PUT', `/blobs/${digest}`, bytes.toString('latin1'))
  return { digest, sizeBytes: bytes.length }
}

/** Pushes a model of one small file, signed unless told otherwise. */
export async function pushModel(name: string, version: string, isSigned = true): Promise<Answer> {
  const file = { path: 'model.onnx', ...(await upload(Buffer.from(`model ${name} ${version}`))) }
  const variant = {
    name: 'fp32',
    format: 'onnx',
    precision: 'fp32',
    files: [file],
    inputs: [],
    outputs: [],
  }
  const bundle = Buffer.from(signModel(name, [file], publisher))
  const signature = isSigned ? { signature: await upload(bundle) } : {}
  const spec = { model: name, version, task: 'test', variants: [variant], ...signature }
  return await apply('Model', `${name}:${version}`, spec)
}

export async function makeKey(
  name: string,
  roles: readonly string[],
  more: object = {},
  project = 'default',
) {
  const secret = `tutti_${name}_secret-of-${name}`
  const spec = { owner: name, roles, hash: sha256(secret), ...more }
  expect((await apply('Key', name, spec, { project })).status).toBe(201)
  return secret
}

/** The log once it holds a record made now, and so every record that was committed before. */
export async function readLog() {
  markers += 1
  const marker = `marker-${markers}`
  await apply('Project', marker, {})
  for (;;) {
    const { body } = await call('GET', '/ledger/checkpoint')
    const { body: page } = await call('GET', `/ledger/entries?from=0&until=${body.size}`)
    const isThere = JSON.stringify(page.items).includes(`create Project/${marker}`)
    if (isThere) return { ...body, items: page.items }
  }
}
let markers = 0
