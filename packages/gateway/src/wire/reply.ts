// Reply
//
// One request as the faces see it, and the way its answer goes: the same for a plain connection and for node:http.

import type { IncomingHttpHeaders } from 'node:http'

export interface Incoming {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The whole body; it may have to be sent more than once. */
  readonly body: () => Promise<IncomingBody> | IncomingBody
}

/** The bytes, or `too-large`, or `aborted` where the caller went away. */
export type IncomingBody = Buffer | 'too-large' | 'aborted'

export const bodyBytesMax = 64 * 2 ** 20 // as much as a node takes

export interface Reply {
  readonly hasBegun: boolean
  /** True once nothing that is written reaches the caller. */
  readonly isGone: boolean
  /** Bytes that wait for a caller who reads slowly. */
  readonly waitingBytes: number
  readonly header: (name: string, value: string | number) => void
  /** A whole answer. */
  readonly send: (status: number, body: Buffer) => void
  /** An answer of unknown length: its head now, then `write` and `end`. */
  readonly begin: (status: number) => void
  /** False where `drained` should be awaited before more. */
  readonly write: (bytes: Buffer | string) => boolean
  /** True when more may be written, false when the caller is gone. */
  readonly drained: () => Promise<boolean>
  readonly end: () => void
  /** Last bytes, and a connection that ends without the end of its message. */
  readonly cutAfter: (bytes: string) => Promise<void>
  readonly destroy: () => void
  /** The listener is called once, if the caller leaves before the answer is whole. */
  readonly onGone: (listener: () => void) => void
}
