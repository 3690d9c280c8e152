// Relay streams
//
// Ties the streams of a relay line to what they are at each end: sockets towards callers in the gateway,
// connections of the HTTP server in the node. It owns none of them and knows no kind of socket: both come as
// ports. What is not taken is not read: `RelayLine` counts, this file pauses and goes on.

import { type RelayEvent, RelayLine } from './relay-line.ts'

/** One end of a stream, as sockets and duplex streams are. */
export interface RelayEnd {
  /** `done` is called when the bytes are out of our hands. */
  readonly write: (bytes: Uint8Array, done: (error?: Error | null) => void) => unknown
  readonly pause: () => unknown
  readonly resume: () => unknown
  readonly end: () => unknown
  readonly destroy: () => unknown
}

/** The connection that carries all of them, as WebSockets are. */
export interface RelayWire {
  /** True where it is open and has room for another frame. */
  readonly hasRoom: () => boolean
  /** `done` is called when the frame is out of our hands. */
  readonly send: (frame: Uint8Array, done: () => void) => void
  /** The other side broke the rules. */
  readonly breakOff: (reason: string) => void
}

export class RelayStreams {
  readonly #line: RelayLine
  readonly #wire: RelayWire
  /** The node's side: what a new stream is tied to. */
  readonly #accept: ((stream: number) => RelayEnd) | null
  readonly #ends = new Map<number, RelayEnd>()

  constructor(wire: RelayWire, accept: ((stream: number) => RelayEnd) | null) {
    this.#wire = wire
    this.#accept = accept
    this.#line = new RelayLine(accept === null ? 'gateway' : 'node')
  }

  /** The gateway's side: a new stream with this end; null where there are too many. */
  open(end: RelayEnd): number | null {
    const stream = this.#line.open()
    if (stream === null) return null
    this.#ends.set(stream, end)
    this.#pump()
    return stream
  }

  /** Bytes that this end says. */
  said(stream: number, bytes: Uint8Array): void {
    if (!this.#line.write(stream, bytes)) this.#ends.get(stream)?.pause()
    this.#pump()
  }

  /** This end says no more. */
  ended(stream: number): void {
    this.#line.end(stream)
    this.#pump()
  }

  /** This end is gone. */
  closed(stream: number): void {
    if (!this.#ends.delete(stream)) return
    this.#line.reset(stream) // where both had ended it, there is nothing to reset
    this.#pump()
  }

  /** A frame of the other side. */
  receive(frame: Uint8Array): void {
    const event = this.#line.receive(frame)
    if (event !== null) this.#act(event)
    this.#pump()
  }

  /** The connection is gone, and all streams with it. */
  stop(): void {
    const ends = [...this.#ends.values()]
    this.#ends.clear()
    for (const end of ends) end.destroy()
  }

  #act(event: RelayEvent): void {
    if (event.kind === 'violation') return this.#wire.breakOff(event.reason)
    if (event.kind === 'opened') {
      const made = this.#accept?.(event.stream)
      if (made !== undefined) this.#ends.set(event.stream, made)
      return
    }
    const { stream } = event
    const end = this.#ends.get(stream)
    switch (event.kind) {
      case 'data': {
        const { length } = event.bytes
        end?.write(event.bytes, (error) => {
          if (error) return // it is closed, which is told
          this.#line.consumed(stream, length)
          this.#pump()
        })
        return
      }
      case 'writable':
        end?.resume()
        return
      case 'ended':
        end?.end()
        return
      case 'reset':
        this.#ends.delete(stream)
        end?.destroy()
    }
  }

  #pump(): void {
    while (this.#wire.hasRoom()) {
      const next = this.#line.take()
      if (next === null) return
      this.#wire.send(next.frame, () => this.#pump())
      for (const event of next.events) this.#act(event)
    }
  }
}
