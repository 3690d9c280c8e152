// Nodes of a site that share a file: real caches, real shares, real sockets; only who orders is scripted.

import { createHash, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type PeerClaims, peerProofText, pieceBytesOf, type SourceAsk } from '@tutti/core/fleet'
import { signingPrefix } from '@tutti/core/resource'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BlobCache } from './blob-cache.ts'
import { BlobShare, peerBlobsPath } from './blob-share.ts'
import { openPeerLine } from './source-client.ts'

const mebibyte = 1_048_576
const bytes = randomBytes(3 * mebibyte + 12_345)
const wish = { digest: `sha256:${hash(bytes)}`, sizeBytes: bytes.length }
const pieceBytes = pieceBytesOf(bytes.length)
const plane = newPrivateKey()

let folder = ''
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-sharing-'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

function hash(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const server: Server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

function grantFor(
  of: Partial<PeerClaims> & { readonly from: string; readonly key: string },
  by = plane,
) {
  const claims: PeerClaims = {
    ...{ format: 'tutti/peer/v1', digest: wish.digest, to: 'me', expiresAtMs: Date.now() + 60_000 },
    ...of,
  }
  const text = JSON.stringify(claims)
  const parts = [Buffer.from(text), Buffer.from(signText(by, signingPrefix.peer, text), 'base64')]
  return parts.map((part) => part.toString('base64url')).join('.')
}

/** A node that has the file, and gives it. */
async function startPeer(name: string, content: Buffer | null = bytes) {
  const blobs = new BlobCache(mkdtempSync(join(folder, `${name}-`)), () => 2 ** 30)
  if (content !== null) writeFileSync(blobs.path(wish.digest), content)
  const share = new BlobShare({
    ...{ node: name, controlPlane: didKeyOf(plane), blobs, bytesPerSecond: 1e9 },
    ...{ nowMs: () => Date.now(), onBroken: () => {} },
  })
  const asked: string[] = []
  const url = await listen((request, response) => {
    asked.push(request.headers.range ?? '')
    void share.answer(request, response)
  })
  return { name, url, asked }
}

type Scripted = object | ((ask: SourceAsk) => object | 'cut' | 'silent')

/** A control plane that gives these orders, one after the other, and the file to who asks it. */
async function startPlane(orders: readonly Scripted[], origin: Buffer = bytes) {
  const asks: SourceAsk[] = []
  const ranges: (string | undefined)[] = []
  const digests: string[] = []
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    digests.push(`sha256:${hash(bytes.subarray(at, at + pieceBytes))}`)
  }
  const left = [...orders]
  const url = await listen((request, response) => {
    const json = (value: object) => response.end(JSON.stringify(value))
    if (request.url?.endsWith('/pieces')) {
      return json({ pieceBytes, sizeBytes: bytes.length, digests })
    }
    if (request.method === 'GET') {
      const [, first = 0, last = origin.length - 1] =
        /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
      ranges.push(request.headers.range)
      response.writeHead(request.headers.range === undefined ? 200 : 206)
      return response.end(origin.subarray(Number(first), Number(last) + 1))
    }
    request.setEncoding('utf8').once('data', (text: string) => {
      const ask: SourceAsk = JSON.parse(text)
      if (ask.keep || ask.haveBytes === bytes.length) return json({ kind: 'nothing' })
      asks.push(ask)
      const next = left.shift()
      const order = typeof next === 'function' ? next(ask) : next
      if (order === 'silent') return
      if (order === 'cut' || order === undefined) return response.destroy()
      json(order)
    })
  })
  return { source: { url, bearer: 'session' }, asks, ranges, url }
}

function receiver(controlPlaneUrl: string, key: KeyObject = newPrivateKey()) {
  const line = openPeerLine(key, controlPlaneUrl)
  cleanups.push(() => line.agent.destroy())
  const own = mkdtempSync(join(folder, 'me-'))
  return { cache: new BlobCache(own, () => 2 ** 30, line), key: didKeyOf(key), own }
}

const peerOrder = (
  peer: { name: string; url: string },
  key: string,
  start: number,
  end: number,
) => ({
  ...{ kind: 'peer', node: peer.name, url: peer.url, start, end },
  grant: grantFor({ from: peer.name, key }),
})
const originOrder = (start: number, end: number) => ({ kind: 'origin', start, end })
const watch = () => ({ signal: new AbortController().signal, onBytes: () => {} })

describe('a download with the site', () => {
  test('takes pieces from the origin and from neighbours, as ordered', async () => {
    const near = await startPeer('near')
    const key = newPrivateKey()
    const control = await startPlane([
      originOrder(0, pieceBytes),
      peerOrder(near, didKeyOf(key), pieceBytes, bytes.length),
    ])
    const { cache } = receiver(control.url, key)
    await cache.fetch(wish, control.source, watch())
    expect(await cache.verify(wish)).toBe(true)
    expect(control.ranges).toEqual([`bytes=0-${pieceBytes - 1}`])
    expect(near.asked).toEqual([`bytes=${pieceBytes}-${bytes.length - 1}`])
    expect(control.asks[1]).toMatchObject({ haveBytes: pieceBytes, offerBytes: pieceBytes })
  })

  test('a neighbour that gives wrong bytes is accused, and the right ones come from elsewhere (F2)', async () => {
    const wrong = Buffer.from(bytes)
    wrong[pieceBytes + 5] = (wrong[pieceBytes + 5] ?? 0) ^ 1
    const liar = await startPeer('liar', wrong)
    const key = newPrivateKey()
    const control = await startPlane([
      peerOrder(liar, didKeyOf(key), 0, bytes.length),
      originOrder(pieceBytes, bytes.length),
    ])
    const { cache } = receiver(control.url, key)
    await cache.fetch(wish, control.source, watch())
    expect(await cache.verify(wish)).toBe(true)
    expect(control.asks[1]).toMatchObject({
      haveBytes: pieceBytes, // the piece before the lie was right, and stays
      failed: [{ node: 'liar', reason: 'wrong-bytes' }],
    })
  })

  test('a neighbour that dies in the middle costs nothing that came before (F3)', async () => {
    const dying = await listen((_, response) => {
      response.writeHead(206)
      response.write(bytes.subarray(0, 500_000), () => response.destroy())
    })
    const key = newPrivateKey()
    const control = await startPlane([
      peerOrder({ name: 'dying', url: dying }, didKeyOf(key), 0, bytes.length),
      (ask) => originOrder(ask.haveBytes, bytes.length),
    ])
    const { cache } = receiver(control.url, key)
    await cache.fetch(wish, control.source, watch())
    expect(await cache.verify(wish)).toBe(true)
    expect(control.asks[1]?.failed).toEqual([{ node: 'dying', reason: 'unreachable' }])
    const from = Number(/\d+/.exec(control.ranges[0] ?? '')?.[0])
    expect(from).toBeGreaterThan(0)
    expect(from).toBe(control.asks[1]?.haveBytes)
  })

  test('cut off from the origin, it goes on with neighbours that were right', async () => {
    const near = await startPeer('near')
    const key = newPrivateKey()
    const control = await startPlane([
      peerOrder(near, didKeyOf(key), 0, pieceBytes),
      ...Array.from({ length: 8 }, () => () => 'cut' as const),
    ])
    const { cache } = receiver(control.url, key)
    await cache.fetch(wish, control.source, watch())
    expect(await cache.verify(wish)).toBe(true)
    expect(control.ranges).toEqual([])
  })

  test('what a life before left is checked: right pieces stay, a rotten one is fetched again (F1)', async () => {
    const control = await startPlane([(ask) => originOrder(ask.haveBytes, bytes.length)])
    const { cache } = receiver(control.url)
    const left = Buffer.from(bytes.subarray(0, 2 * pieceBytes + 77))
    left[pieceBytes] = (left[pieceBytes] ?? 0) ^ 1
    writeFileSync(`${cache.path(wish.digest)}.part`, left)
    await cache.fetch(wish, control.source, watch())
    expect(control.asks[0]).toMatchObject({ haveBytes: pieceBytes, offerBytes: pieceBytes })
    expect(readFileSync(cache.path(wish.digest)).equals(bytes)).toBe(true)
  })

  test('a neighbour at an address that is none of a peer’s is not called', async () => {
    const key = newPrivateKey()
    const inner = { name: 'inner', url: 'http://169.254.169.254' }
    const control = await startPlane([
      peerOrder(inner, didKeyOf(key), 0, bytes.length),
      originOrder(0, bytes.length),
    ])
    await receiver(control.url, key).cache.fetch(wish, control.source, watch())
    expect(control.asks[1]?.failed).toEqual([{ node: 'inner', reason: 'unreachable' }])
  })

  test('an older control plane, and a node that shares nothing, take it all from the origin', async () => {
    const plain = await listen((request, response) => {
      if (request.url?.endsWith('/pieces')) return response.writeHead(404).end('{}')
      response.end(bytes)
    })
    const { cache } = receiver(plain)
    await cache.fetch(wish, { url: plain, bearer: 'b' }, watch())
    expect(await cache.verify(wish)).toBe(true)
  })
})

describe('a share', () => {
  const key = newPrivateKey()
  const own = didKeyOf(key)
  const range = 'bytes=0-99'
  const ask = async (
    peer: { url: string },
    grant: string,
    more: { range?: string; by?: KeyObject; digest?: string; method?: string } = {},
  ) => {
    const asked = more.range ?? range
    const proof = signText(more.by ?? key, signingPrefix.peerProof, peerProofText(grant, asked))
    return await fetch(`${peer.url}${peerBlobsPath}${more.digest ?? wish.digest}`, {
      method: more.method ?? 'GET',
      headers: { authorization: `Tutti-Peer ${grant}`, 'x-tutti-proof': proof, range: asked },
    })
  }

  test('gives the bytes asked for to who has a grant and proves it (P1)', async () => {
    const peer = await startPeer('near')
    const answer = await ask(peer, grantFor({ from: 'near', key: own }))
    expect(answer.status).toBe(206)
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(0, 100))).toBe(true)
  })

  test('refuses every grant that is not for this, and every proof by somebody else (P1)', async () => {
    const peer = await startPeer('near')
    const other = `sha256:${'0'.repeat(64)}`
    const good = grantFor({ from: 'near', key: own })
    const statuses = await Promise.all([
      ask(peer, grantFor({ from: 'far', key: own })),
      ask(peer, grantFor({ from: 'near', key: own, digest: other })),
      ask(peer, good, { digest: other }),
      ask(peer, grantFor({ from: 'near', key: own, expiresAtMs: Date.now() - 1 })),
      ask(peer, grantFor({ from: 'near', key: own }, newPrivateKey())),
      ask(peer, good, { by: newPrivateKey() }),
      ask(peer, `${good.split('.')[0]}.AAAA`),
      fetch(`${peer.url}${peerBlobsPath}${wish.digest}`, { headers: { range } }),
      fetch(`${peer.url}${peerBlobsPath}${wish.digest}`, {
        headers: { range, authorization: `Bearer ${good}` },
      }),
    ])
    expect(statuses.map(({ status }) => status)).toEqual(statuses.map(() => 401))
  })

  test('a proof for one range opens no other', async () => {
    const peer = await startPeer('near')
    const grant = grantFor({ from: 'near', key: own })
    const proof = signText(key, signingPrefix.peerProof, peerProofText(grant, range))
    const answer = await fetch(`${peer.url}${peerBlobsPath}${wish.digest}`, {
      headers: {
        ...{ authorization: `Tutti-Peer ${grant}`, 'x-tutti-proof': proof },
        range: 'bytes=0-999',
      },
    })
    expect(answer.status).toBe(401)
  })

  test('has nothing beyond what it has, and nothing that it has not', async () => {
    const peer = await startPeer('near')
    const grant = grantFor({ from: 'near', key: own })
    const beyond = { range: `bytes=0-${bytes.length}` }
    expect((await ask(peer, grant, beyond)).status).toBe(416)
    expect((await ask(peer, grant, { range: 'bytes=5-' })).status).toBe(400)
    expect((await ask(peer, grant, { method: 'DELETE' })).status).toBe(405)
    const empty = await startPeer('empty', null)
    expect((await ask(empty, grantFor({ from: 'empty', key: own }))).status).toBe(404)
  })

  test('gives of a file that is still coming what it has checked, and no more (P2)', async () => {
    const control = await startPlane([
      originOrder(0, pieceBytes + 100), // stops within the second piece
      () => 'silent' as const,
    ])
    const line = openPeerLine(newPrivateKey(), control.url)
    cleanups.push(() => line.agent.destroy())
    const blobs = new BlobCache(mkdtempSync(join(folder, 'half-')), () => 2 ** 30, line)
    const share = new BlobShare({
      ...{ node: 'half', controlPlane: didKeyOf(plane), blobs, bytesPerSecond: 1e9 },
      ...{ nowMs: () => Date.now(), onBroken: () => {} },
    })
    const url = await listen((request, response) => void share.answer(request, response))
    const abort = new AbortController()
    const seen = new Promise<void>((resolve) => {
      const until = setInterval(() => {
        if (control.asks.length < 2) return
        clearInterval(until)
        resolve()
      }, 1)
    })
    const fetching = blobs.fetch(wish, control.source, { signal: abort.signal, onBytes: () => {} })
    fetching.catch(() => {})
    await seen
    expect(statSync(`${blobs.path(wish.digest)}.part`).size).toBe(pieceBytes + 100)
    const grant = grantFor({ from: 'half', key: own })
    expect((await ask({ url }, grant, { range: `bytes=0-${pieceBytes - 1}` })).status).toBe(206)
    expect((await ask({ url }, grant, { range: `bytes=0-${pieceBytes}` })).status).toBe(416)
    abort.abort()
    await expect(fetching).rejects.toThrow()
  })

  test('answers so many at once and no more (P3)', async () => {
    const peer = await startPeer('near')
    const grant = grantFor({ from: 'near', key: own })
    const whole = { range: `bytes=0-${bytes.length - 1}` }
    const answers = await Promise.all(Array.from({ length: 24 }, () => ask(peer, grant, whole)))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 206).length).toBeGreaterThan(0)
    expect(statuses).toContain(503)
    await Promise.all(answers.map((answer) => answer.body?.cancel()))
  })
})
