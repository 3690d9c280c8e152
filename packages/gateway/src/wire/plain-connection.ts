// Plain connection
//
// A caller's connection as long as it brings plain requests: read and answered here, one after the other. The first
// that is not plain goes to node:http, with all that follows it.
//
// Invariants:
//   W4. Each byte is read once: by this, or by node:http.
//   W5. The next request is looked at when the answer before is written and taken by the caller's socket; what comes
//       early waits, bounded by one read.
//   W8. Nobody holds a connection by not reading: its end is asked for once, and cut when it does not come.
//   W10. Of whoever has not shown a key no long body is kept.

import type { Socket } from 'node:net'
import type { Batch, Member } from './batch.ts'
import { type PlainHead, parsePlainHead } from './plain-head.ts'
import { PlainReply } from './plain-reply.ts'
import type { Incoming, Reply } from './reply.ts'

export interface PlainPorts {
  readonly batch: Batch
  readonly onRequest: (incoming: Incoming, reply: Reply) => void
  /** Whether a long body may be waited for: who is let in by its head. */
  readonly mayCome: (incoming: Incoming) => boolean
  /** Takes the socket; what was read of it lies in it again. */
  readonly handOver: (socket: Socket) => void
  /** The answer is whole, or the caller gone. */
  readonly onAnswered: () => void
  /** True where no more requests are taken. */
  readonly isDraining: () => boolean
  readonly nowMs: () => number
}

// Longer than clients keep theirs, so that they seldom send into a connection that is being closed.
const idleMsMax = 60_000
const requestMsMax = 60_000 // for a whole request, as node:http allows
const unreadMsMax = 10_000 // for the last answer to go out; then the rest of it is lost
const strangerBytesMax = 128 * 2 ** 10 // of a body, before anybody looks at the key
const late = 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'

export class PlainConnection implements Member {
  readonly #socket: Socket
  readonly #ports: PlainPorts
  /**
   * `unread`: another request is here, and the answer before it waits for its reader. Written by
   * `#begin`, `#takeBody`, `#answer`, `#over`, `#takeEarly`, `#finish` and `#close`.
   */
  #phase: 'idle' | 'body' | 'answering' | 'unread' | 'ending' | 'gone' = 'idle'
  /** When the phase began, of those that end by time. */
  #sinceMs: number
  #head: PlainHead | null = null
  #chunks: Buffer[] = []
  #bytes = 0
  /** What came before its turn. */
  #early: Buffer | null = null
  #reply: PlainReply | null = null
  /** What has come and waits for its turn: bytes, then how they ended. */
  #inbox: Buffer[] = []
  #isEnded = false
  #isClosed = false
  #isQueued = false
  readonly #onData = (bytes: Buffer) => {
    this.#inbox.push(bytes)
    this.#queue()
  }
  readonly #onEnd = () => {
    this.#isEnded = true
    this.#queue()
  }
  readonly #onError = () => this.#socket.destroy()
  readonly #onClose = () => {
    this.#isClosed = true
    this.#queue()
  }

  constructor(socket: Socket, ports: PlainPorts) {
    this.#socket = socket
    this.#ports = ports
    this.#sinceMs = ports.nowMs()
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get isGone(): boolean {
    return this.#phase === 'gone'
  }

  /** Ends it where it waits for a request, or where one takes too long to come. */
  check(nowMs: number): void {
    const forMs = nowMs - this.#sinceMs
    switch (this.#phase) {
      case 'idle':
        if (forMs > idleMsMax || this.#ports.isDraining()) this.#finish()
        return
      case 'body':
        if (forMs > requestMsMax) this.#finish(late)
        return
      case 'unread':
        if (forMs > requestMsMax) this.#socket.destroy() // W8
        return
      case 'ending':
        if (forMs > unreadMsMax) this.#socket.destroy() // W8
        return
      case 'answering':
      case 'gone':
        return
    }
  }

  /** Says `last` and no more, once. */
  #finish(last?: string): void {
    this.#phase = 'ending'
    this.#sinceMs = this.#ports.nowMs()
    this.#chunks = []
    this.#ports.batch.flush() // W6
    if (last !== undefined) this.#socket.write(last)
    this.#socket.destroySoon()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  turn(): void {
    this.#isQueued = false
    if (!this.#isClosed) {
      const inbox = this.#inbox
      this.#inbox = []
      const [first] = inbox
      if (first !== undefined) this.#take(inbox.length === 1 ? first : Buffer.concat(inbox))
    }
    if (this.#isEnded && this.#phase !== 'gone') this.#end()
    if (this.#isClosed) this.#close()
  }

  #queue(): void {
    if (this.#isQueued || this.#phase === 'gone') return
    this.#isQueued = true
    this.#ports.batch.add(this)
  }

  #take(bytes: Buffer): void {
    switch (this.#phase) {
      case 'idle':
        return this.#begin(bytes)
      case 'body':
        return this.#takeBody(bytes)
      case 'answering':
      case 'unread':
        this.#early = this.#early === null ? bytes : Buffer.concat([this.#early, bytes])
        this.#socket.pause() // W5
        return
      case 'ending':
      case 'gone':
        return
    }
  }

  #begin(bytes: Buffer): void {
    const head = parsePlainHead(bytes)
    if (head === null) return this.#handOver(bytes)
    this.#head = head
    const end = head.bytes + head.contentLength
    if (bytes.length >= end) {
      if (bytes.length > end) {
        this.#early = bytes.subarray(end)
        this.#socket.pause() // W5
      }
      return this.#answer(head, bytes.subarray(head.bytes, end))
    }
    const { url, headers, contentLength } = head
    const incoming: Incoming = { method: 'POST', url, headers, body: () => 'aborted' }
    if (contentLength > strangerBytesMax && !this.#ports.mayCome(incoming)) {
      return this.#handOver(bytes) // W10: node:http answers before there is a body
    }
    this.#phase = 'body'
    this.#sinceMs = this.#ports.nowMs()
    this.#bytes = bytes.length - head.bytes
    this.#chunks = this.#bytes === 0 ? [] : [bytes.subarray(head.bytes)]
  }

  #takeBody(bytes: Buffer): void {
    const head = this.#head
    if (head === null) return
    const missing = head.contentLength - this.#bytes
    this.#chunks.push(bytes.length > missing ? bytes.subarray(0, missing) : bytes)
    this.#bytes += Math.min(bytes.length, missing)
    if (bytes.length < missing) return
    if (bytes.length > missing) {
      this.#early = bytes.subarray(missing)
      this.#socket.pause() // W5
    }
    const [only] = this.#chunks
    const isOne = this.#chunks.length === 1 && only !== undefined
    const body = isOne ? only : Buffer.concat(this.#chunks, head.contentLength)
    this.#chunks = []
    this.#answer(head, body)
  }

  #answer({ url, headers }: PlainHead, body: Buffer): void {
    this.#phase = 'answering'
    this.#head = null
    const reply = new PlainReply({
      socket: this.#socket,
      batch: this.#ports.batch,
      closes: this.#ports.isDraining,
      onOver: () => this.#over(),
    })
    this.#reply = reply
    this.#ports.onRequest({ method: 'POST', url, headers, body: () => body }, reply)
  }

  #over(): void {
    if (this.#phase !== 'answering') return
    this.#reply = null
    this.#ports.onAnswered()
    if (this.#ports.isDraining()) return this.#finish()
    this.#phase = 'idle'
    this.#sinceMs = this.#ports.nowMs()
    if (this.#early === null) return
    // W5: not from within the end of the answer before, and not while it waits for its reader.
    this.#phase = 'unread'
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', () => this.#takeEarly())
    else setImmediate(() => this.#takeEarly())
  }

  #takeEarly(): void {
    const bytes = this.#early
    if (this.#phase !== 'unread' || bytes === null) return
    this.#early = null
    this.#phase = 'idle'
    this.#socket.resume()
    this.#begin(bytes)
  }

  /** W4. */
  #handOver(bytes: Buffer): void {
    this.#phase = 'gone'
    const socket = this.#socket
    if (this.#isEnded) return void socket.destroy() // who says no more does not wait for an answer
    socket.removeListener('data', this.#onData)
    socket.removeListener('end', this.#onEnd)
    socket.removeListener('error', this.#onError)
    socket.removeListener('close', this.#onClose)
    socket.unshift(bytes)
    this.#ports.handOver(socket)
  }

  /** The caller says no more: whoever does not wait for an answer gets none. */
  #end(): void {
    if (this.#phase === 'idle') this.#finish()
    else if (this.#phase !== 'ending') this.#socket.destroy()
  }

  #close(): void {
    if (this.#phase === 'gone') return
    const wasAnswering = this.#reply !== null
    this.#phase = 'gone'
    this.#chunks = []
    const reply = this.#reply
    this.#reply = null
    reply?.leave()
    if (wasAnswering) this.#ports.onAnswered()
  }
}
