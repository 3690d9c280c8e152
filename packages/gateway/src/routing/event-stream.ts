// Event stream
//
// The events of one streamed answer between the socket that they come from and whoever passes them on: bounded, so
// that a caller who reads slowly slows the upstream down.

import type { ChatEvent } from '@tutti/core/dialect'
import type { FailedAttempt } from './failed-attempt.ts'

export interface ReadEvent {
  /** The bytes as they came. */
  readonly raw: Buffer
  readonly events: readonly ChatEvent[]
}

export type StreamTurn =
  | { readonly kind: 'event'; readonly event: ReadEvent }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly failure: FailedAttempt }

const heldBytesMax = 64 * 2 ** 10 // some hundred events; more is backlog, not jitter

export interface StreamFlow {
  readonly pause: () => void
  readonly resume: () => void
  readonly cancel: () => void
}

/** What reads a streamed answer, wherever that comes from. */
export interface EventSource {
  readonly next: () => Promise<StreamTurn> | StreamTurn
  readonly cancel: () => void
}

export class EventStream implements EventSource {
  readonly #flow: StreamFlow
  /** Written by `push` and `next`. */
  readonly #held: ReadEvent[] = []
  #heldBytes = 0
  #isPaused = false
  /** How it ended; written once, by `finish`. */
  #last: StreamTurn | null = null
  #waiter: ((turn: StreamTurn) => void) | null = null

  constructor(flow: StreamFlow) {
    this.#flow = flow
  }

  push(event: ReadEvent): void {
    if (this.#waiter !== null) return this.#wake({ kind: 'event', event })
    this.#held.push(event)
    this.#heldBytes += event.raw.length
    if (this.#heldBytes > heldBytesMax && !this.#isPaused) {
      this.#isPaused = true
      this.#flow.pause()
    }
  }

  finish(last: Exclude<StreamTurn, { kind: 'event' }>): void {
    if (this.#last !== null) return
    this.#last = last
    if (this.#waiter !== null) this.#wake(last)
  }

  /** The next turn; after the last one, the last one again. */
  next(): Promise<StreamTurn> | StreamTurn {
    const event = this.#held.shift()
    if (event !== undefined) {
      this.#heldBytes -= event.raw.length
      if (this.#isPaused && this.#heldBytes < heldBytesMax / 2) {
        this.#isPaused = false
        this.#flow.resume()
      }
      return { kind: 'event', event }
    }
    if (this.#last !== null) return this.#last
    return new Promise((resolve) => {
      this.#waiter = resolve
    })
  }

  /** True while reading is held up, so that the upstream's silence is our own doing. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  cancel(): void {
    this.#flow.cancel()
  }

  #wake(turn: StreamTurn): void {
    const waiter = this.#waiter
    this.#waiter = null
    waiter?.(turn)
  }
}
