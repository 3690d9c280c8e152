// What nodes are told about where files come from, over their real session.

import { createHash } from 'node:crypto'
import { peerClaims, type ToControlPlane, type ToNode } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText, verifyText } from '@tutti/ledger'
import { beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { apply, bed, call, pushModel, usePlane } from '../test-plane.fixture.ts'

usePlane()

const content = 'model shared v1' // as pushModel makes it
const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
const facts = {
  ...{ version: 't', os: 'linux', arch: 'x64', cpus: 1, memoryBytes: 2 ** 30, diskFreeBytes: 1 },
  ...{ formats: ['onnx' as const], runtime: 'r' },
}

/** A node that joins, proves itself and says where it listens; it fetches nothing by itself. */
async function enter(name: string, site: string) {
  const key = newPrivateKey()
  const { token } = (await call('POST', '/tokens', { labels: { site } })).body
  const signature = signText(key, signingPrefix.hello, token)
  await call('POST', '/join', { token, name, publicKey: didKeyOf(key), signature })
  const socket = new WebSocket(`${bed.plane.url.replace('http', 'ws')}/api/v1/connect`)
  const send = (message: ToControlPlane) => socket.send(JSON.stringify(message))
  const session = await new Promise<string>((resolve) => {
    socket.on('message', (data) => {
      const message: ToNode = JSON.parse(String(data))
      if (message.type === 'challenge') {
        const nonce = 'n'.repeat(32)
        const proof = signText(key, signingPrefix.hello, `${message.nonce}\n${nonce}`)
        send({ type: 'hello', protocol: 1, node: name, nonce, signature: proof, checkpointSize: 0 })
      }
      if (message.type !== 'welcome') return
      const status = { type: 'status' as const, sequence: 0, full: true, reports: [] }
      send({ ...status, facts: { ...facts, endpoint: `http://${name}:8081` }, checkpointSize: 0 })
      resolve(message.session)
    })
  })
  let sequence = 1
  const load = { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
  const beating = setInterval(() => {
    send({ type: 'heartbeat', sequence: sequence++, load, telemetry: [] })
  }, 300)
  const leave = () => {
    clearInterval(beating)
    socket.terminate()
  }
  const ask = (haveBytes: number, more: object = {}, of = digest) =>
    call(
      'POST',
      `/blobs/${of}/source`,
      { haveBytes, offerBytes: haveBytes, ...more },
      { key: session },
    )
  const pieces = (of = digest) => call('GET', `/blobs/${of}/pieces`, undefined, { key: session })
  return { name, did: didKeyOf(key), ask, pieces, leave }
}

let first: Awaited<ReturnType<typeof enter>>
let second: typeof first
let elsewhere: typeof first
beforeAll(async () => {
  expect((await pushModel('shared', 'v1')).status).toBe(201)
  first = await enter('first', 'north')
  second = await enter('second', 'north')
  elsewhere = await enter('elsewhere', 'south')
  const selector = { matchLabels: { site: 'north' } }
  const strategy = { soakMs: 0, canary: { perStratum: 9 } }
  expect(
    (await apply('Deployment', 'shared', { model: 'shared:v1', selector, strategy })).status,
  ).toBe(201)
  // Assigned with the first turn of the rollout: asked again until then, only the answer counts.
  while ((await first.pieces()).status !== 200)
    await new Promise((resolve) => setImmediate(resolve))
  return () => {
    for (const node of [first, second, elsewhere]) node.leave()
  }
})

test('the pieces of an assigned file are listed with their digests', async () => {
  const { body } = await first.pieces()
  expect(body).toMatchObject({ sizeBytes: content.length, digests: [digest] })
})

test('the first is sent to the origin, the second to the first, with a grant for itself alone', async () => {
  expect((await first.ask(0)).body).toEqual({ kind: 'origin', start: 0, end: content.length })
  expect((await first.ask(content.length)).body).toEqual({ kind: 'nothing' })
  const { body } = await second.ask(0)
  expect(body).toMatchObject({ kind: 'peer', node: 'first', url: 'http://first:8081', start: 0 })
  const [claimsPart = '', signaturePart = ''] = body.grant.split('.')
  const text = Buffer.from(claimsPart, 'base64url').toString('utf8')
  const signature = Buffer.from(signaturePart, 'base64url').toString('base64')
  const claims = peerClaims.parse(JSON.parse(text))
  expect(claims).toMatchObject({ digest, from: 'first', to: 'second', key: second.did })
  expect(claims.expiresAtMs).toBeGreaterThan(Date.now())
  expect(claims.expiresAtMs).toBeLessThan(Date.now() + 3_600_000)
  const { controlPlane } = (await call('GET', '/whoami')).body
  expect(verifyText(controlPlane, signingPrefix.peer, { text, signature })).toBe(true)
})

test('a node learns nothing of files that are not assigned to it', async () => {
  expect((await elsewhere.ask(0)).status).toBe(403)
  expect((await elsewhere.pieces()).status).toBe(403)
  expect((await first.ask(0, {}, `sha256:${'0'.repeat(64)}`)).status).toBe(403)
})

test('people and strangers get no orders, and nonsense gets a clear no', async () => {
  const body = { haveBytes: 0, offerBytes: 0 }
  expect((await call('POST', `/blobs/${digest}/source`, body)).status).toBe(403)
  expect((await call('POST', `/blobs/${digest}/source`, body, { key: 'nobody' })).status).toBe(401)
  expect((await first.ask(-1)).status).toBe(422)
  expect(
    (await first.ask(0, { failed: Array(17).fill({ node: 'a', reason: 'refused' }) })).status,
  ).toBe(422)
  expect((await first.ask(0, { more: 'x'.repeat(20_000) })).status).toBe(413)
})
