// OIP server
//
// The node's listening socket for inference: `node:http`, no framework. It can be started on any port (0
// takes a free one) and stops without cutting off what is being answered.

import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { whyForeign } from '@tutti/core/governance'
import { Failure, messageOf } from '../failure.ts'
import { answerOip, type OipPorts } from './oip-face.ts'
import { BodyReader } from './read-body.ts'

export interface OipServerOptions extends Omit<OipPorts, 'bodies' | 'hosts'> {
  readonly hosts?: readonly string[]
  readonly host: string
  readonly bodyBytesMax?: number
  readonly bodiesBytesMax?: number
  /** Other faces of this node on the same port, by the beginning of the path. */
  readonly faces?: Readonly<Record<string, HttpFace>>
}

/** Answers requests by itself; never throws. */
export type HttpFace = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const defaults = {
  bodyBytesMax: 64 * 2 ** 20, // more belongs in an object store
  bodiesBytesMax: 512 * 2 ** 20, // eight of the greatest
}

export class OipServer {
  readonly #options: OipServerOptions
  readonly #http: http.Server
  #isStopping = false
  /** Requests that are not answered yet; written by the listener alone. */
  #inflight = 0

  constructor(options: OipServerOptions) {
    const { bodyBytesMax, bodiesBytesMax } = { ...defaults, ...options }
    const bodies = new BodyReader({ bodyBytesMax, bodiesBytesMax })
    const ports = { ...options, bodies, hosts: options.hosts ?? [] }
    this.#options = options
    this.#http = http.createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
      const face = faceOf(options.faces ?? {}, request.url ?? '')
      if (face !== null && whyForeign(request.headers, ports.hosts) === null) {
        return void face(request, response)
      }
      this.#inflight += 1
      response.once('close', () => {
        this.#inflight -= 1
      })
      void answerOip(ports, request).then((answer) => {
        // A connection kept alive would hold up stop().
        if (this.#isStopping) response.setHeader('connection', 'close')
        send(response, answer)
      })
    })
  }

  /** Listens on a port, or on any where it is 0; gives it. Throws `node/listen-failed`. */
  start(port: number): Promise<number> {
    const { host } = this.#options
    return new Promise((resolve, reject) => {
      const fail = (cause: Error) => {
        const message = `cannot listen on ${host}:${port}: ${messageOf(cause)}`
        reject(new Failure('node/listen-failed', message, { cause }))
      }
      this.#http.once('error', fail)
      this.#http.listen(port, host, () => {
        this.#http.off('error', fail)
        const address = this.#http.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Takes a connection that came in another way than by the port. */
  serve(connection: Duplex): void {
    if (this.#isStopping) connection.destroy()
    else this.#http.emit('connection', connection)
  }

  /** Accepts no more connections; settles when what was under way is answered, or was given up. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const untilMs = performance.now() + drainMs
    await new Promise<void>((resolve) => {
      const giveUp = setTimeout(() => this.#http.closeAllConnections(), drainMs)
      this.#http.close(() => {
        clearTimeout(giveUp)
        resolve()
      })
      this.#http.closeIdleConnections()
    })
    // Connections that came in another way are not counted by the server: their requests are.
    while (this.#inflight > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

// 75 s: longer than clients and proxies keep an idle connection, so that they close it, not we under a request.
const keepAliveMs = 75_000
const drainMs = 8_000 // the process has ten seconds in all

function faceOf(faces: Readonly<Record<string, HttpFace>>, url: string): HttpFace | null {
  const found = Object.entries(faces).find(([path]) => url.startsWith(path))
  return found?.[1] ?? null
}

function send(
  response: ServerResponse<IncomingMessage>,
  { status, headers, body }: Awaited<ReturnType<typeof answerOip>>,
): void {
  response.writeHead(status, { ...headers, 'content-length': body.byteLength })
  response.end(body)
}
