// Node reply
//
// A request that node:http has read, and its answer by node:http.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './read-body.ts'
import type { Incoming, Reply } from './reply.ts'
import { whenDrained } from './when-drained.ts'

export function nodeIncoming(request: IncomingMessage): Incoming {
  const { method = 'GET', url = '/', headers } = request
  return { method, url, headers, body: () => readBody(request) }
}

export class NodeReply implements Reply {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
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
    this.#response.flushHeaders()
  }

  write(bytes: Buffer | string): boolean {
    return this.#response.write(bytes)
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
      if (!this.#response.writableFinished) listener()
    })
  }
}
