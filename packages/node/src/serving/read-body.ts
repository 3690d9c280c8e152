// Read body
//
// Request bodies into memory, each up to a bound, and all that are held at one time up to another: a node
// must not run out of memory because many callers send much at once.

import type { IncomingMessage } from 'node:http'
import { Failure } from '../failure.ts'

export interface BodyLimits {
  readonly bodyBytesMax: number
  readonly bodiesBytesMax: number
}

export class BodyReader {
  readonly #limits: BodyLimits
  /** Bytes of all bodies held; `#read` adds, `use` takes away. */
  #heldBytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /** Reads the body and gives it to `work`; it counts as held until `work` has settled. */
  async use<T>(request: IncomingMessage, work: (body: Buffer) => Promise<T>): Promise<T> {
    const body: Body = { chunks: [], bytes: 0 }
    try {
      this.#assertRoom(0, Number(request.headers['content-length'] ?? 0))
      await this.#read(request, body)
      const { chunks } = body
      const [only] = chunks
      return await work(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks))
    } finally {
      this.#heldBytes -= body.bytes
    }
  }

  #read(request: IncomingMessage, body: Body): Promise<void> {
    // Not `for await`: leaving that early destroys the socket, and the refusal could not be sent.
    return new Promise<void>((resolve, reject) => {
      const fail = (thrown: unknown) => {
        request.off('data', onData)
        request.resume() // what still comes is thrown away; the server's request timeout bounds it
        reject(thrown)
      }
      const onData = (chunk: Buffer) => {
        try {
          this.#assertRoom(body.bytes, chunk.byteLength)
        } catch (thrown) {
          return fail(thrown)
        }
        body.bytes += chunk.byteLength
        this.#heldBytes += chunk.byteLength
        body.chunks.push(chunk)
      }
      const onCut = (cause?: unknown) =>
        fail(new Failure('node/request-invalid', 'the body was cut off', { cause }))
      request.on('data', onData).once('end', resolve).once('error', onCut).once('close', onCut)
    })
  }

  #assertRoom(bytes: number, moreBytes: number): void {
    const { bodyBytesMax, bodiesBytesMax } = this.#limits
    if (bytes + moreBytes > bodyBytesMax) {
      const message = `the body is greater than ${bodyBytesMax} bytes`
      throw new Failure('node/request-too-large', message)
    }
    if (this.#heldBytes + moreBytes > bodiesBytesMax) {
      const message = `requests of ${this.#heldBytes} bytes are under way, no room for more`
      throw new Failure('node/overloaded', message)
    }
  }
}

interface Body {
  readonly chunks: Buffer[]
  bytes: number
}
