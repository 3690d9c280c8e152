// Nodes over their real socket: joining, proving, and what the hub makes of bad frames.

import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import {
  apply,
  bed,
  call,
  makeKey,
  readLog,
  sha256,
  startPlane,
  usePlane,
} from '../test-plane.fixture.ts'

usePlane()

describe('nodes', () => {
  const nodeKey = newPrivateKey()

  async function join(name: string, token: string, key = nodeKey) {
    const signature = signText(key, signingPrefix.hello, token)
    return await call('POST', '/join', { token, name, publicKey: didKeyOf(key), signature })
  }

  /** Frames of one connection, in order. */
  function connect() {
    const socket = new WebSocket(`${bed.plane.url.replace('http', 'ws')}/api/v1/connect`)
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
    const both = (await call('POST', '/tokens', {})).body.token
    const racers = await Promise.all(['r1', 'r2', 'r3', 'r4'].map((name) => join(name, both)))
    expect(racers.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401])
    const brief = (await call('POST', '/tokens', { expiresInMs: 1_000 })).body
    const now = vi.spyOn(Date, 'now').mockReturnValue(brief.expiresAtMs)
    const late = await join('n4', brief.token)
    now.mockRestore()
    expect([late.status, late.body.error.message]).toEqual([
      401,
      expect.stringContaining('expired at'),
    ])
    const taken = (await call('POST', '/tokens', {})).body.token
    expect((await join('n1', taken, newPrivateKey())).status).toBe(409)
  })

  test('a token lets in on its maker’s rights as they are when it is used', async () => {
    const maker = await makeKey('mara', ['operator'])
    const tokenOf = async () => (await call('POST', '/tokens', {}, { key: maker })).body.token
    const [used, kept] = [await tokenOf(), await tokenOf()]
    expect((await join('by-mara', used)).status).toBe(201)
    const demoted = { owner: 'mara', roles: ['caller'], hash: sha256(maker) }
    expect((await apply('Key', 'mara', demoted)).status).toBe(200)
    const denied = await join('by-mara-2', kept)
    expect([denied.status, denied.body.error.code]).toEqual([403, 'api/denied'])
    expect((await call('DELETE', '/keys/mara')).status).toBe(200)
    const ended = await join('by-mara-2', kept)
    expect([ended.status, ended.body.error.message]).toEqual([
      401,
      expect.stringContaining('has ended'),
    ])
    expect((await call('GET', '/nodes/by-mara-2')).status).toBe(404)
  })

  test('a policy may say which machines join; the record names the policies that let one in', async () => {
    const cedar = `@id("sites") @reason("a node must say its site")
      forbid(principal, action == Action::"join", resource is Node) unless { resource.hasTag("site") };`
    expect((await apply('Policy', 'sites', { cedar })).status).toBe(201)
    const token = async (labels: object) => (await call('POST', '/tokens', { labels })).body.token
    const refused = await join('nowhere', await token({}))
    expect([refused.status, refused.body.error.message]).toEqual([
      403,
      expect.stringContaining('a node must say its site'),
    ])
    expect((await join('somewhere', await token({ site: 'north' }))).status).toBe(201)
    expect((await call('DELETE', '/policies/sites')).status).toBe(200)
    const records = (await readLog()).items.map((item: { body: string }) => JSON.parse(item.body))
    const joined = records.find((one: { resource: string }) => one.resource === 'Node/somewhere')
    expect([joined.action, joined.principal]).toEqual(['join', 'User::"admin"'])
    expect(joined.policies).toContain('roles/admins-may-do-all')
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

  test('I4: a node that leaves in the middle of its hello is not connected, ever', async () => {
    for (let i = 0; i < 10; i++) {
      const one = connect()
      await one.hello('n1')
      one.end() // the hello arrives, and the end right behind it
      expect(await one.closed()).toBeNull()
    }
    const last = connect()
    await last.hello('unknown') // when this one is answered, the others have been looked up
    await last.next('retry')
    const { body } = await call('GET', '/nodes/n1')
    expect(body.status.connected).toBe(false)
  })

  test('H1: frames before a hello, and a second hello, count for nothing', async () => {
    const load = { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
    const early = connect()
    await early.next('challenge')
    early.send({ type: 'heartbeat', sequence: 0, load, telemetry: [] })
    expect((await early.next('retry'))?.['reason']).toContain('expected a hello')
    const twice = connect()
    await twice.hello('n1')
    await twice.next('report-full')
    const nonce = 'n'.repeat(32)
    twice.send({ type: 'hello', protocol: 1, node: 'n1', nonce, signature: '', checkpointSize: 0 })
    expect(await twice.closed()).toBeNull()
  })

  test('H1: a signature over another connection’s nonce does not pass', async () => {
    const one = connect()
    const two = connect()
    const challenge = await one.next('challenge')
    await two.next('challenge')
    const nonce = 'n'.repeat(32)
    const signature = signText(nodeKey, signingPrefix.hello, `${challenge?.['nonce']}\n${nonce}`)
    two.send({ type: 'hello', protocol: 1, node: 'n1', nonce, signature, checkpointSize: 0 })
    expect((await two.next('retry'))?.['reason']).toContain('not the node')
    one.end()
  })

  test('the session of a node reads blobs and nothing else, and ends with the connection', async () => {
    const one = connect()
    await one.hello('n1')
    const key = { key: String((await one.next('welcome'))?.['session']) }
    const digest = `sha256:${'0'.repeat(64)}`
    expect((await call('GET', `/blobs/${digest}`, undefined, key)).status).toBe(404)
    for (const path of ['/nodes', '/secrets', '/keys', '/snapshot']) {
      expect([path, (await call('GET', path, undefined, key)).status]).toEqual([path, 403])
    }
    expect((await call('PUT', `/blobs/${digest}`, 'x', key)).status).toBe(403)
    one.end()
    expect(await one.closed()).toBeNull()
    while ((await call('GET', '/nodes/n1')).body.status.connected);
    expect((await call('GET', `/blobs/${digest}`, undefined, key)).status).toBe(401)
  })

  test('a node hears at once that it was cordoned, and when it connects again', async () => {
    const one = connect()
    await one.hello('n1')
    expect(await one.next('welcome')).toMatchObject({ cordoned: false })
    const { body } = await call('GET', '/nodes/n1')
    const put = (cordoned: boolean) =>
      apply(
        'Node',
        'n1',
        { ...body.spec, cordoned },
        { metadata: { labels: body.metadata.labels } },
      )
    expect((await put(true)).body.outcome).toBe('committed')
    expect(await one.next('declared')).toEqual({
      ...{ type: 'declared', labels: { region: 'north' }, cordoned: true },
    })
    const again = connect()
    await again.hello('n1')
    expect(await again.next('welcome')).toMatchObject({ cordoned: true })
    await put(false)
    expect(await again.next('declared')).toMatchObject({ cordoned: false })
    again.end()
  })

  test('a node that is deleted is cut off and does not come back', async () => {
    const one = connect()
    await one.hello('n1')
    await one.next('welcome')
    expect((await call('DELETE', '/nodes/n1')).status).toBe(200)
    expect(await one.closed()).toBeNull()
    const again = connect()
    await again.hello('n1')
    expect((await again.next('retry'))?.['reason']).toContain('not the node')
    const { token } = (await call('POST', '/tokens', {})).body
    expect((await join('n1', token)).status).toBe(201)
  })

  test('a frame that is not of the protocol ends the connection', async () => {
    const one = connect()
    await one.hello('n1')
    await one.next('welcome')
    one.send({ type: 'heartbeat', sequence: 'x' })
    expect(await one.closed()).toBeNull()
  })

  test('it stops at once, whoever is connected and has not said who it is', async () => {
    const silent = connect()
    await silent.next('challenge')
    await bed.plane.stop()
    expect(await silent.closed()).toBeNull()
    await startPlane()
  }, 8_000)
})
