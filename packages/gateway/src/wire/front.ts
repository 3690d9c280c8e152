// Front
//
// Where callers come in: plain requests are read here, all others by node:http, on the same port.

import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Batch } from './batch.ts'
import { NodeReply, nodeIncoming } from './node-reply.ts'
import { PlainConnection } from './plain-connection.ts'
import type { Incoming, Reply } from './reply.ts'

const checkMs = 1_000
const limits = { requestTimeout: 60_000, headersTimeout: 10_000, keepAliveTimeout: 60_000 }

export class Front {
  /** The server that listens, and all that is not plain. */
  readonly server: Server
  readonly #batch: Batch
  readonly #onRequest: (incoming: Incoming, reply: Reply) => void
  readonly #mayCome: (incoming: Incoming) => boolean
  readonly #plain = new Set<PlainConnection>()
  readonly #checking: NodeJS.Timeout
  /** Requests that are not answered to the end; written by this alone. */
  #inflight = 0
  #isDraining = false

  /** `mayCome`: whose head lets him in, so that a long body of his may be waited for. */
  constructor(
    batch: Batch,
    onRequest: (incoming: Incoming, reply: Reply) => void,
    mayCome: (incoming: Incoming) => boolean,
  ) {
    this.#batch = batch
    this.#onRequest = onRequest
    this.#mayCome = mayCome
    this.server = createServer(limits, (request, response) => {
      this.#inflight += 1
      response.once('close', () => {
        this.#inflight -= 1
      })
      onRequest(nodeIncoming(request), new NodeReply(response))
    })
    const readers = this.server.listeners('connection')
    this.server.removeAllListeners('connection')
    this.server.on('connection', (socket: Socket) => this.#take(socket, readers))
    this.#checking = setInterval(() => this.#check(), checkMs).unref()
  }

  get inflight(): number {
    return this.#inflight
  }

  /** From here on connections end with their answers, and idle ones at once. */
  drain(): void {
    this.#isDraining = true
    this.#check()
    this.server.closeIdleConnections()
  }

  /** Ends what only waits, once nothing is under way; answers that are being sent go on. */
  endIdle(): void {
    this.#check()
    this.server.closeAllConnections()
  }

  /** Ends all connections. */
  stop(): void {
    clearInterval(this.#checking)
    for (const connection of this.#plain) connection.destroy()
    this.server.closeAllConnections()
  }

  #take(socket: Socket, readers: readonly unknown[]): void {
    const connection = new PlainConnection(socket, {
      batch: this.#batch,
      onRequest: (incoming, reply) => {
        this.#inflight += 1
        this.#onRequest(incoming, reply)
      },
      mayCome: this.#mayCome,
      handOver: (given) => {
        forget()
        socket.removeListener('close', forget) // it may come back for each of its requests
        for (const read of readers) if (typeof read === 'function') read.call(this.server, given)
      },
      onAnswered: () => {
        this.#inflight -= 1
      },
      isDraining: () => this.#isDraining,
      nowMs: () => performance.now(),
    })
    const forget = () => this.#plain.delete(connection)
    this.#plain.add(connection)
    socket.once('close', forget)
  }

  #check(): void {
    const nowMs = performance.now()
    for (const connection of this.#plain) connection.check(nowMs)
  }
}
