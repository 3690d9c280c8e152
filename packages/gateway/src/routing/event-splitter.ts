// Event splitter
//
// Cuts a stream of server-sent events at its blank lines, wherever the chunks were cut: what goes on is whole events
// only. After the WHATWG specification; a blank line of bare CR is not looked for, nobody writes it.

import type { StreamEvent } from '@tutti/core/dialect'
import { HeldBytes } from './held-bytes.ts'

/** One event with the very bytes that it came in, its blank line included. */
export interface RawEvent extends StreamEvent {
  readonly raw: Buffer
}

/** Cuts the bytes of a streamed answer into its events. */
export interface Splitter {
  /** The events that this chunk completes. */
  readonly push: (chunk: Buffer) => readonly RawEvent[]
  /** What is left where the stream is over; absent: that is nothing. */
  readonly end?: () => RawEvent | null
  /** Bytes that wait for the end of their event. */
  readonly heldBytes: number
  /** What is wrong with the bytes, so that nothing more can be read; null where nothing is. */
  readonly why: string | null
}

const lf = 0x0a
const cr = 0x0d

/**
 * The bytes of an event may not exceed this: a model's longest event is a tool call of some
 * kilobytes.
 */
export const eventBytesMax = 8 * 2 ** 20

export class EventSplitter {
  /** What came and is not yet a whole event. */
  #held = new HeldBytes()

  /** The events that this chunk completes. */
  push(chunk: Buffer): RawEvent[] {
    // Where to look again: a blank line may begin in what was held.
    const searched = Math.max(0, this.#held.length - 3)
    const bytes = this.#held.join(chunk)
    const events: RawEvent[] = []
    let from = 0
    let end = blankLineEnd(bytes, searched)
    while (end !== -1) {
      const isAll = from === 0 && end === bytes.length // nearly always
      events.push(parseEvent(isAll ? bytes : bytes.subarray(from, end)))
      from = end
      end = blankLineEnd(bytes, from)
    }
    this.#held.keep(bytes, from)
    return events
  }

  /**
   * The event that lacks nothing but its blank line, where the stream is over. Some engines leave
   * it out after their last one, which browsers then throw away: here it is judged by what it says.
   */
  end(): RawEvent | null {
    const events = this.#held.length === 0 ? [] : this.push(Buffer.from('\n\n'))
    this.#held = new HeldBytes()
    return events[0] ?? null
  }

  /** Nothing is wrong with bytes that are text. */
  readonly why: string | null = null

  /** Bytes that wait for the end of their event. */
  get heldBytes(): number {
    return this.#held.length
  }
}

/** Where the first blank line from `from` on is over, or -1. */
function blankLineEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(lf, from); at !== -1; at = bytes.indexOf(lf, at + 1)) {
    const next = bytes[at + 1]
    if (next === lf) return at + 2
    if (next === cr && bytes[at + 2] === lf) return at + 3
  }
  return -1
}

function parseEvent(raw: Buffer): RawEvent {
  const text = raw.toString('utf8')
  if (text.startsWith('data: ') && text.indexOf('\n') === text.length - 2) {
    return { raw, event: '', data: text.slice(6, -2) } // by far the most frequent form
  }
  let event = ''
  const data: string[] = []
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
  return { raw, event, data: data.join('\n') }
}
