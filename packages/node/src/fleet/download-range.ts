// Download range
//
// Appends the bytes of one HTTP answer to a file. Whoever gives them, it takes no more than were asked for,
// and what has come stays when the rest does not.

import { open } from 'node:fs/promises'
import { type Dispatcher, request } from '@tutti/machine/http-client'
import { Failure, messageOf } from '../failure.ts'

export interface RangeDownload {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Where the bytes begin, which is where the file ends. */
  readonly start: number
  readonly end: number
  /** As the Range header says it; null asks for the whole, from the first byte on. */
  readonly range: string | null
  /** What the bytes are, for messages. */
  readonly name: string
  readonly dispatcher?: Dispatcher
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

const headersMs = 15_000
const bodyIdleMs = 30_000 // no byte for so long: the connection is dead, resume on another

/** Throws `node/fetch-failed`, `node/digest-mismatch` (more bytes than asked), `node/disk-full`. */
export async function downloadRange(part: string, of: RangeDownload): Promise<void> {
  const { name, start, end, range, onBytes } = of
  const file = await open(part, 'a', 0o600)
  try {
    const { statusCode, body } = await request(of.url, {
      headers: { ...of.headers, ...(range === null ? {} : { range }) },
      headersTimeout: headersMs,
      bodyTimeout: bodyIdleMs,
      signal: of.signal,
      ...(of.dispatcher === undefined ? {} : { dispatcher: of.dispatcher }),
    })
    if (statusCode !== (range === null ? 200 : 206)) {
      await body.dump()
      throw new Failure('node/fetch-failed', `${name}: the answer was ${statusCode}`)
    }
    let done = start
    for await (const chunk of body) {
      done += chunk.length
      if (done > end) throw new Failure('node/digest-mismatch', 'more bytes than announced')
      await file.write(chunk)
      onBytes(done)
    }
    if (done < end) {
      throw new Failure('node/fetch-failed', `${name} ended after ${done} of ${end} bytes`)
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
    const code = isFull ? 'node/disk-full' : 'node/fetch-failed'
    throw new Failure(code, `${name}: ${messageOf(cause)}`, { cause })
  } finally {
    await file.close()
  }
}
