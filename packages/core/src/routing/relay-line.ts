// Relay line
//
// Many byte streams over one message connection that a node dialled: what HTTP/2 does over one TCP
// connection, as far as a relay needs it. It holds all rules and no socket: frames go in, frames and events
// come out. Both ends run it; the gateway opens streams, the node accepts them.
//
//   frame = kind (1 byte) · stream (4 bytes, big-endian) · payload
//   open ·  data (payload) · credit (4 bytes: so many more) · end (no more data) · reset (it is over)
//
// Invariants:
//   L1. Of a stream at most `windowBytes` are under way that its reader has not taken: a slow reader holds up
//       nobody but its own writer, and memory is bounded.
//   L2. Streams that have something to send take turns, a chunk each.
//   L3. A peer that breaks the rules ends the line; it cannot make it hold more than L1 allows.
//   L4. Both ends forget a stream once both have ended it or either has reset it.

export const relayLimits = {
  /** Unread bytes of a stream: 20 ms of a fast disk, 200 ms of a slow line. */
  windowBytes: 262_144,
  /** Of one turn: small beside a window, large beside its header. */
  chunkBytes: 16_384,
  /** Streams at once; beyond, an open is reset and the gateway asks another node. */
  streamsMax: 256,
} as const

const kinds = ['open', 'data', 'credit', 'end', 'reset'] as const
type Kind = (typeof kinds)[number]
const headBytes = 5
const controlMax = 4 * relayLimits.streamsMax // a peer that reads has taken them long before

export type RelayEvent =
  | { readonly kind: 'opened'; readonly stream: number }
  | { readonly kind: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  /** What was queued has left: the writer may go on. */
  | { readonly kind: 'writable'; readonly stream: number }
  | { readonly kind: 'ended'; readonly stream: number }
  | { readonly kind: 'reset'; readonly stream: number }
  /** The peer broke the rules: end the connection. */
  | { readonly kind: 'violation'; readonly reason: string }

interface Stream {
  readonly queue: Uint8Array[]
  queuedBytes: number
  /** Bytes that the peer takes now. */
  creditBytes: number
  /** Bytes that came and that the reader has not taken. */
  unreadBytes: number
  /** Taken bytes that the peer has not been told of. */
  owedBytes: number
  own: 'open' | 'ending' | 'ended'
  peer: 'open' | 'ended'
}

export class RelayLine {
  readonly #isOpener: boolean
  readonly #streams = new Map<number, Stream>()
  /** Frames that wait for no credit; at most a few per stream. */
  readonly #control: Uint8Array[] = []
  /** Streams that may send, in the order of their turns (L2). */
  readonly #turns = new Set<number>()
  /** The newest stream's number; streams are numbered upwards. */
  #newest = 0

  constructor(side: 'gateway' | 'node') {
    this.#isOpener = side === 'gateway'
  }

  get size(): number {
    return this.#streams.size
  }

  /** The gateway's side: the number of a new stream, or null where there are too many. */
  open(): number | null {
    if (!this.#isOpener || this.#streams.size >= relayLimits.streamsMax) return null
    this.#newest += 1
    this.#streams.set(this.#newest, newStream())
    this.#control.push(frameOf('open', this.#newest))
    return this.#newest
  }

  /** Queues bytes; false where the writer must wait for `writable`. */
  write(id: number, bytes: Uint8Array): boolean {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.own !== 'open') return true // nobody reads it any more
    if (bytes.length > 0) stream.queue.push(bytes)
    stream.queuedBytes += bytes.length
    this.#schedule(id, stream)
    return stream.queuedBytes < relayLimits.windowBytes
  }

  /** No more bytes will be written. */
  end(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.own !== 'open') return
    stream.own = 'ending'
    this.#schedule(id, stream)
  }

  /** Gives a stream up, on both sides. */
  reset(id: number): void {
    if (!this.#streams.delete(id)) return
    this.#turns.delete(id)
    this.#control.push(frameOf('reset', id))
  }

  /** The reader has taken so many bytes: the peer may send as many more. */
  consumed(id: number, bytes: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    stream.unreadBytes -= bytes
    stream.owedBytes += bytes
    if (stream.owedBytes < relayLimits.windowBytes / 2 || stream.peer === 'ended') return
    this.#control.push(creditFrame(id, stream.owedBytes))
    stream.owedBytes = 0
  }

  /** The next frame to send, and whose writer may go on now; null: there is nothing to send. */
  take(): { readonly frame: Uint8Array; readonly events: readonly RelayEvent[] } | null {
    const control = this.#control.shift()
    if (control !== undefined) return { frame: control, events: [] }
    const [id] = this.#turns
    if (id === undefined) return null
    this.#turns.delete(id)
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.take()
    if (stream.queuedBytes === 0) return { frame: this.#sendEnd(id, stream), events: [] }
    const wasFull = stream.queuedBytes >= relayLimits.windowBytes
    const frame = frameOf('data', id, nextChunk(stream))
    this.#schedule(id, stream) // L2: behind the others
    const isWritable = wasFull && stream.queuedBytes < relayLimits.windowBytes
    return { frame, events: isWritable ? [{ kind: 'writable', stream: id }] : [] }
  }

  /** Takes in a frame of the peer. */
  receive(frame: Uint8Array): RelayEvent | null {
    const kind = kinds[frame[0] ?? 255]
    if (frame.length < headBytes || kind === undefined) return violation('no frame of a relay')
    const id = numberAt(frame, 1)
    if (kind === 'open') return this.#opened(id)
    const stream = this.#streams.get(id)
    if (stream === undefined) {
      return id > this.#newest ? violation(`stream ${id} was never opened`) : null // late: L4
    }
    switch (kind) {
      case 'data':
        return this.#data(id, stream, frame.subarray(headBytes))
      case 'credit':
        return this.#credit(id, stream, frame)
      case 'end':
        return this.#ended(id, stream)
      case 'reset':
        this.#streams.delete(id)
        this.#turns.delete(id)
        return { kind: 'reset', stream: id }
    }
  }

  #opened(id: number): RelayEvent | null {
    if (this.#isOpener || id !== this.#newest + 1) return violation(`stream ${id} cannot be opened`)
    this.#newest = id
    if (this.#streams.size >= relayLimits.streamsMax) {
      if (this.#control.length >= controlMax) return violation('it opens and does not read')
      this.#control.push(frameOf('reset', id))
      return null
    }
    this.#streams.set(id, newStream())
    return { kind: 'opened', stream: id }
  }

  #data(id: number, stream: Stream, bytes: Uint8Array): RelayEvent {
    stream.unreadBytes += bytes.length
    const isOver = stream.unreadBytes + stream.owedBytes > relayLimits.windowBytes
    if (isOver || stream.peer === 'ended') return violation(`stream ${id} sends too much`) // L3
    return { kind: 'data', stream: id, bytes }
  }

  #credit(id: number, stream: Stream, frame: Uint8Array): RelayEvent | null {
    if (frame.length !== headBytes + 4) return violation('a credit without a number')
    stream.creditBytes += numberAt(frame, headBytes)
    if (stream.creditBytes > relayLimits.windowBytes)
      return violation(`stream ${id}: no such window`)
    this.#schedule(id, stream)
    return null
  }

  #ended(id: number, stream: Stream): RelayEvent {
    if (stream.peer === 'ended') return violation(`stream ${id} ends twice`)
    stream.peer = 'ended'
    this.#forgetIfOver(id, stream)
    return { kind: 'ended', stream: id }
  }

  #sendEnd(id: number, stream: Stream): Uint8Array {
    stream.own = 'ended'
    this.#forgetIfOver(id, stream)
    return frameOf('end', id)
  }

  #forgetIfOver(id: number, { own, peer }: Stream): void {
    if (own === 'ended' && peer === 'ended') this.#streams.delete(id) // L4
  }

  /** Gives a stream a turn where it has something that may be sent now. */
  #schedule(id: number, { queuedBytes, creditBytes, own }: Stream): void {
    const maySend = queuedBytes > 0 ? creditBytes > 0 : own === 'ending'
    if (maySend) this.#turns.add(id)
  }
}

function newStream(): Stream {
  return {
    ...{ queue: [], queuedBytes: 0, creditBytes: relayLimits.windowBytes },
    ...{ unreadBytes: 0, owedBytes: 0, own: 'open', peer: 'open' },
  }
}

/** Takes one turn's bytes off a stream's queue (L1, L2). */
function nextChunk(stream: Stream): Uint8Array {
  const [head] = stream.queue
  if (head === undefined) return new Uint8Array(0)
  const bytes = Math.min(head.length, stream.creditBytes, relayLimits.chunkBytes)
  if (bytes === head.length) stream.queue.shift()
  else stream.queue[0] = head.subarray(bytes)
  stream.queuedBytes -= bytes
  stream.creditBytes -= bytes
  return head.subarray(0, bytes)
}

function frameOf(kind: Kind, stream: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(headBytes + payload.length)
  frame[0] = kinds.indexOf(kind)
  putNumber(frame, 1, stream)
  frame.set(payload, headBytes)
  return frame
}

function creditFrame(stream: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(4)
  putNumber(payload, 0, bytes)
  return frameOf('credit', stream, payload)
}

function putNumber(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value)
}

function numberAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
}

function violation(reason: string): RelayEvent {
  return { kind: 'violation', reason }
}
