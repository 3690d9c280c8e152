// Response sockets
//
// The door for WebSockets of the Responses API: who may open one, how many there may be, and how they end.
//
// Invariants:
//   D1. No key has more than its share of them: others find room.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { KeyEntry } from '../routing/index.ts'
import { bodyBytesMax } from '../wire/index.ts'
import { keyOf } from './authenticate.ts'
import type { FacePorts } from './exchange.ts'
import { ResponseSocket } from './response-socket.ts'

const socketsMax = 4_096 // each remembers up to 16 MB, most some kilobytes
const socketsOfKeyMax = 512
const path = '/v1/responses'

interface OpenSocket {
  readonly key: KeyEntry
  readonly socket: ResponseSocket
}

export class ResponseSockets {
  readonly #ports: FacePorts
  readonly #server = new WebSocketServer({
    ...{ noServer: true, maxPayload: bodyBytesMax, perMessageDeflate: false },
  })
  /** Written by `handleUpgrade`. */
  readonly #open = new Map<WebSocket, OpenSocket>()
  #isDraining = false

  constructor(ports: FacePorts) {
    this.#ports = ports
  }

  /** True for a request that wants one. */
  static wants({ url = '' }: IncomingMessage): boolean {
    return url.split('?', 1)[0] === path
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const letIn = this.#letIn(request)
    if (typeof letIn === 'string') {
      const said = `HTTP/1.1 ${letIn}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
      socket.on('error', () => {}) // who is refused may reset it: its close follows
      socket.end(said, () => socket.destroy()) // nobody waits for his end
      return
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => {
      const { headers } = request
      const socket = new ResponseSocket({ ports: this.#ports, socket: opened, headers })
      this.#open.set(opened, { key: letIn, socket })
      opened.once('close', () => this.#open.delete(opened))
    })
  }

  /** Lets turns that run come to their end, and cuts what is left after `ms`. */
  async drain(ms: number): Promise<void> {
    this.#isDraining = true
    const closed = [...this.#open.keys()].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
    )
    const timer = setTimeout(() => {
      for (const socket of this.#open.keys()) socket.terminate()
    }, ms)
    for (const { socket } of this.#open.values()) socket.drain()
    await Promise.all(closed)
    clearTimeout(timer)
  }

  /** Whose it is, or the status that he is refused with. */
  #letIn(request: IncomingMessage): KeyEntry | string {
    const { guard, directory, nowMs } = this.#ports
    if (guard.whyForeign(request.headers) !== null) return '403 Forbidden'
    const known = directory()
    if (known === null || this.#isDraining) return '503 Service Unavailable'
    const { method = 'GET', url = '', headers } = request
    const incoming = { method, url, headers, body: () => 'aborted' as const }
    const key = keyOf(incoming, known, nowMs())
    if (key === null) return '401 Unauthorized'
    if (this.#openOf(key) >= socketsOfKeyMax) return '429 Too Many Requests' // D1
    return this.#open.size >= socketsMax ? '503 Service Unavailable' : key
  }

  #openOf({ project, id }: KeyEntry): number {
    let count = 0
    for (const { key } of this.#open.values()) {
      if (key.project === project && key.id === id) count += 1
    }
    return count
  }
}
