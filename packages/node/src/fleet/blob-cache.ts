// Blob cache
//
// Content-addressed files on the node's disk. A download that breaks off is kept and goes on where it
// stopped; a file gets its name only when all its bytes have the digest that was asked for.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { Failure, messageOf } from '../failure.ts'

export interface BlobSource {
  /** `http://…/api/v1/blobs`, without the digest. */
  readonly url: string
  readonly bearer: string
}

export interface BlobWish {
  readonly digest: string
  readonly sizeBytes: number
}

const headersMs = 15_000
const bodyIdleMs = 30_000 // no byte for so long: the connection is dead, resume on another

export class BlobCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  path(digest: string): string {
    return join(this.#folder, digest.slice('sha256:'.length))
  }

  /** True where the file is there and its bytes have the digest: disks rot, so they are hashed. */
  async verify(wish: BlobWish): Promise<boolean> {
    if ((await sizeOf(this.path(wish.digest))) !== wish.sizeBytes) return false
    return (await digestOf(this.path(wish.digest))) === wish.digest
  }

  async has(wish: BlobWish): Promise<boolean> {
    return (await sizeOf(this.path(wish.digest))) === wish.sizeBytes
  }

  /**
   * Brings a file here. Throws `node/fetch-failed`, `node/disk-full` or `node/digest-mismatch`.
   */
  async fetch(
    wish: BlobWish,
    source: BlobSource | null,
    watch: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
  ): Promise<void> {
    if (await this.has(wish)) return watch.onBytes(wish.sizeBytes)
    if (source === null) {
      throw new Failure(
        'node/fetch-failed',
        'not connected to the control plane: fetched on return',
      )
    }
    await mkdir(this.#folder, { recursive: true })
    const part = `${this.path(wish.digest)}.part`
    let offset = (await sizeOf(part)) ?? 0
    if (offset > wish.sizeBytes) {
      await rm(part)
      offset = 0
    }
    await this.#assertRoom(wish.sizeBytes - offset)
    watch.onBytes(offset)
    if (offset < wish.sizeBytes) await download(part, { wish, source, offset, ...watch })
    const seen = await digestOf(part)
    if (seen !== wish.digest) {
      await rm(part, { force: true })
      const message = `the bytes received have digest ${seen}, expected ${wish.digest}`
      throw new Failure('node/digest-mismatch', message)
    }
    await rename(part, this.path(wish.digest))
  }

  /** Removes files that nothing needs any more. */
  async collect(keep: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const digest = `sha256:${name.replace(/\.(part|files)$/, '')}`
      if (keep.has(digest)) continue
      await rm(join(this.#folder, name), { force: true, recursive: true })
    }
  }

  async #assertRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    const freeBytes = bavail * bsize
    if (freeBytes > bytes) return
    const message = `${bytes} bytes are needed in ${this.#folder}, ${freeBytes} are free`
    throw new Failure('node/disk-full', message)
  }
}

interface Download {
  readonly wish: BlobWish
  readonly source: BlobSource
  readonly offset: number
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

async function download(part: string, { wish, source, offset, signal, onBytes }: Download) {
  const file = await open(part, 'a', 0o600)
  try {
    const { statusCode, body } = await request(`${source.url}/${wish.digest}`, {
      headers: {
        authorization: `Bearer ${source.bearer}`,
        ...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
      },
      headersTimeout: headersMs,
      bodyTimeout: bodyIdleMs,
      signal,
    })
    if (statusCode !== (offset > 0 ? 206 : 200)) {
      await body.dump()
      throw new Failure(
        'node/fetch-failed',
        `${wish.digest}: the control plane answered ${statusCode}`,
      )
    }
    let done = offset
    for await (const chunk of body) {
      done += chunk.length
      if (done > wish.sizeBytes)
        throw new Failure('node/digest-mismatch', 'more bytes than announced')
      await file.write(chunk)
      onBytes(done)
    }
    await file.datasync()
    if (done < wish.sizeBytes) {
      const message = `${wish.digest} ended after ${done} of ${wish.sizeBytes} bytes`
      throw new Failure('node/fetch-failed', message)
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC'
    const code = isFull ? 'node/disk-full' : 'node/fetch-failed'
    throw new Failure(code, `${wish.digest}: ${messageOf(cause)}`, { cause })
  } finally {
    await file.close()
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch {
    return null // no such file: the answer, not an error
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}
