// Response sockets
//
// The door for WebSockets of the Responses API: who may open one, how many there may be, and how they end.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { bodyBytesMax } from '../wire/index.ts'
import { keyOf } from './authenticate.ts'
import type { FacePorts } from './exchange.ts'
import { ResponseSocket } from './response-socket.ts'

const socketsMax = 4_096 // each remembers up to 16 MB, most some kilobytes
const path = '/v1/responses'

export class ResponseSockets {
  readonly #ports: FacePorts
  readonly #server = new WebSocketServer({
    ...{ noServer: true, maxPayload: bodyBytesMax, perMessageDeflate: false },
  })
  /** Written by `handleUpgrade`. */
  readonly #open = new Map<WebSocket, ResponseSocket>()
  #isDraining = false

  constructor(ports: FacePorts) {
    this.#ports = ports
  }

  /** True for a request that wants one. */
  static wants({ url = '' }: IncomingMessage): boolean {
    return url.split('?', 1)[0] === path
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const status = this.#whyNot(request)
    if (status !== null) {
      const said = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`
      socket.on('error', () => {}) // who is refused may reset it: its close follows
      socket.end(said, () => socket.destroy()) // nobody waits for his end
      return
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => {
      const { headers } = request
      this.#open.set(opened, new ResponseSocket({ ports: this.#ports, socket: opened, headers }))
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
    for (const one of this.#open.values()) one.drain()
    await Promise.all(closed)
    clearTimeout(timer)
  }

  #whyNot(request: IncomingMessage): string | null {
    const { guard, directory, nowMs } = this.#ports
    if (guard.whyForeign(request.headers) !== null) return '403 Forbidden'
    const known = directory()
    if (known === null || this.#isDraining) return '503 Service Unavailable'
    const { method = 'GET', url = '', headers } = request
    const incoming = { method, url, headers, body: () => 'aborted' as const }
    if (keyOf(incoming, known, nowMs()) === null) return '401 Unauthorized'
    return this.#open.size >= socketsMax ? '503 Service Unavailable' : null
  }
}
