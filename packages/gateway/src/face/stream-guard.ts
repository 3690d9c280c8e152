// Stream guard
//
// The guard of one streamed answer: what is not decided waits, what is denied ends the answer. What can be said only
// of the whole text is said at its end: then the answer breaks off instead of ending well.

import type { ChatEvent } from '@tutti/core/dialect'
import {
  type AnswerRewrite,
  type FindingCount,
  type Released,
  rewriteFrame,
  StreamRewrite,
} from '@tutti/core/governance'
import type { Denial } from './denial.ts'

export interface StreamGuardPorts {
  readonly charsMax: number
  /** True where the whole text is judged at the end. */
  readonly keepsText: boolean
  /** What was found while it passed, and what is found of the whole; null where it may end. */
  readonly judge: (
    found: readonly FindingCount[],
    texts: readonly string[],
  ) => Promise<Denial | null>
}

/** Events that may go on; `denial` where nothing more may. */
export interface Passed {
  readonly released: readonly Released<Buffer>[]
  readonly isDenied: boolean
}

const textsMax = 2_000 // choices, and calls of each: more than any answer has; denied, too
const waitingBytesMax = 16 * 2 ** 20 // beside a text whose end is not decided; denied, too
const textCharsMax = 4 * 2 ** 20 // as much of an answer as can be judged; a longer one is denied

export class StreamGuard {
  readonly #rewrite: AnswerRewrite
  readonly #ports: StreamGuardPorts
  readonly #stream: StreamRewrite<Buffer>
  /** What the caller got, by choice; written by `#note`. */
  readonly #texts = new Map<number, string>()
  #textLength = 0
  /** Bytes of events that do not go on yet. */
  #waitingBytes = 0
  #hasCalled = false

  constructor(rewrite: AnswerRewrite, ports: StreamGuardPorts) {
    this.#rewrite = rewrite
    this.#ports = ports
    this.#stream = new StreamRewrite(rewrite)
  }

  push(raw: Buffer, events: readonly ChatEvent[]): Passed {
    this.#waitingBytes += raw.length
    return this.#pass(this.#stream.push(raw, events))
  }

  /** The stream is whole. */
  end(): Passed {
    return this.#pass(this.#stream.end())
  }

  async judge(): Promise<Denial | null> {
    return await this.#ports.judge(this.#rewrite.counts.all, [...this.#texts.values()])
  }

  /** The bytes of an event, the very same where nothing of it is replaced. */
  frame({ held, events, changes }: Released<Buffer>): Buffer | string {
    const saysText = events.some((event) => 'text' in event)
    // What stands beside them in their frame is no event of ours.
    const saysMore = events.some(({ kind }) => kind === 'citation' || kind === 'other-text')
    if (saysText && !saysMore && changes.length === 0) return held
    const frame = held.toString('utf8')
    const rewritten = rewriteFrame(frame, changes, (text) => this.#rewrite.again(text))
    return rewritten === frame ? held : rewritten
  }

  #pass(released: readonly Released<Buffer>[]): Passed {
    const { counts } = this.#rewrite
    const { charsMax, keepsText } = this.#ports
    const length = this.#stream.length
    const isOver = length > charsMax && !counts.has('size')
    if (isOver) {
      counts.add({ kind: 'size', detector: `over ${charsMax} characters`, severity: 'high' })
    }
    for (const { held, events } of released) {
      this.#waitingBytes -= held.length
      if (keepsText) this.#note(events)
    }
    const isTooMuch =
      this.#textLength > textCharsMax ||
      this.#stream.texts > textsMax ||
      this.#waitingBytes > waitingBytesMax
    if (isTooMuch) return { released: [], isDenied: true }
    return counts.isDenied ? { released: [], isDenied: true } : { released, isDenied: false }
  }

  #note(events: readonly ChatEvent[]): void {
    for (const event of events) {
      if (event.kind === 'text' && event.text !== '') {
        this.#texts.set(event.choice, (this.#texts.get(event.choice) ?? '') + event.text)
        this.#textLength += event.text.length
      } else if (event.kind === 'tool-start') this.#hasCalled = true
      else if (event.kind === 'stop' && !this.#hasCalled && !this.#texts.has(event.choice)) {
        this.#texts.set(event.choice, '') // it says nothing at all
      }
    }
  }
}
