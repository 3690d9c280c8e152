// Save download
//
// Brings a file to disk in pieces as they come, goes on where a cut left it, and gives it its name only when
// every byte has been hashed.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { Failure } from './failure.ts'

export interface BlobFile {
  /** Where it lies, or is to lie. */
  readonly path: string
  readonly digest: string
  readonly sizeBytes: number
}

const resumesMax = 10

/** `ask` answers with the bytes from an offset on. Throws `sdk/download-broken`. */
export async function saveDownload(
  file: BlobFile,
  ask: (offset: number) => Promise<Response>,
  onProgress: (bytes: number) => void,
): Promise<void> {
  if ((await sizeOf(file.path)) === file.sizeBytes && (await digestOf(file.path)) === file.digest) {
    return onProgress(file.sizeBytes)
  }
  await makeFolder(dirname(file.path))
  const part = `${file.path}.part`
  if (((await sizeOf(part)) ?? 0) > file.sizeBytes) await rm(part)
  await bring(part, file, { ask, onProgress })
  const seen = await digestOf(part)
  if (seen !== file.digest) {
    await rm(part)
    const message = `${file.path}: received ${seen}, expected ${file.digest}`
    throw new Failure('sdk/download-broken', message)
  }
  await rename(part, file.path)
}

/**
 * With those above it. Node's own recursive `mkdir` turns for ever where a folder is there and
 * takes no other one in it, and says that there is none, as /proc does.
 */
async function makeFolder(path: string): Promise<void> {
  if ((await whyMissing(path)) === null) return
  const above = dirname(resolve(path))
  if (!(await isFolder(above))) await makeFolder(above) // else somebody has made it meanwhile
  const missing = await whyMissing(path)
  if (missing !== null) throw missing.cause
}

/** Null once the folder is there, or what says that it can be in none. */
async function whyMissing(path: string): Promise<{ readonly cause: unknown } | null> {
  try {
    await mkdir(path)
    return null
  } catch (cause) {
    if (await isFolder(path)) return null
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return { cause }
    throw cause
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function bring(
  part: string,
  file: BlobFile,
  by: {
    readonly ask: (offset: number) => Promise<Response>
    readonly onProgress: (bytes: number) => void
  },
): Promise<void> {
  const handle = await open(part, 'a', 0o644)
  try {
    let done = (await handle.stat()).size
    let cause: unknown
    for (let tries = 0; done < file.sizeBytes; tries++) {
      if (tries > resumesMax) {
        const message = `${file.path} broke off ${tries} times at byte ${done} of ${file.sizeBytes}`
        throw new Failure('sdk/download-broken', message, { cause })
      }
      const before = done
      const answer = await by.ask(done)
      try {
        for await (const chunk of answer.body ?? []) {
          done += chunk.length
          if (done > file.sizeBytes) {
            throw new Failure('sdk/download-broken', `${file.path}: more bytes than announced`)
          }
          await handle.write(chunk)
          by.onProgress(done)
        }
      } catch (thrown) {
        if (thrown instanceof Failure || isDiskError(thrown)) throw thrown
        cause = thrown // cut off: it goes on from here
      }
      if (done > before) tries = 0
    }
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

function isDiskError(thrown: unknown): boolean {
  return thrown instanceof Error && 'syscall' in thrown && thrown.syscall === 'write'
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
