// Relay door
//
// Nodes that cannot be dialled come in here: each with one WebSocket that it opened itself, over which all
// requests to it go as streams. Towards the rest of the gateway such a node is a port on loopback, so that
// timers, retries and aborts are those of every other endpoint.
//
// Invariants:
//   D1. A connection is a node's only after it has shown the control plane's grant and signed our challenge
//       with our URL: what it signs for another gateway opens nothing here.
//   D2. A node has one connection, over all workers: a newer one ends the older, and its streams.
//   D3. Every buffer towards a node or a caller is bounded: what is not taken is not read (`RelayLine`).
//   D4. What belongs to nodes that are away or removed is given back after a while.
//   D5. Of two with keys of their own that come as one node it is the one whose grant is newer: a node that was removed
//       gets none any more, and does not come back in the place of the one that has its name now.

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { whyForeign } from '@tutti/core/governance'
import { signingPrefix } from '@tutti/core/resource'
import {
  type RelayClaims,
  RelayStreams,
  relayClaims,
  relayHello,
  relayPath,
  relayProof,
} from '@tutti/core/routing'
import { verifyText } from '@tutti/ledger'
import { type WebSocket, WebSocketServer } from 'ws'

export interface RelayDoorOptions {
  /** Where nodes dial this gateway, as the control plane tells them. */
  readonly url: () => string
  /** did:key whose grants count. */
  readonly controlPlane: string
  /** Host names besides loopback ones that requests may be addressed to. */
  readonly hosts: readonly string[]
  /** True for a node that the snapshot names. */
  readonly isKnown: (node: string) => boolean
  readonly nowMs: () => number
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

/** What a node came with last. */
type Grant = Pick<RelayClaims, 'key' | 'expiresAtMs'>

/** By node, where it is reached on this machine, since when, and by which grant. */
export type RelayUrls = Readonly<
  Record<string, Grant & { readonly url: string; readonly sinceMs: number }>
>

/** A node's place on loopback; it stays when its connection changes. */
interface Bridge {
  readonly server: Server
  /** Null until it listens. */
  url: string | null
  relay: Relay | null
  /** When it came, or went. */
  sinceMs: number
  /** Of the last that was let in. */
  grant: Grant
}

const helloMs = 10_000
const pingMs = 15_000
const silentPingsMax = 3
const strangersMax = 256 // connections that have not said hello
const nodesMax = 10_000
const frameBytesMax = 65_536
const awayMsMax = 300_000 // a node comes back within 15 s: then it is another node's turn
const sweepMs = 15_000

export class RelayDoor {
  readonly #options: RelayDoorOptions
  readonly #server = new WebSocketServer({
    ...{ noServer: true, maxPayload: frameBytesMax, perMessageDeflate: false },
  })
  /** By node; `#admit` writes. */
  readonly #bridges = new Map<string, Bridge>()
  readonly #elsewhere = new Map<number, RelayUrls>()
  readonly #sweeping: NodeJS.Timeout
  #strangers = 0

  constructor(options: RelayDoorOptions) {
    this.#options = options
    this.#sweeping = setInterval(() => this.sweep(), sweepMs).unref()
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const isOurs = whyForeign(request.headers, this.#options.hosts) === null
    if (!isOurs || request.url !== relayPath || this.#strangers >= strangersMax) {
      socket.destroy()
      return
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#greet(ws))
  }

  /** Where the rest of the gateway reaches this node; null while it is not connected. */
  urlOf(node: string): string | null {
    const bridge = this.#bridges.get(node)
    if (bridge !== undefined && bridge.relay !== null) return bridge.url
    for (const urls of this.#elsewhere.values()) if (urls[node] !== undefined) return urls[node].url
    return null
  }

  /** Where nodes are reached that have come to this worker, for the others. */
  news(): RelayUrls {
    const here = [...this.#bridges].flatMap(([node, { relay, url, sinceMs, grant }]) =>
      relay === null || url === null ? [] : [[node, { ...grant, url, sinceMs }] as const],
    )
    return Object.fromEntries(here)
  }

  /** All nodes that have come to another worker. */
  hear(worker: number, urls: RelayUrls): void {
    this.#elsewhere.set(worker, urls)
    for (const [node, theirs] of Object.entries(urls)) {
      const ours = this.#bridges.get(node)
      if (ours === undefined) continue
      const isOne = ours.grant.key === theirs.key
      const isOlder = isOne ? ours.sinceMs < theirs.sinceMs : isOutdone(ours.grant, theirs)
      if (isOlder) ours.relay?.end() // D2, D5
    }
  }

  /** A worker is gone, and its nodes with it. */
  forget(worker: number): void {
    this.#elsewhere.delete(worker)
  }

  /** D4. */
  sweep(): void {
    const nowMs = this.#options.nowMs()
    for (const [node, bridge] of this.#bridges) {
      const { relay } = bridge
      const isGone = relay === null && nowMs - bridge.sinceMs > awayMsMax
      if (isGone && bridge.grant.expiresAtMs <= nowMs) this.#giveUp(node, bridge) // D5
      if (relay === null || relay.expiresAtMs > nowMs || this.#options.isKnown(node)) continue
      relay.end()
    }
  }

  stop(): void {
    clearInterval(this.#sweeping)
    for (const { server, relay } of this.#bridges.values()) {
      relay?.end()
      server.close()
    }
    for (const ws of this.#server.clients) ws.terminate()
    this.#server.close()
  }

  /** D1. */
  #greet(ws: WebSocket): void {
    const challenge = randomBytes(24).toString('base64url')
    this.#strangers += 1
    let isStranger = true
    const known = () => {
      clearTimeout(timer)
      if (isStranger) this.#strangers -= 1
      isStranger = false
    }
    const timer = setTimeout(() => ws.terminate(), helloMs)
    ws.on('error', () => ws.terminate()) // its close tells
    ws.once('close', known)
    ws.once('message', (data) => {
      known()
      const claims = this.#claimsOf(String(data), challenge)
      const node = claims?.node ?? null
      const isFull = this.#bridges.size >= nodesMax
      const isRefused = claims === null || this.#isOutdone(claims)
      if (isRefused || (!this.#bridges.has(claims.node) && isFull)) {
        this.#options.log('a relay was refused', { node })
        return ws.close(1008)
      }
      this.#admit(claims, ws)
    })
    ws.send(JSON.stringify({ challenge }))
  }

  #claimsOf(text: string, challenge: string): RelayClaims | null {
    const hello = relayHello.safeParse(parseJson(text))
    if (!hello.success) return null
    const [claimsPart = '', signaturePart = ''] = hello.data.grant.split('.', 2)
    const said = Buffer.from(claimsPart, 'base64url').toString('utf8')
    const claims = relayClaims.safeParse(parseJson(said))
    if (!claims.success || claims.data.expiresAtMs <= this.#options.nowMs()) return null
    const signature = Buffer.from(signaturePart, 'base64url').toString('base64')
    const { controlPlane, url } = this.#options
    if (!verifyText(controlPlane, signingPrefix.relay, { text: said, signature })) return null
    const proof = { text: relayProof(challenge, url()), signature: hello.data.signature }
    return verifyText(claims.data.key, signingPrefix.relayHello, proof) ? claims.data : null
  }

  /** D5: also where the other is at another worker. */
  #isOutdone({ node, ...grant }: RelayClaims): boolean {
    const others = [...this.#elsewhere.values()].map((urls) => urls[node])
    const known = [this.#bridges.get(node)?.grant, ...others]
    return known.some((one) => one !== undefined && isOutdone(grant, one))
  }

  #admit({ node, key, expiresAtMs }: RelayClaims, ws: WebSocket): void {
    const grant = { key, expiresAtMs }
    const bridge = this.#bridges.get(node) ?? this.#newBridge(node, grant)
    bridge.relay?.end() // D2
    // Of one key the newest that it has shown, whichever it shows: D5 goes by that.
    if (bridge.grant.key !== key || bridge.grant.expiresAtMs < expiresAtMs) bridge.grant = grant
    const relay = new Relay(ws, expiresAtMs)
    bridge.relay = relay
    bridge.sinceMs = this.#options.nowMs()
    ws.once('close', () => {
      relay.end()
      if (bridge.relay === relay) {
        bridge.relay = null
        bridge.sinceMs = this.#options.nowMs()
      }
      this.#options.log('a relay is gone', { node })
    })
    ws.send(JSON.stringify({ ready: true }))
    this.#options.log('a relay', { node })
  }

  #newBridge(node: string, grant: Grant): Bridge {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {}) // its close follows
      if (bridge.relay === null || !bridge.relay.take(socket)) socket.destroy()
    })
    const sinceMs = this.#options.nowMs()
    const bridge: Bridge = { server, url: null, relay: null, sinceMs, grant }
    server.on('error', (error) => {
      this.#options.log('a relay has no port', { node, reason: error.message })
      bridge.relay?.end() // the node comes again
      this.#giveUp(node, bridge)
    })
    // Among workers a port is shared unless it is said: another's would lead to another node.
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) {
        bridge.url = `http://127.0.0.1:${address.port}`
      }
    })
    server.unref()
    this.#bridges.set(node, bridge)
    return bridge
  }

  #giveUp(node: string, bridge: Bridge): void {
    bridge.server.close()
    if (this.#bridges.get(node) === bridge) this.#bridges.delete(node)
  }
}

/** D5. */
function isOutdone(grant: Grant, by: Grant): boolean {
  return grant.key !== by.key && grant.expiresAtMs < by.expiresAtMs
}

const bufferedBytesMax = 65_536 // more waits in its stream's queue, where streams take turns

/** One node's connection and its streams. */
class Relay {
  /** Of the grant that it came with. */
  readonly expiresAtMs: number
  readonly #ws: WebSocket
  readonly #streams: RelayStreams
  readonly #pinging: NodeJS.Timeout
  /** Pings in a row without an answer. */
  #silent = 0

  constructor(ws: WebSocket, expiresAtMs: number) {
    this.#ws = ws
    this.expiresAtMs = expiresAtMs
    const wire = {
      hasRoom: () => ws.readyState === ws.OPEN && ws.bufferedAmount < bufferedBytesMax,
      send: (frame: Uint8Array, done: () => void) => ws.send(frame, done),
      breakOff: () => ws.terminate(),
    }
    this.#streams = new RelayStreams(wire, null)
    ws.on('message', (data, isBinary) => {
      if (isBinary && data instanceof Buffer) this.#streams.receive(data)
      else ws.terminate()
    })
    ws.on('pong', () => {
      this.#silent = 0
    })
    this.#pinging = setInterval(() => {
      this.#silent += 1
      if (this.#silent > silentPingsMax) ws.terminate()
      else ws.ping()
    }, pingMs)
  }

  /** Carries a connection over to the node; false where there are too many. */
  take(socket: Socket): boolean {
    const stream = this.#streams.open(socket)
    if (stream === null) return false
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#streams.said(stream, bytes)) // D3
    socket.on('end', () => this.#streams.ended(stream))
    socket.on('close', () => this.#streams.closed(stream))
    return true
  }

  end(): void {
    clearInterval(this.#pinging)
    this.#streams.stop()
    this.#ws.terminate()
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // the schema says that it is malformed
  }
}
