// Node reply
//
// A request that node:http has read, and its answer by node:http. HEAD is GET whose answer ends with its head.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './read-body.ts'
import type { Incoming, Reply } from './reply.ts'
import { whenDrained } from './when-drained.ts'

export function nodeIncoming(request: IncomingMessage): Incoming {
  const { method = 'GET', url = '/', headers } = request
  const asked = method === 'HEAD' ? 'GET' : method
  // Whole URLs are for proxies to ask with, and taken from anybody (RFC 9112 section 3.2.2).
  const own = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?#]*/i, '') || '/'
  return { method: asked, url: own, headers, body: () => readBody(request) }
}

export class NodeReply implements Reply {
  readonly #response: ServerResponse
  readonly #isHead: boolean
  /** The caller has heard all that it asked for; written by `begin`. */
  #isEnough = false

  constructor(response: ServerResponse) {
    this.#response = response
    this.#isHead = response.req.method === 'HEAD'
  }

  get hasBegun(): boolean {
    return this.#response.headersSent
  }

  get isGone(): boolean {
    return this.#response.destroyed
  }

  get waitingBytes(): number {
    return this.#response.writableLength
  }

  header(name: string, value: string | number): void {
    this.#response.setHeader(name, value)
  }

  send(status: number, body: Buffer): void {
    this.#response.writeHead(status, { 'content-length': body.length })
    this.#response.end(body)
  }

  begin(status: number): void {
    this.#response.writeHead(status)
    this.#isEnough = this.#isHead
    if (this.#isEnough) this.#response.end()
    else this.#response.flushHeaders()
  }

  write(bytes: Buffer | string): boolean {
    return this.#isEnough || this.#response.write(bytes)
  }

  drained(): Promise<boolean> {
    return whenDrained(this.#response)
  }

  end(): void {
    this.#response.end()
  }

  async cutAfter(bytes: string): Promise<void> {
    const response = this.#response
    await new Promise<void>((resolve) => {
      response.once('close', resolve)
      response.write(bytes, () => {
        response.socket?.end()
        resolve()
      })
    })
    response.destroy()
  }

  destroy(): void {
    this.#response.destroy()
  }

  onGone(listener: () => void): void {
    this.#response.once('close', () => {
      if (this.#isEnough || !this.#response.writableFinished) listener()
    })
  }
}
