// Connection
//
// The node's one outbound WebSocket. It proves who the node is, makes the control plane prove the same,
// and comes back by itself with growing, jittered pauses, or after the pause that the control plane asked for.

import { type KeyObject, randomBytes } from 'node:crypto'
import {
  frameBytesMax,
  protocolVersion,
  signingPrefix,
  type ToControlPlane,
  type ToNode,
  toNode,
} from '@tutti/core/fleet'
import { signText, verifyText } from '@tutti/ledger'
import { WebSocket } from 'ws'
import { messageOf } from '../failure.ts'

export interface ConnectionPorts {
  readonly url: string
  readonly node: string
  readonly key: KeyObject
  /** did:key that the control plane must prove to hold. */
  readonly controlPlane: string
  readonly checkpointSize: () => number
  readonly onWelcome: (welcome: Extract<ToNode, { type: 'welcome' }>) => void
  readonly onMessage: (message: ToNode) => void
  readonly onDown: (reason: string) => void
}

type ConnectionState =
  | { readonly phase: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly phase: 'connecting'; readonly socket: WebSocket; readonly nonce: string }
  | { readonly phase: 'up'; readonly socket: WebSocket }
  | { readonly phase: 'stopped' }

const pauseMsMin = 500
const pauseMsMax = 30_000
const handshakeMs = 15_000
// the control plane pings every ten seconds through its answers to our pings
const silenceMs = 60_000

export class Connection {
  readonly #ports: ConnectionPorts
  /** Written by `#setState` alone. */
  #state: ConnectionState
  /** Attempts in a row that failed; `#down` and `#welcomed` write. */
  #failures = 0
  /** A pause that the control plane asked for; used once. */
  #askedPauseMs: number | null = null

  constructor(ports: ConnectionPorts) {
    this.#ports = ports
    this.#state = { phase: 'waiting', timer: setTimeout(() => this.#connect(), 0) }
  }

  get isUp(): boolean {
    return this.#state.phase === 'up'
  }

  /** Sends where connected; false where not. */
  send(message: ToControlPlane): boolean {
    if (this.#state.phase !== 'up') return false
    this.#state.socket.send(JSON.stringify(message))
    return true
  }

  stop(): void {
    const last = this.#state
    this.#state = { phase: 'stopped' }
    if (last.phase === 'waiting') clearTimeout(last.timer)
    if (last.phase === 'connecting' || last.phase === 'up') last.socket.terminate()
  }

  #connect(): void {
    const url = `${this.#ports.url.replace(/^http/, 'ws')}/api/v1/connect`
    const socket = new WebSocket(url, {
      handshakeTimeout: handshakeMs,
      maxPayload: frameBytesMax,
      perMessageDeflate: false,
    })
    this.#state = { phase: 'connecting', socket, nonce: randomBytes(24).toString('base64url') }
    let lastHeardMs = Date.now()
    const watch = setInterval(() => {
      if (Date.now() - lastHeardMs > silenceMs)
        socket.terminate() // half-open: nobody is there
      else if (socket.readyState === WebSocket.OPEN) socket.ping()
    }, silenceMs / 4)
    let reason = 'the connection was closed'
    socket.on('pong', () => {
      lastHeardMs = Date.now()
    })
    socket.on('error', (error) => {
      reason = messageOf(error)
    })
    socket.on('message', (data) => {
      lastHeardMs = Date.now()
      this.#receive(socket, String(data))
    })
    socket.on('close', () => {
      clearInterval(watch)
      this.#down(reason)
    })
  }

  #receive(socket: WebSocket, text: string): void {
    const message = parseFrame(text)
    if (message === null) return socket.terminate() // not our protocol: start over
    if (message.type === 'retry') {
      this.#askedPauseMs = message.afterMs
      return
    }
    if (this.#state.phase === 'connecting') this.#handshake(this.#state, message)
    else if (this.#state.phase === 'up') this.#ports.onMessage(message)
  }

  #handshake(
    { socket, nonce }: Extract<ConnectionState, { phase: 'connecting' }>,
    message: ToNode,
  ): void {
    const { node, key, controlPlane, checkpointSize } = this.#ports
    if (message.type === 'challenge') {
      const signature = signText(key, signingPrefix.hello, `${message.nonce}\n${nonce}`)
      const hello: ToControlPlane = {
        type: 'hello',
        protocol: protocolVersion,
        ...{ node, nonce, signature },
        checkpointSize: checkpointSize(),
      }
      socket.send(JSON.stringify(hello))
      return
    }
    const proves =
      message.type === 'welcome' &&
      verifyText(controlPlane, signingPrefix.welcome, { text: nonce, signature: message.signature })
    if (!proves || message.type !== 'welcome') return socket.terminate() // an impostor
    this.#failures = 0
    this.#state = { phase: 'up', socket }
    this.#ports.onWelcome(message)
  }

  #down(reason: string): void {
    if (this.#state.phase === 'stopped') return
    const wasUp = this.#state.phase === 'up'
    this.#failures += 1
    const backOffMs = Math.min(pauseMsMax, pauseMsMin * 2 ** Math.min(10, this.#failures - 1))
    const pauseMs = this.#askedPauseMs ?? backOffMs * (0.5 + Math.random() / 2)
    this.#askedPauseMs = null
    this.#state = { phase: 'waiting', timer: setTimeout(() => this.#connect(), pauseMs) }
    if (wasUp || this.#failures === 1) this.#ports.onDown(reason)
  }
}

function parseFrame(text: string): ToNode | null {
  try {
    const parsed = toNode.safeParse(JSON.parse(text))
    return parsed.success ? parsed.data : null
  } catch {
    return null // not JSON: the caller ends the connection
  }
}
