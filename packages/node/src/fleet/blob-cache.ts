// Blob cache
//
// Content-addressed files on the node's disk. A download that breaks off is kept and goes on where it
// stopped; a file gets its name only when all its bytes have the digest that was asked for.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { sharedBytesMin } from '@tutti/core/fleet'
import { placeFolder } from '@tutti/machine'
import { Failure } from '../failure.ts'
import type { BlobSource, BlobWish } from './blob-wish.ts'
import { downloadRange } from './download-range.ts'
import { fetchShared } from './fetch-shared.ts'
import { type CachedFile, pickFilesToEvict } from './pick-files-to-evict.ts'
import { openSourceClient, type PeerLine } from './source-client.ts'

/** A file, or the checked beginning of one, that may be given to others. */
export interface OfferedFile {
  readonly file: FileHandle
  readonly bytes: number
}

/** What is not to go; asked again before each file goes, for wishes come in meanwhile. */
export type Kept = Pick<ReadonlySet<string>, 'has'>

interface Watch {
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

export class BlobCache {
  /** Downloads under way, by digest; `fetch` writes. */
  readonly #fetching = new Map<string, Promise<void>>()
  readonly #folder: string
  readonly #budgetBytes: () => number
  readonly #peers: PeerLine | null
  /** Checked bytes of downloads under way, by digest; `fetch` writes. */
  readonly #offers = new Map<string, number>()

  /**
   * Files in `folder`, of `budgetBytes` together at most: a share of a disk grows with it. Without
   * `peers` all come from the origin.
   */
  constructor(folder: string, budgetBytes: () => number, peers: PeerLine | null = null) {
    this.#folder = folder
    this.#budgetBytes = budgetBytes
    this.#peers = peers
  }

  path(digest: string): string {
    return join(this.#folder, digest.slice('sha256:'.length))
  }

  /** True where the file is there and its bytes have the digest: disks rot, so they are hashed. */
  async verify(wish: BlobWish): Promise<boolean> {
    if ((await sizeOf(this.path(wish.digest))) !== wish.sizeBytes) return false
    return (await digestOf(this.path(wish.digest))) === wish.digest
  }

  /** Takes a file away that is not what its name says. */
  async forget(digest: string): Promise<void> {
    await rm(this.path(digest), { force: true })
  }

  async has(wish: BlobWish): Promise<boolean> {
    return (await sizeOf(this.path(wish.digest))) === wish.sizeBytes
  }

  /**
   * Brings a file here. Throws `node/fetch-failed`, `node/disk-full` or `node/digest-mismatch`.
   */
  async fetch(wish: BlobWish, source: BlobSource | null, watch: Watch): Promise<void> {
    // Two deployments may want one file: the second waits for the first, and has it then.
    for (;;) {
      const other = this.#fetching.get(wish.digest)
      if (other === undefined) break
      await Promise.race([other.catch(() => {}), abortOf(watch.signal)])
      watch.signal.throwIfAborted()
    }
    const own = this.#fetch(wish, source, watch)
    this.#fetching.set(wish.digest, own)
    try {
      await own
    } finally {
      this.#fetching.delete(wish.digest)
    }
  }

  async #fetch(wish: BlobWish, source: BlobSource | null, watch: Watch): Promise<void> {
    if (await this.has(wish)) return watch.onBytes(wish.sizeBytes)
    if (source === null) {
      throw new Failure(
        'node/fetch-failed',
        'not connected to the control plane: fetched on return',
      )
    }
    await placeFolder(this.#folder)
    const part = this.#part(wish.digest)
    let offset = (await sizeOf(part)) ?? 0
    if (offset > wish.sizeBytes) {
      await rm(part)
      offset = 0
    }
    watch.onBytes(offset)
    if (offset < wish.sizeBytes) await this.#download(part, { wish, source, offset, ...watch })
    const seen = await digestOf(part)
    if (seen !== wish.digest) {
      await rm(part, { force: true })
      const message = `the bytes received have digest ${seen}, expected ${wish.digest}`
      throw new Failure('node/digest-mismatch', message)
    }
    await settle(part)
    await rename(part, this.path(wish.digest))
  }

  /** A file that is here, or the checked beginning of one that is coming; null: nothing of it. */
  async open(digest: string): Promise<OfferedFile | null> {
    const checked = this.#offers.get(digest)
    const paths = [this.path(digest), ...(checked === undefined ? [] : [this.#part(digest)])]
    for (const path of paths) {
      const file = await open(path, 'r').catch(() => null) // not there: the next one
      if (file === null) continue
      const isWhole = path === paths[0]
      return { file, bytes: isWhole ? (await file.stat()).size : (checked ?? 0) }
    }
    return null
  }

  #part(digest: string): string {
    return `${this.path(digest)}.part`
  }

  /** With the site where it shares, else from the origin alone. */
  async #download(part: string, of: Download): Promise<void> {
    const { wish, source, signal, onBytes } = of
    const { digest } = wish
    if (this.#peers !== null && wish.sizeBytes >= sharedBytesMin) {
      try {
        const client = openSourceClient(source, this.#peers)
        const onOffer = (bytes: number) => void this.#offers.set(digest, bytes)
        if (await fetchShared(part, { wish, client, signal, onBytes, onOffer })) return
      } finally {
        this.#offers.delete(digest)
      }
    }
    await download(part, of)
  }

  /** Bytes that are still to come of these files. */
  async missingBytes(wishes: readonly BlobWish[]): Promise<number> {
    let bytes = 0
    for (const wish of wishes) {
      if (await this.has(wish)) continue
      bytes += wish.sizeBytes - ((await sizeOf(`${this.path(wish.digest)}.part`)) ?? 0)
    }
    return Math.max(0, bytes)
  }

  /** These files are in use: of those that nothing needs, they are to go last. */
  async touch(digests: Iterable<string>): Promise<void> {
    const now = new Date()
    for (const digest of digests) await utimes(this.path(digest), now, now).catch(() => {})
  }

  /**
   * Makes room for so many bytes more: of what is not to be kept, the least recently used goes.
   * Throws `node/disk-full` where that is not enough.
   */
  async makeRoom(bytes: number, keep: Kept): Promise<void> {
    await placeFolder(this.#folder)
    const files = await this.#list(keep)
    const usedBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const { bavail, bsize } = await statfs(this.#folder)
    const budgetBytes = Math.min(this.#budgetBytes(), usedBytes + bavail * bsize)
    const { evict, overBytes } = pickFilesToEvict(files, budgetBytes - bytes)
    for (const { name } of evict) {
      if (keep.has(digestNamed(name))) continue // wanted since it was listed
      await rm(join(this.#folder, name), { force: true })
      await rm(join(this.#folder, `${name}.files`), { force: true, recursive: true })
    }
    if (overBytes === 0) return
    const holds = `${budgetBytes} bytes may be used in ${this.#folder}`
    throw new Failure(
      'node/disk-full',
      `${holds}, and ${overBytes} more are needed: free some, or give more with --disk`,
    )
  }

  /** Ends unfinished downloads that nothing needs, and what lies over the budget. */
  async collect(keep: Kept): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!name.endsWith('.part') || keep.has(digestNamed(name))) continue
      await rm(join(this.#folder, name), { force: true })
    }
    await this.makeRoom(0, keep)
  }

  async #list(keep: Kept): Promise<CachedFile[]> {
    const names = await readdir(this.#folder)
    const files = await Promise.all(
      names.map(async (name) => {
        const seen = await stat(join(this.#folder, name)).catch(() => null)
        if (seen === null || !seen.isFile()) return []
        const isNeeded = keep.has(digestNamed(name))
        return [{ name, sizeBytes: seen.size, usedMs: seen.mtimeMs, isNeeded }]
      }),
    )
    return files.flat()
  }
}

function digestNamed(name: string): string {
  return `sha256:${name.replace(/\.part$/, '')}`
}

interface Download {
  readonly wish: BlobWish
  readonly source: BlobSource
  readonly offset: number
  readonly signal: AbortSignal
  readonly onBytes: (bytes: number) => void
}

async function download(part: string, { wish, source, offset, ...watch }: Download) {
  await downloadRange(part, {
    url: `${source.url}/${wish.digest}`,
    headers: { authorization: `Bearer ${source.bearer}` },
    ...{ start: offset, end: wish.sizeBytes, range: offset > 0 ? `bytes=${offset}-` : null },
    ...{ name: wish.digest, ...watch },
  })
}

/** What a name is given to is on the disk, whatever happens to the power then. */
async function settle(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.datasync()
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

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
