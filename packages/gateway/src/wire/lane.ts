// Lane
//
// One connection to an upstream: one request at a time, kept for the next where HTTP allows it.
//
// Invariants:
//   N1. A request's handler hears its end once: `onResponseEnd`, or `onResponseError`.
//   N2. A connection serves another request only where the answer before was whole and asked for no end.
//   N7. A request whose connection had served others, and ended before any byte of its answer came, is given back to
//       be sent once more on a new one: most servers end what is idle when they like. Its handler hears no end; it is
//       given another controller. One whose connection was new is not sent again, nor one that ended so late that
//       somebody may have worked on it.
//   N8. Who waits for its turn is not read on: where there is more to do than time, it waits in the kernel, and the
//       other side with it. Before a connection that was not read serves another request, it is read once more (N2).

import type { Socket } from 'node:net'
import type { AnswerHandler } from './answer-handler.ts'
import { AnswerParser } from './answer-parser.ts'
import type { Batch, Member } from './batch.ts'

export interface LaneRequest {
  /** Of the message: its first line and its headers, with the empty line. */
  readonly head: string
  readonly body: Buffer | null
  /** How long a new connection for it may take. */
  readonly connectMs: number
}

export interface LanePorts {
  readonly batch: Batch
  /** The lane is free for another request. */
  readonly onFree: (lane: Lane) => void
  readonly onGone: (lane: Lane) => void
  /** N7. Called before `onGone`; true where it is sent again, so that its end is heard there. */
  readonly onUnanswered: (request: LaneRequest, handler: AnswerHandler) => boolean
}

const staleMsMax = 1_000 // a round trip: what is closed already says so at once
const joinedBytesMax = 16 * 2 ** 10 // more is written beside its head instead of copied behind it

export class Lane implements Member {
  readonly #socket: Socket
  readonly #ports: LanePorts
  readonly #parser: AnswerParser
  /** Whose answer is awaited; written by `send`, its controller and `#over`. */
  #handler: AnswerHandler | null = null
  /** False until something of the request has gone out; written by `send`. */
  #isSent = false
  /** N7: what may be given back; written by `send`, and by `#take` when its answer begins. */
  #unanswered: { readonly request: LaneRequest; readonly sentMs: number } | null = null
  /** An answer came whole; written by `#over`. */
  #hasServed = false
  #isGone = false
  /** What has come and waits for its turn: bytes, then how they ended. */
  readonly #inbox: Buffer[] = []
  #isEnded = false
  #error: Error | null = null
  #isQueued = false
  /** What it is not read for; written by `#hold`, `#release` and `#over`. */
  readonly #held = { turn: false, reader: false }
  /** When it became free; read by whoever keeps idle ones. */
  freeSinceMs = 0

  constructor(socket: Socket, ports: LanePorts) {
    this.#socket = socket
    this.#ports = ports
    this.#parser = new AnswerParser({
      onHead: (status, headers) => this.#handler?.onResponseStart(status, headers),
      onData: (bytes) => this.#handler?.onResponseData(bytes),
    })
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.#inbox.push(bytes)
      if (this.#isQueued) this.#hold('turn') // N8
      this.#queue()
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('end', () => {
      this.#isEnded = true
      this.#queue()
    })
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  turn(): void {
    this.#isQueued = false
    for (let bytes = this.#inbox.shift(); bytes !== undefined; bytes = this.#inbox.shift()) {
      this.#take(bytes)
    }
    this.#release('turn')
    if (this.#isEnded && !this.#isGone) this.#end()
    if (this.#error !== null) this.#endedBy(this.#error)
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#queue()
  }

  #queue(): void {
    if (this.#isQueued || this.#isGone) return
    this.#isQueued = true
    this.#ports.batch.add(this)
  }

  /** Whether it may serve another request: nothing has come that nobody has looked at yet. */
  get isUsable(): boolean {
    return !this.#isGone && this.#isQuiet
  }

  get #isQuiet(): boolean {
    const hasEnded = this.#isEnded || this.#error !== null || this.#socket.destroyed
    // What a paused socket holds has not come here yet.
    return !hasEnded && this.#inbox.length === 0 && this.#socket.readableLength === 0
  }

  /** False for one that was dialled just now. */
  get hasServed(): boolean {
    return this.#hasServed
  }

  /** Milliseconds for which the other side keeps it while nothing is asked; 0: it does not say. */
  get keepAliveMs(): number {
    return this.#parser.keepAliveMs
  }

  send(request: LaneRequest, handler: AnswerHandler): void {
    if (this.#isGone) return handler.onResponseError(new Error('the connection was closed'))
    this.#handler = handler
    this.#isSent = false
    handler.onRequestStart(this.#controller(handler))
    if (this.#handler !== handler) {
      if (!this.#isGone) this.#ports.onFree(this) // aborted before anything went out
      return
    }
    this.#isSent = true
    this.#unanswered = this.#hasServed ? { request, sentMs: performance.now() } : null
    const { batch } = this.#ports
    const { head, body } = request
    if (body === null) batch.write(this.#socket, head)
    else if (body.length <= joinedBytesMax) {
      const bytes = Buffer.allocUnsafe(head.length + body.length)
      bytes.write(head, 0, 'latin1')
      body.copy(bytes, head.length)
      batch.write(this.#socket, bytes)
    } else batch.write(this.#socket, head, body)
  }

  destroy(): void {
    this.#socket.destroy()
    this.#lose(new Error('the gateway stops'))
  }

  #controller(handler: AnswerHandler) {
    return {
      pause: () => {
        if (this.#handler === handler) this.#hold('reader')
      },
      resume: () => {
        if (this.#handler === handler) this.#release('reader')
      },
      abort: (reason: Error) => {
        if (this.#handler !== handler) return
        if (!this.#isSent) {
          this.#handler = null
          return handler.onResponseError(reason) // N1
        }
        this.#socket.destroy()
        this.#lose(reason)
      },
    }
  }

  #hold(why: 'turn' | 'reader'): void {
    this.#held[why] = true
    this.#socket.pause()
  }

  #release(why: 'turn' | 'reader'): void {
    if (!this.#held[why]) return
    this.#held[why] = false
    if (!this.#held.turn && !this.#held.reader && !this.#isGone) this.#socket.resume()
  }

  #take(bytes: Buffer): void {
    if (this.#isGone) return
    if (this.#handler === null) return this.#breakOff('bytes that nobody asked for') // H2
    this.#unanswered = null
    const wrong = this.#parser.push(bytes)
    if (this.#isGone) return // whoever took the answer has cut it
    if (this.#parser.isOver) this.#over(wrong === null)
    else if (wrong !== null) this.#breakOff(`the answer is not HTTP: ${wrong}`)
  }

  /** N2. */
  #over(isClean: boolean): void {
    const handler = this.#handler
    this.#handler = null
    const isDone = isClean && this.#parser.keepsAlive && this.#socket.writableLength === 0
    if (isDone && this.#isQuiet) {
      this.#parser.reset()
      this.#hasServed = true
      if (this.#held.turn || this.#held.reader) this.#freeOnceRead()
      else this.#ports.onFree(this)
    } else {
      this.#isGone = true
      this.#socket.destroy()
      this.#ports.onGone(this)
    }
    handler?.onResponseEnd() // N1
  }

  /** N8: whatever the kernel held of it has come when the loop has turned once. */
  #freeOnceRead(): void {
    this.#held.turn = false
    this.#held.reader = false
    this.#socket.resume()
    setImmediate(() => {
      if (this.isUsable) this.#ports.onFree(this) // else its turn says why not
    })
  }

  /** The other side says no more. */
  #end(): void {
    if (this.#handler !== null && this.#parser.endsWithConnection) return this.#over(false)
    const began = this.#parser.hasBegun ? 'the answer did' : 'an answer began'
    this.#endedBy(new Error(`the connection ended before ${began}`))
  }

  /** Not by us. */
  #endedBy(error: Error): void {
    if (this.#isGone) return
    const [unanswered, handler] = [this.#unanswered, this.#handler]
    this.#unanswered = null
    if (unanswered !== null && handler !== null) {
      const isStale = performance.now() - unanswered.sentMs < staleMsMax
      const isAgain = isStale && this.#ports.onUnanswered(unanswered.request, handler)
      if (isAgain) this.#handler = null // N7
    }
    this.#socket.destroy()
    this.#lose(error)
  }

  #breakOff(reason: string): void {
    this.#socket.destroy()
    this.#lose(new Error(reason))
  }

  #lose(error: Error): void {
    if (this.#isGone) return
    this.#isGone = true
    const handler = this.#handler
    this.#handler = null
    this.#ports.onGone(this)
    handler?.onResponseError(error) // N1
  }
}
