// Relay link
//
// A connection that this node opens to a gateway because nobody can open one to it. Requests come over it as
// streams, and each is given to the node's own HTTP server as if it were a socket: who may ask, and what is
// answered, is decided there as ever.
//
// Invariants:
//   K1. It comes back by itself, with growing pauses, for as long as it is wanted.
//   K2. A proof is for the gateway that was dialled, and given once for a connection.
//   K3. Every buffer is bounded: what the gateway does not take is not read (`RelayLine`).
//   K4. Not wanted any more, it lasts until the gateway ends it: answers may be on their way.

import { type Duplex, duplexPair } from 'node:stream'
import { signingPrefix } from '@tutti/core/resource'
import {
  RelayStreams,
  relayChallenge,
  relayPath,
  relayProof,
  relayReady,
} from '@tutti/core/routing'
import { WebSocket } from 'ws'
import { tunnelTo } from '../fleet/index.ts'

export interface RelayLinkPorts {
  /** Of the gateway. */
  readonly url: string
  /** The newest grant, and what signs with this node's key. */
  readonly grant: () => string
  readonly sign: (prefix: string, text: string) => string
  /** Serves one stream as a connection. */
  readonly serve: (connection: Duplex) => void
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const pauseMsMin = 250
const pauseMsMax = 15_000
const handshakeMs = 10_000
const silenceMs = 60_000 // four of the gateway's pings
const frameBytesMax = 65_536
const bufferedBytesMax = 65_536 // more waits in its stream's queue, where streams take turns

export class RelayLink {
  readonly #ports: RelayLinkPorts
  #socket: WebSocket | null = null
  #again: NodeJS.Timeout | null = null
  #failures = 0
  #isWanted = true

  constructor(ports: RelayLinkPorts) {
    this.#ports = ports
    this.#connect()
  }

  /** False once it is not wanted any more and has ended. */
  get isThere(): boolean {
    return this.#isWanted || this.#socket !== null
  }

  /** Whether it is to be dialled where it is not connected (K4). */
  want(isWanted: boolean): void {
    if (isWanted === this.#isWanted) return
    this.#isWanted = isWanted
    if (this.#again !== null) clearTimeout(this.#again)
    this.#again = null
    if (isWanted && this.#socket === null) this.#connect()
  }

  stop(): void {
    this.want(false)
    this.#socket?.terminate()
  }

  #connect(): void {
    this.#again = null
    const { url, log } = this.#ports
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${relayPath}`, {
      ...tunnelTo(url, handshakeMs),
      ...{ handshakeTimeout: handshakeMs, maxPayload: frameBytesMax, perMessageDeflate: false },
    })
    this.#socket = socket
    let streams: RelayStreams | null = null
    let isAnswered = false
    let silence = setTimeout(() => socket.terminate(), silenceMs)
    const heard = () => {
      clearTimeout(silence)
      silence = setTimeout(() => socket.terminate(), silenceMs)
    }
    socket.on('error', () => {}) // its close follows
    socket.on('ping', heard)
    socket.on('message', (data, isBinary) => {
      heard()
      if (streams !== null && isBinary && data instanceof Buffer) return streams.receive(data)
      const message = parseJson(String(data))
      const challenge = relayChallenge.safeParse(message)
      if (challenge.success && !isAnswered) {
        isAnswered = true // K2
        return this.#hello(socket, challenge.data.challenge)
      }
      if (!relayReady.safeParse(message).success || !isAnswered || streams !== null) {
        return socket.terminate()
      }
      streams = openStreams(socket, this.#ports.serve)
      this.#failures = 0
      log('a gateway relays', { url })
    })
    socket.on('close', () => {
      clearTimeout(silence)
      streams?.stop()
      this.#socket = null
      this.#down()
    })
  }

  #hello(socket: WebSocket, challenge: string): void {
    const { url, grant, sign } = this.#ports
    const signature = sign(signingPrefix.relayHello, relayProof(challenge, url)) // K2
    socket.send(JSON.stringify({ grant: grant(), signature }))
  }

  /** K1. */
  #down(): void {
    if (!this.#isWanted) return
    this.#failures += 1
    const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, this.#failures - 1))
    this.#again = setTimeout(() => this.#connect(), pauseMs * (0.5 + Math.random() / 2))
  }
}

/** Each stream of a connection is a connection of this node's HTTP server. */
function openStreams(socket: WebSocket, serve: RelayLinkPorts['serve']): RelayStreams {
  const wire = {
    hasRoom: () => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < bufferedBytesMax,
    send: (frame: Uint8Array, done: () => void) => socket.send(frame, done),
    breakOff: () => socket.terminate(),
  }
  const streams: RelayStreams = new RelayStreams(wire, (stream) => {
    const [ours, servers] = duplexPair()
    ours.on('data', (bytes: Buffer) => streams.said(stream, bytes)) // K3
    ours.on('end', () => streams.ended(stream))
    ours.on('close', () => {
      streams.closed(stream)
      servers.destroy()
    })
    servers.on('close', () => ours.destroy())
    for (const end of [ours, servers]) end.on('error', () => {}) // its close follows
    serve(servers)
    return ours
  })
  return streams
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // the schema says that it is malformed
  }
}
