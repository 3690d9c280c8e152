// Nodes that nobody can dial: they come by a WebSocket of their own, and are asked over it.

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { connect } from 'node:net'
import { duplexPair, Readable } from 'node:stream'
import { signingPrefix } from '@tutti/core/resource'
import { type RelayClaims, RelayStreams, relayProof } from '@tutti/core/routing'
import { didKeyOf, newPrivateKey, signText } from '@tutti/ledger'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  answerWell,
  cleanups,
  infer,
  serve,
  signed,
  signer,
  toNodes,
  world,
} from './gateway-world.fixture.ts'
import { RelayDoor } from './routing/index.ts'

const nodeKey = newPrivateKey()

function grantFor(node: string, change: Partial<RelayClaims> = {}, by = signer): string {
  const claims: RelayClaims = {
    ...{ format: 'tutti/relay/v1', node, key: didKeyOf(nodeKey) },
    ...{ expiresAtMs: Date.now() + 60_000, ...change },
  }
  const text = JSON.stringify(claims)
  const parts = [Buffer.from(text), Buffer.from(signText(by, signingPrefix.relay, text), 'base64')]
  return parts.map((part) => part.toString('base64url')).join('.')
}

interface Come {
  readonly isIn: boolean
  readonly socket: WebSocket
  readonly server: Server
}

/** A node comes to the gateway; it answers as told. */
function come(
  of: { readonly gateway: { readonly url: string } },
  grant: string,
  answer: RequestListener,
  proving = nodeKey,
  /** Where it thinks that it dials. */
  dialled = of.gateway.url,
): Promise<Come> {
  const server = createServer(answer)
  const socket = new WebSocket(`${of.gateway.url.replace('http', 'ws')}/relay`)
  cleanups.push(() => socket.terminate())
  const wire = {
    hasRoom: () => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < 65_536,
    send: (frame: Uint8Array, done: () => void) => socket.send(frame, done),
    breakOff: () => socket.terminate(),
  }
  const streams: RelayStreams = new RelayStreams(wire, (stream) => {
    const [ours, servers] = duplexPair()
    ours.on('data', (bytes: Buffer) => streams.said(stream, bytes))
    ours.on('end', () => streams.ended(stream))
    ours.on('close', () => {
      streams.closed(stream)
      servers.destroy()
    })
    servers.on('error', () => {}).on('close', () => ours.destroy())
    ours.on('error', () => {})
    server.emit('connection', servers)
    return ours
  })
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.on('close', () => {
      streams.stop()
      resolve({ isIn: false, socket, server })
    })
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return streams.receive(data)
      const message = JSON.parse(String(data))
      if (message.ready === true) return resolve({ isIn: true, socket, server })
      const signature = signText(
        proving,
        signingPrefix.relayHello,
        relayProof(message.challenge, dialled),
      )
      socket.send(JSON.stringify({ grant, signature }))
    })
  })
}

/** A door of its own server; `door.sweep` and the clock are the test's. */
async function newDoor(clock = { nowMs: Date.now() }, isKnown = true) {
  const { url, server } = await serve(() => {})
  const door = new RelayDoor({
    ...{ url: () => url, controlPlane: didKeyOf(signer), hosts: [], log: () => {} },
    ...{ isKnown: () => isKnown, nowMs: () => clock.nowMs },
  })
  cleanups.push(() => door.stop())
  server.on('upgrade', (request, socket, head) => door.handleUpgrade(request, socket, head))
  return { door, url }
}

const untilReached = async (door: RelayDoor, node: string) => {
  while (door.urlOf(node) === null) await new Promise((resolve) => setImmediate(resolve))
}

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const probe = connect(port, '127.0.0.1')
    probe.on('error', () => resolve(false)).on('connect', () => resolve(true))
    cleanups.push(() => probe.destroy())
  })

const hidden = (count = 1) =>
  signed(toNodes(Array.from({ length: count }, (_, i) => `relay://n${i}`)))
const well: RequestListener = (request, response) => {
  request.resume()
  answerWell(request, response, '')
}

describe('a node that cannot be dialled', () => {
  test('answers over the connection that it made, with the gateway’s token', async () => {
    const of = await world(hidden())
    const seen: (string | undefined)[] = []
    await come(of, grantFor('n0'), (request, response) => {
      seen.push(request.url, request.headers.authorization)
      well(request, response)
    })
    const answer = await infer(of.gateway)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-tutti-node')).toBe('n0')
    expect(seen).toEqual(['/v2/models/parts/infer', 'Bearer serving-token'])
  })

  test('ends what it answers before a gateway that stops lets it go', async () => {
    const of = await world(hidden())
    let stopped = Promise.resolve()
    const { socket } = await come(of, grantFor('n0'), (request, response) => {
      stopped = of.gateway.stop()
      setImmediate(() => well(request, response))
    })
    const gone = once(socket, 'close')
    expect((await infer(of.gateway)).status).toBe(200)
    await Promise.all([stopped, gone])
  })

  test('that is not here is not asked: the answer says so', async () => {
    const of = await world(hidden())
    const answer = await infer(of.gateway)
    expect(answer.status).toBe(503)
  })

  test('is asked after those that can be dialled, and instead of them where they fail', async () => {
    let dialled = 0
    const direct = await serve((request, response, body) => {
      dialled += 1
      answerWell(request, response, body)
    })
    const of = await world(signed(toNodes(['relay://n0', direct.url])))
    let relayed = 0
    await come(of, grantFor('n0'), (request, response) => {
      relayed += 1
      well(request, response)
    })
    for (let i = 0; i < 20; i++) expect((await infer(of.gateway)).status).toBe(200)
    expect([dialled, relayed]).toEqual([20, 0])
    direct.server.closeAllConnections()
    direct.server.close()
    for (let i = 0; i < 5; i++) expect((await infer(of.gateway)).status).toBe(200)
    expect(relayed).toBe(5)
  })

  test('that says it can be dialled and cannot is asked over its connection', async () => {
    const of = await world(signed(toNodes(['http://127.0.0.1:9'])))
    await come(of, grantFor('n0'), well)
    expect((await infer(of.gateway)).status).toBe(200)
  })

  test('that dies in the middle of a request leaves it to another one', async () => {
    const of = await world(hidden(2))
    const dying = await come(of, grantFor('n0'), () => dying.socket.terminate())
    await come(of, grantFor('n1'), well)
    for (let i = 0; i < 8; i++) {
      const answer = await infer(of.gateway)
      expect([answer.status, answer.headers.get('x-tutti-node')]).toEqual([200, 'n1'])
    }
  })

  test('hears that its caller has gone', async () => {
    const of = await world(hidden())
    let asked: () => void = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const isGone = new Promise<void>((resolve) => {
      void come(of, grantFor('n0'), (request, response) => {
        request.resume()
        response.on('close', resolve)
        asked()
      })
    })
    await of.untilEvent('a relay')
    const abort = new AbortController()
    const answer = infer(of.gateway, { signal: abort.signal })
    await isAsked
    abort.abort()
    await expect(answer).rejects.toThrow()
    await isGone
  })

  test('serves many at once while one of them reads nothing, and loses nothing of that one', async () => {
    const large = 64 * 1_048_576 // far more than all buffers of the kernel
    const { door, url } = await newDoor()
    let madeBytes = 0
    const make = function* () {
      for (; madeBytes < large; madeBytes += 65_536) yield Buffer.alloc(65_536, '7')
    }
    await come({ gateway: { url } }, grantFor('n0'), (request, response) => {
      request.resume()
      if (request.url !== '/large') return well(request, response)
      Readable.from(make()).pipe(response)
    })
    await untilReached(door, 'n0')
    const bridge = door.urlOf('n0') ?? ''
    const slow = connect(Number(new URL(bridge).port), '127.0.0.1')
    cleanups.push(() => slow.destroy())
    slow.write('GET /large HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n')
    await new Promise((resolve) => slow.once('readable', resolve)) // begun, and not read
    const quick = Array.from({ length: 50 }, () => fetch(`${bridge}/quick`))
    const statuses = (await Promise.all(quick)).map(({ status }) => status)
    expect(statuses).toEqual(Array(50).fill(200))
    expect(madeBytes).toBeLessThan(large) // the node makes no more than somebody takes
    let came = 0
    for await (const chunk of slow) came += chunk.length
    expect(came).toBeGreaterThan(large)
  })
})

test('a node that has come to one worker is reached by the others through it, while both live', async () => {
  const { door, url } = await newDoor()
  const { door: other } = await newDoor()
  const node = await come({ gateway: { url } }, grantFor('n0'), well)
  await untilReached(door, 'n0')
  expect(other.urlOf('n0')).toBeNull()
  other.hear(1, door.news())
  expect(other.urlOf('n0')).toBe(door.urlOf('n0'))
  expect((await fetch(`${other.urlOf('n0')}/v2`)).status).toBe(200)
  other.forget(1)
  expect(other.urlOf('n0')).toBeNull()
  node.socket.terminate()
  while (door.urlOf('n0') !== null) await new Promise((resolve) => setImmediate(resolve))
  expect(door.news()).toEqual({})
})

test('a node that comes to another worker leaves the one that it was at (D2)', async () => {
  const clock = { nowMs: 1_000 }
  const [older, newer] = [await newDoor(clock), await newDoor(clock)]
  const grant = grantFor('n0')
  const first = await come({ gateway: older }, grant, well)
  await untilReached(older.door, 'n0')
  clock.nowMs += 1
  await come({ gateway: newer }, grant, well)
  await untilReached(newer.door, 'n0')
  newer.door.hear(1, older.door.news())
  const isClosed = new Promise((resolve) => first.socket.on('close', resolve))
  older.door.hear(2, newer.door.news())
  await isClosed
  expect(older.door.urlOf('n0')).toBe(newer.door.urlOf('n0'))
})

describe('what is left of nodes (D4)', () => {
  test('the port of one that is away is free after a while', async () => {
    const clock = { nowMs: Date.now() }
    const { door, url } = await newDoor(clock)
    const { socket } = await come({ gateway: { url } }, grantFor('n0'), well)
    await untilReached(door, 'n0')
    const port = Number(new URL(door.urlOf('n0') ?? '').port)
    socket.terminate()
    while (door.urlOf('n0') !== null) await new Promise((resolve) => setImmediate(resolve))
    clock.nowMs += 60_000
    door.sweep()
    expect(await isOpen(port)).toBe(true)
    clock.nowMs += 600_000
    door.sweep()
    expect(await isOpen(port)).toBe(false)
  })

  test('a gateway that has stopped holds no port, not even of one that is away', async () => {
    const of = await world(hidden())
    let port = 0
    const { socket } = await come(of, grantFor('n0'), (request, response) => {
      port = Number(request.headers.host?.split(':')[1])
      well(request, response)
    })
    expect((await infer(of.gateway)).status).toBe(200)
    socket.terminate()
    await of.untilEvent('a relay is gone')
    expect(await isOpen(port)).toBe(true)
    await of.gateway.stop()
    expect(await isOpen(port)).toBe(false)
  })

  test.each([
    ['kept while the snapshot names the node', true],
    ['ended with its grant where no snapshot names the node', false],
  ])('a connection is %s', async (_, isKnown) => {
    const clock = { nowMs: Date.now() }
    const { door, url } = await newDoor(clock, isKnown)
    const { socket } = await come({ gateway: { url } }, grantFor('n0'), well)
    await untilReached(door, 'n0')
    door.sweep()
    expect(door.urlOf('n0')).not.toBeNull()
    clock.nowMs += 120_000
    const isClosed = new Promise((resolve) => socket.on('close', resolve))
    door.sweep()
    if (!isKnown) await isClosed
    expect(socket.readyState).toBe(isKnown ? WebSocket.OPEN : WebSocket.CLOSED)
  })
})

describe('who may come as a node (D1, D2)', () => {
  test('nobody with what a node signed for another gateway', async () => {
    const of = await world(hidden())
    const passedOn = await come(of, grantFor('n0'), well, nodeKey, 'https://other.example')
    expect(passedOn.isIn).toBe(false)
    expect((await come(of, grantFor('n0'), well, nodeKey, `${of.gateway.url}/`)).isIn).toBe(true)
  })

  test.each([
    ['the grant has expired', () => grantFor('n0', { expiresAtMs: Date.now() - 1 }), nodeKey],
    ['somebody else signed the grant', () => grantFor('n0', {}, newPrivateKey()), nodeKey],
    ['the grant is for another key', () => grantFor('n0'), newPrivateKey()],
    [
      'the grant was changed',
      () => `${grantFor('n1').split('.')[0]}.${grantFor('n0').split('.')[1]}`,
      nodeKey,
    ],
    ['there is no grant', () => 'x', nodeKey],
  ])('nobody of whom %s', async (_, grant, proving) => {
    const of = await world(hidden())
    expect((await come(of, grant(), well, proving)).isIn).toBe(false)
    expect((await infer(of.gateway)).status).toBe(503)
  })

  test('a page of somebody else opens no relay', async () => {
    const of = await world(hidden())
    const socket = new WebSocket(`${of.gateway.url.replace('http', 'ws')}/relay`, {
      headers: { origin: 'https://evil.example' },
    })
    const isOpen = await new Promise((resolve) => {
      socket.on('error', () => resolve(false)).on('open', () => resolve(true))
    })
    expect(isOpen).toBe(false)
  })

  test('a newer connection of a node ends the older', async () => {
    const of = await world(hidden())
    const first = await come(of, grantFor('n0'), (_, response) => response.writeHead(500).end())
    const isClosed = new Promise((resolve) => first.socket.on('close', resolve))
    expect((await come(of, grantFor('n0'), well)).isIn).toBe(true)
    await isClosed
    expect((await infer(of.gateway)).status).toBe(200)
  })

  test('nobody in the place of a node that has his name now (D5)', async () => {
    const of = await world(hidden())
    const inMs = (ms: number) => Date.now() + ms
    const oldGrant = grantFor('n0', { expiresAtMs: inMs(300_000) })
    const removed = await come(of, oldGrant, (_, response) => response.writeHead(500).end())
    const isClosed = new Promise((resolve) => removed.socket.on('close', resolve))
    const ownKey = newPrivateKey()
    const named = { key: didKeyOf(ownKey), expiresAtMs: inMs(600_000) }
    expect((await come(of, grantFor('n0', named), well, ownKey)).isIn).toBe(true)
    await isClosed
    expect((await come(of, oldGrant, well)).isIn).toBe(false)
    expect((await infer(of.gateway)).status).toBe(200)
    const again = { ...named, expiresAtMs: inMs(500_000) } // its own, whichever it shows
    expect((await come(of, grantFor('n0', again), well, ownKey)).isIn).toBe(true)
  })

  test('nor at another worker, whoever came there first (D5)', async () => {
    const clock = { nowMs: Date.now() }
    const [one, other] = [await newDoor(clock), await newDoor(clock)]
    const oldGrant = grantFor('n0', { expiresAtMs: clock.nowMs + 300_000 })
    const ownKey = newPrivateKey()
    const named = { key: didKeyOf(ownKey), expiresAtMs: clock.nowMs + 600_000 }
    await come({ gateway: one }, grantFor('n0', named), well, ownKey)
    await untilReached(one.door, 'n0')
    clock.nowMs += 1
    const removed = await come({ gateway: other }, oldGrant, well) // which has not heard of it yet
    await untilReached(other.door, 'n0')
    const isClosed = new Promise((resolve) => removed.socket.on('close', resolve))
    one.door.hear(2, other.door.news())
    other.door.hear(1, one.door.news())
    await isClosed
    expect(one.door.news()['n0']?.key).toBe(named.key)
    expect((await come({ gateway: other }, oldGrant, well)).isIn).toBe(false)
  })

  test('frames that break the rules end the connection, and the gateway lives', async () => {
    const of = await world(hidden())
    const bad = await come(of, grantFor('n0'), well)
    const isClosed = new Promise((resolve) => bad.socket.on('close', resolve))
    bad.socket.send(Buffer.from([0, 0, 0, 0, 1])) // a node opens no streams
    await isClosed
    await come(of, grantFor('n0'), well)
    expect((await infer(of.gateway)).status).toBe(200)
  })
})
