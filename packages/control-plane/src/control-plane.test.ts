// The control plane over its API, with the real embedded Postgres.

import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signingPrefix } from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import {
  commit,
  didKeyOf,
  exportLog,
  newPrivateKey,
  openCheckpoint,
  parseVerifierKey,
  signModel,
  signText,
  verifyExport,
} from '@tutti/ledger'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ControlPlane, startControlPlane } from './start.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-plane-'))
const publisher = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const pem = createPublicKey(publisher).export({ type: 'spki', format: 'pem' }).toString()
const adminApproval = newPrivateKey()
let plane: ControlPlane
let admin = ''

const options = {
  dataFolder: folder,
  host: '127.0.0.1',
  port: 0,
  version: 'test',
  logLevel: 'silent',
  heartbeatMs: 500,
  first: { publishers: [{ name: 'ci', pem }], approvalKey: didKeyOf(adminApproval) },
}

beforeAll(async () => {
  plane = await startControlPlane(options)
  admin = plane.credentials?.admin ?? ''
})
afterAll(async () => {
  await plane.stop()
  rmSync(folder, { recursive: true, force: true })
})

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field, and asserted
type Answer = { status: number; body: any }

async function call(
  method: string,
  path: string,
  body?: unknown,
  init: RequestInit & { key?: string } = {},
): Promise<Answer> {
  const headers = { authorization: `Bearer ${init.key ?? admin}`, ...init.headers }
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(`${plane.url}/api/v1${path}`, {
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
function apply(
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

const sha256 = (text: string | Buffer) =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`

async function upload(bytes: Buffer): Promise<{ digest: string; sizeBytes: number }> {
  const digest = sha256(bytes)
  await call('PUT', `/blobs/${digest}`, bytes.toString('latin1'))
  return { digest, sizeBytes: bytes.length }
}

/** Pushes a model of one small file, signed unless told otherwise. */
async function pushModel(name: string, version: string, isSigned = true): Promise<Answer> {
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

async function makeKey(
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
async function readLog() {
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

describe('who may come in', () => {
  test('nothing but /healthz answers without a key', async () => {
    expect((await fetch(`${plane.url}/healthz`)).status).toBe(200)
    for (const path of [
      '/api/v1/nodes',
      '/metrics',
      '/api/v1/snapshot',
      '/api/v1/openapi.json',
      '/api/v1/ledger/checkpoint',
      `/api/v1/blobs/${sha256('')}`,
    ]) {
      expect((await fetch(plane.url + path)).status).toBe(401)
      expect(
        (await fetch(plane.url + path, { headers: { authorization: 'Bearer ' } })).status,
      ).toBe(401)
    }
  })

  test('foreign origins and hosts are turned away for every verb', async () => {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS']) {
      const foreign = await call(method, '/nodes', undefined, {
        headers: { origin: 'https://evil.example' },
      })
      expect([foreign.status, foreign.body.error?.code]).toEqual([403, 'api/foreign-origin'])
    }
  })

  test('a viewer reads and changes nothing; a gateway reads snapshots and nothing else', async () => {
    const viewer = await makeKey('vera', ['viewer'])
    expect((await call('GET', '/nodes', undefined, { key: viewer })).status).toBe(200)
    const denied = await apply('Project', 'x', {}, { key: viewer })
    expect([denied.status, denied.body.error.denials[0].id]).toEqual([403, 'default-deny'])
    const gateway = plane.credentials?.gateway ?? ''
    expect((await call('GET', '/secrets', undefined, { key: gateway })).status).toBe(403)
    expect((await call('GET', '/snapshot', undefined, { key: viewer })).status).toBe(403)
  })

  test('a project is a fence', async () => {
    await apply('Project', 'other', {})
    const outsider = await makeKey('otto', ['operator'], {}, 'other')
    const denied = await apply(
      'Provider',
      'p',
      { dialect: 'openai', baseUrl: 'http://x.example/v1' },
      { key: outsider, project: 'default' },
    )
    expect(denied.body.error.denials[0].id).toBe('projects/projects-are-fences')
    const own = await apply(
      'Provider',
      'p',
      { dialect: 'openai', baseUrl: 'http://x.example/v1' },
      { key: outsider, project: 'other' },
    )
    expect(own.status).toBe(201)
  })
})

describe('declaring', () => {
  test('created, unchanged, updated, conflict, deleted, and generations go on', async () => {
    expect((await apply('Project', 'a', {})).body).toMatchObject({
      outcome: 'committed',
      action: 'create',
    })
    expect((await apply('Project', 'a', {})).body.outcome).toBe('unchanged')
    const two = await apply('Project', 'a', { description: 'two' })
    expect(two.body.resource.metadata.generation).toBe(2)
    const stale = await apply(
      'Project',
      'a',
      { description: 'three' },
      { metadata: { generation: 1 } },
    )
    expect([stale.status, stale.body.error.generation]).toEqual([409, 2])
    expect((await call('DELETE', '/projects/a')).status).toBe(200)
    expect((await call('GET', '/projects/a')).status).toBe(404)
    const again = await apply('Project', 'a', {})
    expect(again.body.resource.metadata.generation).toBe(4)
  })

  test('what is wrong is said with the path and the nearest word', async () => {
    const field = await apply('Project', 'b', { descripton: 'x' })
    expect(field.body.error.message).toBe(
      'spec.descripton: unknown field: did you mean description?',
    )
    expect((await call('PUT', '/projects/b', '{"a":')).status).toBe(422)
    expect((await call('PUT', '/projects/b', 'x'.repeat(5 * 2 ** 20))).status).toBe(413)
    expect((await apply('Deployment', 'd', { model: 'nope:v1' })).body.error.message).toContain(
      'no Model nope:v1',
    )
    expect((await call('GET', '/projekts')).status).toBe(404)
    const policy = await apply('Policy', 'broken', {
      cedar: 'permit(principal, action, resource) when { nonsense };',
    })
    expect(policy.status).toBe(422)
    const word = await apply('Policy', 'word', {
      cedar: '@id("w") permit(principal, action, resource) when { context.colour == "red" };',
    })
    expect(word.body.error.message).toContain('colour')
  })

  test('a dry run says what would happen and writes nothing', async () => {
    const before = (await readLog()).size
    const plan = await apply('Project', 'dry', {}, { dryRun: true })
    expect(plan.body).toMatchObject({
      outcome: 'planned',
      action: 'create',
      verdict: { kind: 'allow' },
    })
    expect((await call('GET', '/projects/dry')).status).toBe(404)
    expect((await readLog()).size).toBe(before + 1) // the marker alone
  })

  test('nodes and rollouts are not declared by people', async () => {
    const node = await apply('Node', 'n', { publicKey: didKeyOf(newPrivateKey()) })
    expect(node.body.error.message).toContain('tutti join')
  })
})

describe('blobs', () => {
  test('an upload goes on where it stopped, a wrong digest is refused, ranges are served', async () => {
    const bytes = 'abcdefghij'.repeat(1_000)
    const digest = sha256(bytes)
    const part = (from: number, to: number) =>
      call('PUT', `/blobs/${digest}`, bytes.slice(from, to), {
        headers: { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` },
      })
    expect((await part(0, 4_000)).body).toMatchObject({ complete: false, uploadedBytes: 4_000 })
    expect((await part(5_000, 6_000)).body.error.uploadedBytes).toBe(4_000)
    expect((await call('GET', `/blobs/${digest}`)).body.error.uploadedBytes).toBe(4_000)
    expect((await part(4_000, 10_000)).body).toMatchObject({ complete: true })
    const range = await call('GET', `/blobs/${digest}`, undefined, {
      headers: { range: 'bytes=5-8' },
    })
    expect([range.status, range.body]).toEqual([206, 'fghi'])
    const wrong = await call('PUT', `/blobs/${sha256('something else')}`, bytes)
    expect(wrong.status).toBe(409)
    expect((await call('GET', `/blobs/${sha256('something else')}`)).status).toBe(404)
  })

  test('no path leads out of the store', async () => {
    for (const name of ['..%2f..%2fkeys.json', 'sha256:..%2f..%2fkeys.json', '%2e%2e/keys.json']) {
      expect([404, 422]).toContain((await call('GET', `/blobs/${name}`)).status)
    }
  })
})

describe('models and approvals', () => {
  test('a model never changes; an unsigned one is not deployed, with policy, reason and remedy', async () => {
    expect((await pushModel('m', 'v1')).status).toBe(201)
    const { body } = await call('GET', '/models/m:v1')
    const changed = await apply('Model', 'm:v1', { ...body.spec, task: 'another' })
    expect(changed.body.error.message).toContain('never changes')
    await pushModel('m', 'raw', false)
    const denied = await apply('Deployment', 'raw', { model: 'm:raw' })
    expect(denied.status).toBe(403)
    expect(denied.body.error.denials[0]).toMatchObject({
      id: 'signed-models/signed-models-only',
      reason: expect.stringContaining('signed'),
      fix: expect.stringContaining('model push'),
      clause: expect.stringContaining('forbid'),
    })
  })

  const askProduction = (name: string, more = {}) =>
    apply('Deployment', name, { model: 'm:v1', environment: 'production', ...more })

  function sign(approval: { spec: Record<string, string> }, approver: string, key = adminApproval) {
    const { changeDigest, policySet, requestedBy, expiresAtMs } = approval.spec
    const statement = canonicalJson({
      ...{ format: 'tutti/approval/v1', change: changeDigest, policySet, requestedBy, expiresAtMs },
      approver: `User::"${approver}"`,
    })
    return { statement, signature: signText(key, signingPrefix.approval, statement) }
  }

  const approve = (name: string, signed: object, key?: string) =>
    call('POST', `/approvals/${name}/approve`, signed, key === undefined ? {} : { key })

  test('production waits for somebody else’s signature over exactly this change (P1, P3)', async () => {
    const own = newPrivateKey()
    const bea = await makeKey('bea', ['approver'], { approvalKey: didKeyOf(own) })
    const nokey = await makeKey('nokey', ['approver'])
    const asked = await askProduction('prod')
    expect([asked.status, asked.body.outcome]).toEqual([202, 'needs-approval'])
    const { approval } = asked.body
    const { name } = approval.metadata
    expect((await askProduction('prod')).body.approval.metadata.name).toBe(name)
    expect((await approve(name, sign(approval, 'admin'))).body.error.message).toContain(
      'asked for this change',
    )
    expect((await approve(name, sign(approval, 'nokey', own), nokey)).body.error.message).toContain(
      'no approvalKey',
    )
    expect(
      (await approve(name, sign(approval, 'bea', newPrivateKey()), bea)).body.error.message,
    ).toContain('not signed by')
    const other = {
      ...approval,
      spec: { ...approval.spec, changeDigest: sha256('another change') },
    }
    expect((await approve(name, sign(other, 'bea', own), bea)).status).toBe(409)
    expect((await call('GET', '/deployments/prod')).status).toBe(404)
    const done = await approve(name, sign(approval, 'bea', own), bea)
    expect(done.body).toMatchObject({ outcome: 'committed', action: 'create' })
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    const record = records.find(
      (r: { resource: string }) => r.resource === 'Deployment/default/prod',
    )
    expect(record.approvals).toHaveLength(1)
    expect(record.principal).toBe('User::"admin"')
  })

  test('an approval is void once the resource has changed', async () => {
    const own = newPrivateKey()
    const cleo = await makeKey('cleo', ['approver'], { approvalKey: didKeyOf(own) })
    expect((await apply('Deployment', 'dev', { model: 'm:v1' })).status).toBe(201)
    const { approval } = (await askProduction('dev')).body
    expect(
      (await apply('Deployment', 'dev', { model: 'm:v1', strategy: { soakMs: 1 } })).status,
    ).toBe(200)
    const late = await approve(approval.metadata.name, sign(approval, 'cleo', own), cleo)
    expect(late.status).toBe(409)
    const { body } = await call('GET', `/approvals/${approval.metadata.name}`)
    expect(body.status.phase).toBe('void')
  })

  test('who may not change production cannot get it by asking for approval', async () => {
    const viewer = await makeKey('vic', ['viewer'])
    const asked = await apply(
      'Deployment',
      'theft',
      { model: 'm:v1', environment: 'production' },
      { key: viewer },
    )
    expect([asked.status, asked.body.error.code]).toEqual([403, 'api/denied'])
    const { body } = await call('GET', '/approvals')
    const names = body.items.map(
      (item: { spec: { change: { name: string } } }) => item.spec.change.name,
    )
    expect(names).not.toContain('theft')
  })

  test('moving production out of production needs approval too', async () => {
    const asked = await apply('Deployment', 'prod', { model: 'm:v1', environment: 'development' })
    expect(asked.body.outcome).toBe('needs-approval')
  })
})

test('a secret is never read back, and stands nowhere in the clear', async () => {
  const value = 'sk-very-secret-value'
  expect((await apply('Secret', 's', { value })).status).toBe(201)
  expect((await apply('Secret', 's', { value })).body.outcome).toBe('unchanged')
  expect((await call('GET', '/secrets/s')).body.spec).toEqual({ value: '***' })
  const log = await readLog()
  expect(JSON.stringify(log)).not.toContain(value)
  expect(JSON.stringify(log)).not.toContain(sha256(canonicalJson({ value })).slice(7))
})

describe('ledger', () => {
  test('I1: every generation of every resource has exactly one record, and no record is without', async () => {
    const names = ['i1', 'i2', 'i3']
    let seed = 7
    const chance = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % n
    }
    const committed: Answer[] = []
    for (let round = 0; round < 20; round++) {
      const writes = Array.from({ length: 4 }, () => {
        const name = names[chance(3)] ?? ''
        return chance(4) === 0
          ? call('DELETE', `/projects/${name}`)
          : apply('Project', name, { description: String(chance(5)) })
      })
      const answers = await Promise.all(writes) // at once: some of them meet
      committed.push(...answers.filter(({ body }) => body.outcome === 'committed'))
    }
    expect(committed.length).toBeGreaterThan(10)
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    for (const name of names) {
      const generations = records
        .filter((record: { resource: string }) => record.resource === `Project/${name}`)
        .map((record: { generation: number }) => record.generation)
      expect(generations).toEqual(generations.map((_: number, i: number) => i + 1))
    }
    const written = records.filter((r: { resource: string }) => /^Project\/i\d$/.test(r.resource))
    expect(written).toHaveLength(committed.length)
  })

  test('the checkpoint is signed, the entries open, and an export verifies offline', async () => {
    const log = await readLog()
    const { body } = await call('GET', '/whoami')
    expect(openCheckpoint(log.checkpoint, { log: parseVerifierKey(body.ledger) }).ok).toBe(true)
    for (const { entry, salt, body: text } of log.items) {
      expect(Buffer.from(commit(Buffer.from(salt, 'base64'), text)).toString('base64')).toBe(entry)
    }
    const leaves = log.items.map((item: { entry: string; salt: string; body: string }) => ({
      entry: Buffer.from(item.entry, 'base64'),
      salt: Buffer.from(item.salt, 'base64'),
      body: item.body,
    }))
    const target = join(folder, 'export')
    await exportLog(target, { checkpoint: log.checkpoint, keys: log.keys, leaves })
    expect((await verifyExport(target, { vkey: body.ledger })).ok).toBe(true)
    const tile = await call('GET', `/ledger/tile/0/000.p/${Math.min(log.size, 255)}`)
    expect([200, 404]).toContain(tile.status)
  })
})

describe('nodes', () => {
  const nodeKey = newPrivateKey()

  async function join(name: string, token: string, key = nodeKey) {
    const signature = signText(key, signingPrefix.hello, token)
    return await call('POST', '/join', { token, name, publicKey: didKeyOf(key), signature })
  }

  /** Frames of one connection, in order. */
  function connect() {
    const socket = new WebSocket(`${plane.url.replace('http', 'ws')}/api/v1/connect`)
    const frames: Record<string, unknown>[] = []
    const waiters: (() => void)[] = []
    const wake = () => {
      for (const one of waiters.splice(0)) one()
    }
    let isClosed = false
    socket.on('message', (data) => {
      frames.push(JSON.parse(String(data)))
      wake()
    })
    socket.on('close', () => {
      isClosed = true
      wake()
    })
    const next = async (type: string): Promise<Record<string, unknown> | null> => {
      for (;;) {
        const at = frames.findIndex((frame) => frame['type'] === type)
        if (at >= 0) return frames.splice(0, at + 1).at(-1) ?? null
        if (isClosed) return null
        await new Promise<void>((resolve) => waiters.push(resolve))
      }
    }
    const send = (frame: object) => socket.send(JSON.stringify(frame))
    const hello = async (node: string, key = nodeKey) => {
      const challenge = await next('challenge')
      const nonce = 'n'.repeat(32)
      const text = `${challenge?.['nonce']}\n${nonce}`
      const signature = signText(key, signingPrefix.hello, text)
      send({ type: 'hello', protocol: 1, node, nonce, signature, checkpointSize: 0 })
    }
    const closed = () => next('never')
    return { next, send, hello, closed, end: () => socket.terminate() }
  }

  test('a token lets one machine in, once, and only with proof of its key', async () => {
    const { token } = (await call('POST', '/tokens', { labels: { region: 'north' } })).body
    const signature = signText(newPrivateKey(), signingPrefix.hello, token)
    const thief = await call('POST', '/join', {
      token,
      name: 'n1',
      publicKey: didKeyOf(nodeKey),
      signature,
    })
    expect(thief.status).toBe(401)
    expect((await join('n1', token)).body.labels).toEqual({ region: 'north' })
    expect((await join('n2', token)).body.error.message).toContain('used already')
    expect((await join('n3', 'tutti-join-nonsense')).status).toBe(401)
    const taken = (await call('POST', '/tokens', {})).body.token
    expect((await join('n1', taken, newPrivateKey())).status).toBe(409)
  })

  test('H1: who does not prove to be the node it names is refused', async () => {
    for (const [node, key] of [
      ['n1', newPrivateKey()],
      ['unknown', nodeKey],
    ] as const) {
      const one = connect()
      await one.hello(node, key)
      expect((await one.next('retry'))?.['reason']).toContain('not the node')
      expect(await one.closed()).toBeNull()
    }
    const { body } = await call('GET', '/nodes/n1')
    expect(body.status.connected).toBe(false)
  })

  test('H2: a newer connection of a node ends the older; H3: a gap asks for a full report', async () => {
    const first = connect()
    await first.hello('n1')
    expect(await first.next('welcome')).not.toBeNull()
    const second = connect()
    await second.hello('n1')
    expect(await second.next('welcome')).not.toBeNull()
    expect(await first.closed()).toBeNull()
    await second.next('report-full')
    const load = { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
    second.send({ type: 'heartbeat', sequence: 0, load, telemetry: [] })
    second.send({ type: 'heartbeat', sequence: 5, load, telemetry: [] })
    expect(await second.next('report-full')).not.toBeNull()
    expect((await call('GET', '/nodes/n1')).body.status.connected).toBe(true)
    second.end()
  })

  test('a frame that is not of the protocol ends the connection', async () => {
    const one = connect()
    await one.hello('n1')
    await one.next('welcome')
    one.send({ type: 'heartbeat', sequence: 'x' })
    expect(await one.closed()).toBeNull()
  })
})

test('everything is there after a restart, the log goes on, and the keys are the same', async () => {
  const before = await readLog()
  const { body: me } = await call('GET', '/whoami')
  await plane.stop()
  plane = await startControlPlane(options)
  expect(plane.credentials).toBeNull()
  const { body } = await call('GET', '/whoami')
  expect([body.controlPlane, body.ledger]).toEqual([me.controlPlane, me.ledger])
  expect((await call('GET', '/models/m:v1')).status).toBe(200)
  await apply('Project', 'after', {})
  const after = await readLog()
  expect(after.size).toBe(before.size + 2) // this one and the marker
  expect(after.items.slice(0, before.size)).toEqual(before.items)
  expect(readFileSync(join(folder, 'keys.json'), 'utf8')).toContain('PRIVATE KEY')
})
