// Plain reply
//
// The answer to a plain request: written onto its socket, head and body in one piece where they are small.
//
// Invariants:
//   W2. After `send`, `end` or `cutAfter` nothing of this answer is written any more.
//   W3. No header can begin another: a value with a line end is our own bug.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Batch } from './batch.ts'
import { httpDate } from './http-date.ts'
import type { Reply } from './reply.ts'
import { whenDrained } from './when-drained.ts'

export interface PlainReplyPorts {
  readonly socket: Socket
  readonly batch: Batch
  /** True where the connection serves no more requests. */
  readonly closes: () => boolean
  /** The answer is whole. */
  readonly onOver: () => void
}

const joinedBytesMax = 16 * 2 ** 10 // more is written beside its head instead of copied behind it
const badValue = /[^\t\x20-\x7e\x80-\xff]/

export class PlainReply implements Reply {
  readonly #ports: PlainReplyPorts
  #head = ''
  #phase: 'open' | 'begun' | 'over' | 'gone' = 'open'
  /** Written by `onGone`; most answers have one. */
  #listeners: (() => void)[] | null = null

  constructor(ports: PlainReplyPorts) {
    this.#ports = ports
  }

  get hasBegun(): boolean {
    return this.#phase !== 'open'
  }

  get isGone(): boolean {
    return this.#phase === 'gone' || (this.#phase !== 'over' && this.#ports.socket.destroyed)
  }

  get waitingBytes(): number {
    return this.#ports.socket.writableLength
  }

  header(name: string, value: string | number): void {
    if (typeof value === 'string' && badValue.test(value)) {
      throw new Error(`the header ${name} holds what a header cannot`) // W3
    }
    this.#head += `${name}: ${value}\r\n`
  }

  send(status: number, body: Buffer): void {
    if (this.#phase !== 'open') return
    const { socket, batch } = this.#ports
    const head = `${this.#firstLines(status)}content-length: ${body.length}\r\n\r\n`
    if (body.length <= joinedBytesMax) {
      const bytes = Buffer.allocUnsafe(head.length + body.length)
      bytes.write(head, 0, 'latin1')
      body.copy(bytes, head.length)
      batch.write(socket, bytes)
    } else batch.write(socket, head, body)
    this.#over()
  }

  begin(status: number): void {
    if (this.#phase !== 'open') return
    this.#phase = 'begun'
    const head = `${this.#firstLines(status)}transfer-encoding: chunked\r\n\r\n`
    this.#ports.batch.write(this.#ports.socket, head)
  }

  write(bytes: Buffer | string): boolean {
    if (this.#phase !== 'begun') return false
    if (bytes.length === 0) return true // an empty chunk would be the last
    return this.#ports.batch.write(this.#ports.socket, chunkOf(bytes))
  }

  drained(): Promise<boolean> {
    return this.isGone ? Promise.resolve(false) : whenDrained(this.#ports.socket)
  }

  end(): void {
    if (this.#phase !== 'begun') return
    this.#ports.batch.write(this.#ports.socket, '0\r\n\r\n')
    this.#over()
  }

  async cutAfter(bytes: string): Promise<void> {
    const { socket, batch } = this.#ports
    if (this.isGone) return
    batch.flush()
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
      socket.write(chunkOf(bytes), () => {
        socket.end()
        resolve()
      })
    })
    this.destroy()
  }

  destroy(): void {
    this.#ports.socket.destroy()
    this.leave()
  }

  onGone(listener: () => void): void {
    this.#listeners ??= []
    this.#listeners.push(listener)
  }

  /** The caller is gone; called by the connection. */
  leave(): void {
    if (this.#phase === 'over' || this.#phase === 'gone') return
    this.#phase = 'gone'
    for (const listener of this.#listeners ?? []) listener()
  }

  /** W2. */
  #over(): void {
    this.#phase = 'over'
    this.#ports.onOver()
  }

  #firstLines(status: number): string {
    const end = this.#ports.closes() ? 'connection: close' : 'keep-alive: timeout=60'
    const reason = STATUS_CODES[status] ?? ''
    return `HTTP/1.1 ${status} ${reason}\r\n${this.#head}date: ${httpDate()}\r\n${end}\r\n`
  }
}

function chunkOf(bytes: Buffer | string): Buffer {
  const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
  const size = `${length.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(size.length + length + 2)
  chunk.write(size, 0, 'latin1')
  if (typeof bytes === 'string') chunk.write(bytes, size.length, 'utf8')
  else bytes.copy(chunk, size.length)
  chunk[chunk.length - 2] = 0x0d
  chunk[chunk.length - 1] = 0x0a
  return chunk
}
