// Blobs
//
// Content-addressed files in a folder: `blobs/ab/abcdef…`. A blob appears under its digest only when every
// byte of it has been hashed; an upload that breaks off is kept and goes on where it stopped.

import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../failure.ts'

export interface Blobs {
  /** Size in bytes, or null where there is no such blob. */
  readonly size: (digest: string) => Promise<number | null>
  readonly path: (digest: string) => string
  /** Bytes of an unfinished upload that are there already. */
  readonly uploaded: (digest: string) => Promise<number>
  /** Takes bytes from `offset` on; the upload is complete when the digest is that of all of it. */
  readonly write: (upload: Upload) => Promise<UploadOutcome>
  readonly read: (digest: string) => Promise<Buffer>
  /** Ends uploads and blobs that nothing refers to and nobody touched since `olderThanMs`. */
  readonly collect: (keep: ReadonlySet<string>, olderThanMs: number) => Promise<number>
}

export interface Upload {
  readonly digest: string
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
  await mkdir(uploads, { recursive: true })
  const pathOf = (digest: string) => join(folder, hexOf(digest).slice(0, 2), hexOf(digest))
  const partOf = (digest: string) => join(uploads, hexOf(digest))
  return {
    size: (digest) => sizeOf(pathOf(digest)),
    path: pathOf,
    uploaded: async (digest) => (await sizeOf(partOf(digest))) ?? 0,
    write: (upload) => write(upload, pathOf(upload.digest), partOf(upload.digest)),
    read: (digest) => readWhole(pathOf(digest)),
    collect: (keep, olderThanMs) => collect(folder, keep, olderThanMs),
  }
}

async function write(upload: Upload, path: string, part: string): Promise<UploadOutcome> {
  if ((await sizeOf(path)) !== null) {
    const now = new Date()
    await utimes(path, now, now) // somebody cares for it: the collector waits
    return { ok: true, complete: true, uploadedBytes: upload.totalBytes }
  }
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
  await mkdir(join(path, '..'), { recursive: true })
  await rename(part, path)
  return { ok: true, complete: true, uploadedBytes }
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
): Promise<number> {
  let removed = 0
  for (const shelf of await readdir(folder)) {
    for (const name of await readdir(join(folder, shelf))) {
      const path = join(folder, shelf, name)
      if (keep.has(`sha256:${name}`) && shelf !== 'uploads') continue
      if ((await stat(path)).mtimeMs >= olderThanMs) continue
      await rm(path, { force: true })
      removed++
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
