// Frame splitter
//
// Cuts a stream of AWS event-stream frames (application/vnd.amazon.eventstream), wherever the chunks were cut: a
// prelude of two lengths and its checksum, headers, a payload, a checksum of all. Bytes that do not add up end it:
// nothing after them can be trusted to be where it seems.

import { crc32 } from 'node:zlib'
import type { RawEvent } from './event-splitter.ts'
import { HeldBytes } from './held-bytes.ts'

const preludeBytes = 12
const checksumBytes = 4

export class FrameSplitter {
  /** What came and is not yet a whole frame. */
  readonly #held = new HeldBytes()
  #why: string | null = null

  /** The events that this chunk completes; each is named by its frame. */
  push(chunk: Buffer): RawEvent[] {
    const bytes = this.#held.join(chunk)
    let left = bytes
    const events: RawEvent[] = []
    while (this.#why === null && left.length >= preludeBytes) {
      const total = left.readUInt32BE(0)
      this.#why = whyNoPrelude(left, total)
      if (this.#why !== null || left.length < total) break
      const event = readFrame(left.subarray(0, total))
      if (typeof event === 'string') this.#why = event
      else events.push(event)
      left = left.subarray(total)
    }
    this.#held.keep(bytes, bytes.length - left.length)
    return events
  }

  /** Bytes that wait for the end of their frame. */
  get heldBytes(): number {
    return this.#held.length
  }

  /** What is wrong with the bytes; null where nothing is. */
  get why(): string | null {
    return this.#why
  }
}

const frameBytesMax = 16 * 2 ** 20 // as much as the format allows

function whyNoPrelude(bytes: Buffer, total: number): string | null {
  const headerBytes = bytes.readUInt32BE(4)
  if (crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) return 'a frame with a wrong checksum'
  if (total > frameBytesMax) return `a frame of ${total} bytes`
  const isOdd = headerBytes + preludeBytes + checksumBytes > total
  return isOdd ? `a frame of ${total} bytes with headers of ${headerBytes}` : null
}

function readFrame(frame: Buffer): RawEvent | string {
  const end = frame.length - checksumBytes
  if (crc32(frame.subarray(0, end)) !== frame.readUInt32BE(end)) {
    return 'a frame with a wrong checksum'
  }
  const headersEnd = preludeBytes + frame.readUInt32BE(4)
  const headers = readHeaders(frame.subarray(preludeBytes, headersEnd))
  if (headers === null) return 'a frame whose headers cannot be read'
  const data = frame.toString('utf8', headersEnd, end)
  const event =
    headers.get(':event-type') ?? headers.get(':exception-type') ?? errorName(headers) ?? ''
  if (headers.get(':message-type') !== 'error') return { raw: frame, event, data }
  const message = headers.get(':error-message') ?? ''
  return { raw: frame, event, data: JSON.stringify({ message }) }
}

function errorName(headers: ReadonlyMap<string, string>): string | undefined {
  return headers.has(':error-code') ? `${headers.get(':error-code')}Exception` : undefined
}

// Bytes of a value by its type: booleans stand in the type itself; 6 and 7 say their length.
const valueBytes: readonly (number | null)[] = [0, 0, 1, 2, 4, 8, null, null, 8, 16]
const textType = 7

/** Those that are texts, by name; null where the bytes do not add up. */
function readHeaders(bytes: Buffer): ReadonlyMap<string, string> | null {
  const headers = new Map<string, string>()
  let at = 0
  while (at < bytes.length) {
    const nameEnd = at + 1 + bytes.readUInt8(at)
    if (nameEnd >= bytes.length) return null
    const name = bytes.toString('utf8', at + 1, nameEnd)
    const type = bytes.readUInt8(nameEnd)
    const fixed = valueBytes[type]
    if (fixed === undefined) return null
    at = nameEnd + 1
    if (fixed === null && at + 2 > bytes.length) return null
    const length = fixed ?? bytes.readUInt16BE(at)
    if (fixed === null) at += 2
    if (at + length > bytes.length) return null
    if (type === textType) headers.set(name, bytes.toString('utf8', at, at + length))
    at += length
  }
  return headers
}
