// Answer parser
//
// Takes an HTTP/1.1 answer apart as its bytes come (RFC 9112). Stricter than the RFC asks: where the length of an
// answer can be read in two ways, it is refused and the connection with it.
//
// Invariants:
//   H1. However the bytes were cut, the same answer comes out.
//   H2. An answer is over only where its framing says so; what follows it on the connection is never taken for part
//       of it, nor for another answer.
//   H3. What is held is bounded: a head, a line of a chunk's size, trailers.

import type { AnswerHeaders } from './answer-handler.ts'

export interface AnswerListener {
  readonly onHead: (status: number, headers: AnswerHeaders) => void
  readonly onData: (bytes: Buffer) => void
}

const headBytesMax = 64 * 2 ** 10 // four times what servers allow by default
const lineBytesMax = 1_024 // of a chunk's size with its extensions
const trailerBytesMax = 16 * 2 ** 10
const lf = 0x0a
const cr = 0x0d

type Phase =
  | 'head'
  | 'length' // a body of a known length
  | 'chunk-size'
  | 'chunk'
  | 'chunk-end' // the line end behind a chunk's bytes
  | 'trailers'
  | 'until-close'
  | 'over'

const headEnd = Buffer.from('\r\n\r\n')

export class AnswerParser {
  readonly #listener: AnswerListener
  #phase: Phase = 'head'
  /** Bytes that the body, or the chunk, still has to bring. */
  #left = 0
  /** What came of a head or a line and is not whole. */
  #held: Buffer = empty
  #trailerBytes = 0
  /** True where the connection may serve another request. */
  keepsAlive = true
  /** Milliseconds for which the server keeps an idle connection; 0 where it does not say. */
  keepAliveMs = 0

  constructor(listener: AnswerListener) {
    this.#listener = listener
  }

  get isOver(): boolean {
    return this.#phase === 'over'
  }

  /** True where the end of the connection is the end of the body. */
  get endsWithConnection(): boolean {
    return this.#phase === 'until-close'
  }

  get hasBegun(): boolean {
    return this.#phase !== 'head' || this.#held.length > 0
  }

  /** For the next answer on the same connection. */
  reset(): void {
    this.#phase = 'head'
    this.keepsAlive = true
  }

  /** Null, or what is wrong with these bytes: then the connection is of no more use. */
  push(bytes: Buffer): string | null {
    let rest = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    this.#held = empty
    while (rest.length > 0) {
      const taken = this.#take(rest)
      if (typeof taken === 'string') return taken
      if (taken === 0) {
        this.#held = rest // H3: each phase bounds what it waits for
        return null
      }
      rest = taken === rest.length ? empty : rest.subarray(taken)
    }
    return null
  }

  /** How many bytes were used up; 0 where more must come first. */
  #take(rest: Buffer): number | string {
    switch (this.#phase) {
      case 'head':
        return this.#takeHead(rest)
      case 'length':
        return this.#takeBody(rest, 'over')
      case 'chunk-size':
        return this.#takeSize(rest)
      case 'chunk':
        return this.#takeBody(rest, 'chunk-end')
      case 'chunk-end': {
        if (rest.length < 2) return rest[0] === cr ? 0 : 'a chunk that is longer than its size'
        if (rest[0] !== cr || rest[1] !== lf) return 'a chunk that is longer than its size'
        this.#phase = 'chunk-size'
        return 2
      }
      case 'trailers':
        return this.#takeTrailer(rest)
      case 'until-close':
        this.#listener.onData(rest)
        return rest.length
      case 'over':
        return 'bytes behind the end of the answer' // H2
    }
  }

  #takeBody(rest: Buffer, next: 'over' | 'chunk-end'): number {
    const count = Math.min(rest.length, this.#left)
    this.#left -= count
    if (this.#left > 0 || next === 'over') {
      if (this.#left === 0) this.#phase = next
      this.#listener.onData(count === rest.length ? rest : rest.subarray(0, count))
      return count
    }
    const isEnded = rest[count] === cr && rest[count + 1] === lf // nearly always in the same bytes
    this.#phase = isEnded ? 'chunk-size' : next
    this.#listener.onData(count === rest.length ? rest : rest.subarray(0, count))
    return isEnded ? count + 2 : count
  }

  #takeSize(rest: Buffer): number | string {
    const end = rest.indexOf(lf)
    if (end === -1) return rest.length > lineBytesMax ? 'a chunk without a size' : 0
    const size = plainSize(rest, end) ?? writtenSize(rest.toString('latin1', 0, end))
    if (typeof size === 'string') return size
    this.#left = size
    this.#phase = this.#left === 0 ? 'trailers' : 'chunk'
    this.#trailerBytes = 0
    return end + 1
  }

  /** Trailers say nothing that we pass on; an empty line ends them. */
  #takeTrailer(rest: Buffer): number | string {
    const end = rest.indexOf(lf)
    this.#trailerBytes += end === -1 ? 0 : end + 1
    if (this.#trailerBytes + (end === -1 ? rest.length : 0) > trailerBytesMax) {
      return `trailers of more than ${trailerBytesMax} bytes`
    }
    if (end === -1) return 0
    if (rest[end - 1] !== cr) return 'a trailer that does not end in CR LF'
    if (end === 1) this.#phase = 'over'
    return end + 1
  }

  #takeHead(rest: Buffer): number | string {
    const end = rest.indexOf(headEnd)
    if (end === -1) return rest.length > headBytesMax ? 'a head without an end' : 0
    if (end > headBytesMax) return `a head of more than ${headBytesMax} bytes`
    const head = parseAnswerHead(rest.toString('latin1', 0, end))
    if (typeof head === 'string') return head
    if (head.status >= 100 && head.status < 200) {
      return head.status === 101 ? 'a switch of protocols that nobody asked for' : end + 4
    }
    const framing = framingOf(head.status, head.headers)
    if (typeof framing === 'string') return framing
    const connection = head.headers['connection']?.toLowerCase() ?? ''
    this.keepsAlive = head.isModern ? !connection.includes('close') : connection === 'keep-alive'
    if (framing.phase === 'until-close') this.keepsAlive = false
    const seconds = /timeout=(\d{1,5})/.exec(head.headers['keep-alive'] ?? '')?.[1]
    this.keepAliveMs = seconds === undefined ? 0 : Number(seconds) * 1_000
    this.#left = framing.left
    this.#phase = framing.phase
    this.#listener.onHead(head.status, head.headers)
    return end + 4
  }
}

const empty = Buffer.alloc(0)
const status = 'HTTP/1\\.[01] [1-9]\\d{2}(?: [^\\r\\n]*)?'
// No control characters: a caller could not be given such a header.
const header = "[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t\\x20-\\x7e\\x80-\\xff]*"
const statusLine = new RegExp(`^${status}$`)
const headerLine = new RegExp(`^${header}$`)
const wholeHead = new RegExp(`^${status}(?:\\r\\n${header})*$`)

/** The size of a chunk where its line is that and no more, as nearly all are; null: look closer. */
function plainSize(bytes: Buffer, end: number): number | null {
  if (end < 2 || end > 8 || bytes[end - 1] !== cr) return null
  let size = 0
  for (let at = 0; at < end - 1; at++) {
    const digit = hexDigits[bytes[at] ?? 0] ?? -1
    if (digit === -1) return null
    size = size * 16 + digit
  }
  return size
}

const hexDigits = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(digit) ? -1 : digit
})

/** The size that a line tells beside extensions, or what is wrong with it. */
function writtenSize(line: string): number | string {
  const size = /^([0-9a-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r$/i.exec(line)?.[1]
  if (size === undefined) return `a chunk of the size ${JSON.stringify(line.slice(0, 20))}`
  return Number.parseInt(size, 16)
}

interface AnswerHead {
  readonly status: number
  readonly headers: AnswerHeaders
  /** False for HTTP/1.0, which closes unless told otherwise. */
  readonly isModern: boolean
}

/** The head without its empty line, or what is wrong with it. */
function parseAnswerHead(text: string): AnswerHead | string {
  if (!wholeHead.test(text)) return whyNoHead(text)
  const headers: Record<string, string> = Object.create(null) // no name means anything to it
  for (let from = lineEndIn(text, 0) + 2; from < text.length; ) {
    const lineEnd = lineEndIn(text, from)
    const colon = text.indexOf(':', from)
    const name = text.slice(from, colon).toLowerCase()
    const value = text.slice(colon + 1, lineEnd).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : `${before}, ${value}`
    from = lineEnd + 2
  }
  return { status: Number(text.slice(9, 12)), headers, isModern: text[7] === '1' }
}

/** Line by line: only what is wrong is looked at twice. */
function whyNoHead(text: string): string {
  const [first = '', ...lines] = text.split('\r\n')
  if (!statusLine.test(first)) return `a first line ${JSON.stringify(first.slice(0, 60))}`
  const wrong = lines.find((line) => !headerLine.test(line)) ?? ''
  return `a header ${JSON.stringify(wrong.slice(0, 60))}`
}

function lineEndIn(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end === -1 ? text.length : end
}

/** How the end of the body is told (RFC 9112, 6.3). */
function framingOf(
  status: number,
  headers: AnswerHeaders,
): { readonly phase: Phase; readonly left: number } | string {
  if (status === 204 || status === 304) return { phase: 'over', left: 0 }
  const coding = headers['transfer-encoding']
  const length = headers['content-length']
  if (coding !== undefined) {
    if (length !== undefined) return 'a length and a transfer coding at once'
    if (coding.toLowerCase() !== 'chunked') return `a transfer coding ${coding.slice(0, 40)}`
    return { phase: 'chunk-size', left: 0 }
  }
  if (length === undefined) return { phase: 'until-close', left: 0 }
  if (!/^\d{1,15}$/.test(length)) return `a length of ${length.slice(0, 40)}`
  const left = Number(length)
  return { phase: left === 0 ? 'over' : 'length', left }
}
