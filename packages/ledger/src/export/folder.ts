// Folder
//
// The only file of this room that touches the disk. Reads are bounded, because a folder from an
// enemy may hold files of any size and kind; writes never replace a file.

import { createReadStream, type Dirent } from 'node:fs'
import { lstat, mkdir, opendir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LedgerFailure } from '../failure.ts'
import { decodeUtf8 } from '../text.ts'

export interface FoundFile {
  /** Relative to the folder, with forward slashes. */
  readonly path: string
  /** False for links, sockets and the like: nothing an export has. */
  readonly isFile: boolean
}

/** The text of a line without its newline; null when it is not UTF-8, not ended or too long. */
export type Line = string | null

const newline = 0x0a

/** The bytes of a regular file, or why there are none. Throws `ledger/unreadable`. */
export async function readBounded(
  folder: string,
  path: string,
  bytesMax: number,
): Promise<Uint8Array | 'missing' | 'too-large'> {
  try {
    const bytes = await fileBytes(join(folder, path))
    if (bytes === null) return 'missing'
    return bytes > bytesMax ? 'too-large' : await readFile(join(folder, path))
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** The lines of a regular file, never holding more than one; null when there is no such file. */
export async function openLines(
  folder: string,
  path: string,
  lineBytesMax: number,
): Promise<AsyncGenerator<Line, void> | null> {
  try {
    const bytes = await fileBytes(join(folder, path))
    return bytes === null ? null : readLines(folder, path, lineBytesMax)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/** Every file below a folder, in no particular order. Throws `ledger/unreadable`. */
export async function* walkFolder(folder: string, below = ''): AsyncGenerator<FoundFile, void> {
  for await (const entry of entriesOf(join(folder, below))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* walkFolder(folder, path)
    else yield { path, isFile: entry.isFile() }
  }
}

/** Makes the folder; throws `ledger/export-exists` when it holds anything already. */
export async function makeEmptyFolder(folder: string): Promise<void> {
  let names: readonly string[]
  try {
    await makeFolder(folder)
    names = await readdir(folder)
  } catch (cause) {
    throw unwritable(folder, cause)
  }
  if (names.length === 0) return
  throw new LedgerFailure(
    'ledger/export-exists',
    `expected ${folder} to be empty, got ${names.length} files in it; export to a new folder`,
  )
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
    if (isMissing(cause)) return { cause }
    throw cause
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** Writes a new file, with the folders above it. Throws `ledger/unwritable`. */
export async function writeNew(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(join(folder, path)))
    await writeFile(join(folder, path), bytes, { flag: 'wx' })
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/** Adds to the end of a file, making it first if need be. Throws `ledger/unwritable`. */
export async function append(folder: string, path: string, text: string): Promise<void> {
  try {
    await writeFile(join(folder, path), text, { flag: 'a' })
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/** The size of a regular file; null when there is none at this path. */
async function fileBytes(path: string): Promise<number | null> {
  try {
    const stat = await lstat(path)
    return stat.isFile() ? stat.size : null
  } catch (cause) {
    if (isMissing(cause)) return null
    throw cause
  }
}

async function* readLines(
  folder: string,
  path: string,
  lineBytesMax: number,
): AsyncGenerator<Line, void> {
  const open: Buffer[] = []
  let openBytes = 0
  for await (const chunk of chunksOf(folder, path)) {
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      yield decodeUtf8(Buffer.concat([...open.splice(0), chunk.subarray(start, end)]))
      openBytes = 0
      start = end + 1
    }
    open.push(chunk.subarray(start))
    openBytes += chunk.length - start
    if (openBytes > lineBytesMax) return yield null
  }
  if (openBytes > 0) yield null
}

async function* chunksOf(folder: string, path: string): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of createReadStream(join(folder, path), { highWaterMark: 256 * 1024 })) {
      if (Buffer.isBuffer(chunk)) yield chunk
    }
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

async function* entriesOf(path: string): AsyncGenerator<Dirent, void> {
  try {
    for await (const entry of await opendir(path)) yield entry
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function isMissing(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false
  return cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
}

function unreadable(path: string, cause: unknown): LedgerFailure {
  if (cause instanceof LedgerFailure) return cause
  return new LedgerFailure('ledger/unreadable', `cannot read ${path}: ${textOf(cause)}`, cause)
}

function unwritable(path: string, cause: unknown): LedgerFailure {
  return new LedgerFailure('ledger/unwritable', `cannot write ${path}: ${textOf(cause)}`, cause)
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
