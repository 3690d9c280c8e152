// Blobs
//
// Content-addressed files in a folder: `blobs/ab/abcdef…`. A blob appears under its digest only when every
// byte of it has been hashed; an upload that breaks off is kept and goes on where it stopped.

import { createHash, type Hash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { placeFolder } from '@tutti/machine'
import { Failure } from '../failure.ts'
import type { BlobGrant } from './blob-grants.ts'

export interface Blobs {
  /** Size in bytes, or null where there is no such blob. */
  readonly size: (digest: string) => Promise<number | null>
  readonly path: (digest: string) => string
  /** Bytes of a project's unfinished upload that are there already. */
  readonly uploaded: (upload: BlobGrant) => Promise<number>
  /** Takes bytes from `offset` on; the upload is complete when the digest is that of all of it. */
  readonly write: (upload: Upload) => Promise<UploadOutcome>
  /** Takes bytes whose digest is known only when all are there. Throws past that many. */
  readonly put: (chunks: AsyncIterable<Uint8Array>, bytesMax: number) => Promise<PutBlob>
  readonly read: (digest: string) => Promise<Buffer>
  /** Somebody is about to refer to it: the collector waits. */
  readonly touch: (digest: string) => Promise<void>
  /** Ends uploads and blobs that nothing refers to and nobody touched since `olderThanMs`. */
  readonly collect: (keep: ReadonlySet<string>, olderThanMs: number) => Promise<string[]>
}

export interface PutBlob {
  readonly digest: string
  readonly sizeBytes: number
}

export interface Upload extends BlobGrant {
  readonly offset: number
  readonly totalBytes: number
  readonly chunks: AsyncIterable<Uint8Array>
}

export type UploadOutcome =
  | { readonly ok: true; readonly complete: boolean; readonly uploadedBytes: number }
  | { readonly ok: false; readonly reason: string; readonly uploadedBytes: number }

/** Blobs in `folder`. */
export async function openBlobs(folder: string): Promise<Blobs> {
  const uploads = join(folder, 'uploads')
  await placeFolder(uploads)
  const pathOf = (digest: string) => join(folder, hexOf(digest).slice(0, 2), hexOf(digest))
  // One part for each project: nobody finishes, and so gets, a file that others began.
  const partOf = ({ digest, project }: BlobGrant) => join(uploads, `${project}-${hexOf(digest)}`)
  const line = openLine()
  return {
    size: (digest) => sizeOf(pathOf(digest)),
    path: pathOf,
    uploaded: async (upload) => (await sizeOf(partOf(upload))) ?? 0,
    write: (upload) => {
      const part = partOf(upload)
      return line(part, () => write(upload, pathOf(upload.digest), part))
    },
    put: (chunks, bytesMax) => {
      const part = join(uploads, `put-${randomUUID()}`) // one that breaks off is collected
      return put(chunks, { part, pathOf, bytesMax })
    },
    touch: (digest) => touch(pathOf(digest)),
    read: (digest) => readWhole(pathOf(digest)),
    collect: (keep, olderThanMs) => collect(folder, keep, olderThanMs),
  }
}

async function put(
  chunks: AsyncIterable<Uint8Array>,
  to: {
    readonly part: string
    readonly pathOf: (digest: string) => string
    readonly bytesMax: number
  },
): Promise<PutBlob> {
  const hash = createHash('sha256')
  const hashed = async function* () {
    let sizeBytes = 0
    for await (const chunk of chunks) {
      sizeBytes += chunk.length
      if (sizeBytes > to.bytesMax) throw tooLarge(to.bytesMax)
      hash.update(chunk)
      yield chunk
    }
  }
  const upload = { digest: '', project: '', offset: 0, totalBytes: to.bytesMax }
  try {
    const sizeBytes = await append({ ...upload, chunks: hashed() }, to.part)
    const digest = `sha256:${hash.digest('hex')}`
    const path = to.pathOf(digest)
    await placeFolder(join(path, '..'))
    await rename(to.part, path)
    return { digest, sizeBytes }
  } catch (error) {
    await rm(to.part, { force: true })
    throw error
  }
}

function tooLarge(bytesMax: number): Failure {
  return new Failure('control-plane/blob-too-large', `it has more than ${bytesMax} bytes`)
}

async function write(upload: Upload, path: string, part: string): Promise<UploadOutcome> {
  const there = (await sizeOf(part)) ?? 0
  if (upload.offset !== there) {
    const reason = `expected the upload to go on at byte ${there}, got ${upload.offset}`
    return { ok: false, reason, uploadedBytes: there }
  }
  const uploadedBytes = await append(upload, part)
  if (uploadedBytes > upload.totalBytes) {
    await rm(part, { force: true })
    return {
      ok: false,
      reason: `more than the ${upload.totalBytes} bytes announced`,
      uploadedBytes: 0,
    }
  }
  if (uploadedBytes < upload.totalBytes) return { ok: true, complete: false, uploadedBytes }
  const seen = await digestOf(part)
  if (seen !== upload.digest) {
    await rm(part, { force: true })
    return {
      ok: false,
      reason: `the bytes have digest ${seen}, expected ${upload.digest}`,
      uploadedBytes: 0,
    }
  }
  await placeFolder(join(path, '..'))
  await rename(part, path) // over the same bytes, where another project brought them first
  return { ok: true, complete: true, uploadedBytes }
}

type Line = <Done>(name: string, work: () => Promise<Done>) => Promise<Done>

/** Work of one name is done one after the other: two writers of one part would mix their bytes. */
function openLine(): Line {
  const last = new Map<string, Promise<unknown>>() // written here alone
  return async (name, work) => {
    const before = last.get(name) ?? Promise.resolve()
    const own = before.then(work, work)
    last.set(name, own)
    try {
      return await own
    } finally {
      if (last.get(name) === own) last.delete(name)
    }
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now)
}

async function append(upload: Upload, part: string): Promise<number> {
  const file = await open(part, 'a', 0o600)
  let size = upload.offset
  try {
    for await (const chunk of upload.chunks) {
      size += chunk.length
      if (size > upload.totalBytes) break
      await file.write(chunk)
    }
    await file.datasync()
    return size
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC') {
      throw new Failure('control-plane/disk-full', `no room left for ${part}`, { cause })
    }
    throw cause
  } finally {
    await file.close()
  }
}

async function collect(
  folder: string,
  keep: ReadonlySet<string>,
  olderThanMs: number,
): Promise<string[]> {
  const removed: string[] = []
  for (const shelf of await readdir(folder)) {
    for (const name of await readdir(join(folder, shelf))) {
      const path = join(folder, shelf, name)
      if (keep.has(`sha256:${name}`) && shelf !== 'uploads') continue
      if ((await stat(path)).mtimeMs >= olderThanMs) continue
      await rm(path, { force: true })
      if (shelf !== 'uploads') removed.push(`sha256:${name}`)
    }
  }
  return removed
}

async function readWhole(path: string): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    return await file.readFile()
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
  const hash: Hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length)
}
