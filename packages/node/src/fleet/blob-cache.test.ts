import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BlobCache } from './blob-cache.ts'

const bytes = Buffer.from('model '.repeat(50_000))
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const wish = { digest, sizeBytes: bytes.length }
const watch = () => ({ signal: new AbortController().signal, onBytes: () => {} })

let folder = ''
const cleanups: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-blobs-'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  rmSync(folder, { recursive: true, force: true })
})

/** Serves `content` with ranges, cutting the first answer after `cutAfter` bytes. */
async function serve(content: Buffer, cutAfter?: number) {
  const ranges: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const { range } = request.headers
    ranges.push(range)
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const body = content.subarray(start)
    response.writeHead(range === undefined ? 200 : 206, { 'content-length': body.length })
    if (cutAfter === undefined || ranges.length > 1) return response.end(body)
    response.write(body.subarray(0, cutAfter), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { source: { url: `http://127.0.0.1:${port}`, bearer: 'b' }, ranges }
}

describe('blob cache', () => {
  test('goes on where a broken download stopped', async () => {
    const { source, ranges } = await serve(bytes, 100_000)
    const cache = new BlobCache(folder, () => 2 ** 30)
    await expect(cache.fetch(wish, source, watch())).rejects.toMatchObject({
      code: 'node/fetch-failed',
    })
    await cache.fetch(wish, source, watch())
    expect(await cache.verify(wish)).toBe(true)
    expect(ranges[0]).toBeUndefined()
    expect(Number(/\d+/.exec(ranges[1] ?? '')?.[0])).toBeGreaterThan(0)
  })

  test('who wants a file that is being fetched waits for it, or gives up', async () => {
    const { source, ranges } = await serve(bytes)
    const cache = new BlobCache(folder, () => 2 ** 30)
    const impatient = new AbortController()
    const given = cache.fetch(wish, source, watch())
    const others = [1, 2, 3].map(() => cache.fetch(wish, source, watch()))
    const left = cache.fetch(wish, source, { ...watch(), signal: impatient.signal })
    impatient.abort()
    await expect(left).rejects.toThrow('aborted')
    await Promise.all([given, ...others])
    expect(await cache.verify(wish)).toBe(true)
    expect(ranges).toEqual([undefined])
  })

  test('bytes with another digest never get the name', async () => {
    const { source } = await serve(Buffer.from('x'.repeat(bytes.length)))
    const cache = new BlobCache(folder, () => 2 ** 30)
    await expect(cache.fetch(wish, source, watch())).rejects.toMatchObject({
      code: 'node/digest-mismatch',
    })
    expect(await cache.has(wish)).toBe(false)
  })

  test('more bytes than announced are refused', async () => {
    const { source } = await serve(Buffer.concat([bytes, bytes]))
    const cache = new BlobCache(folder, () => 2 ** 30)
    await expect(cache.fetch(wish, source, watch())).rejects.toMatchObject({
      code: 'node/digest-mismatch',
    })
  })

  test('a file that rotted on disk is found', async () => {
    const { source } = await serve(bytes)
    const cache = new BlobCache(folder, () => 2 ** 30)
    await cache.fetch(wish, source, watch())
    const rotten = readFileSync(cache.path(digest))
    rotten[1_000] = (rotten[1_000] ?? 0) ^ 1
    writeFileSync(cache.path(digest), rotten)
    expect(await cache.has(wish)).toBe(true)
    expect(await cache.verify(wish)).toBe(false)
  })

  test('cut off, it says so; what is there needs nobody', async () => {
    const cache = new BlobCache(folder, () => 2 ** 30)
    await expect(cache.fetch(wish, null, watch())).rejects.toMatchObject({
      code: 'node/fetch-failed',
    })
    writeFileSync(cache.path(digest), bytes)
    await cache.fetch(wish, null, watch())
  })

  test('what is larger than the disk is refused, whatever the budget', async () => {
    const cache = new BlobCache(folder, () => Number.MAX_SAFE_INTEGER)
    await expect(cache.makeRoom(2 ** 52, new Set())).rejects.toMatchObject({
      code: 'node/disk-full',
      message: expect.stringContaining('--disk'),
    })
  })

  const named = (digit: string) => `sha256:${digit.repeat(64)}`

  /** Files of 100 bytes, the first used longest ago. */
  async function fill(cache: BlobCache, digits: readonly string[]): Promise<void> {
    for (const [i, digit] of digits.entries()) {
      writeFileSync(cache.path(named(digit)), 'x'.repeat(100))
      utimesSync(cache.path(named(digit)), i, i)
    }
  }
  const left = () => readdirSync(folder).map((name) => name[0])

  test('what nothing needs stays while there is room, and goes the least recently used first', async () => {
    const cache = new BlobCache(folder, () => 450)
    await fill(cache, ['a', 'b', 'c', 'd'])
    const keep = new Set([named('a')])
    await cache.collect(keep)
    expect(left()).toEqual(['a', 'b', 'c', 'd'])
    await cache.touch([named('b')])
    await cache.makeRoom(200, keep)
    expect(left()).toEqual(['a', 'b'])
    await expect(cache.makeRoom(400, keep)).rejects.toMatchObject({ code: 'node/disk-full' })
    expect(left()).toEqual(['a'])
  })

  test('a disk that has grown since holds more', async () => {
    const disk = { bytes: 300 }
    const cache = new BlobCache(folder, () => disk.bytes)
    await fill(cache, ['a', 'b'])
    const keep = new Set([named('a'), named('b')])
    await expect(cache.makeRoom(200, keep)).rejects.toMatchObject({
      message: expect.stringContaining('300 bytes may be used'),
    })
    disk.bytes = 400
    await cache.makeRoom(200, keep)
    expect(left()).toEqual(['a', 'b'])
  })

  test('an unfinished download counts, and one that nothing needs goes', async () => {
    const cache = new BlobCache(folder, () => 2 ** 30)
    for (const digit of ['a', 'b']) writeFileSync(`${cache.path(named(digit))}.part`, 'half')
    const wishes = [{ digest: named('a'), sizeBytes: 10 }]
    expect(await cache.missingBytes(wishes)).toBe(6)
    await cache.collect(new Set([named('a')]))
    expect(left()).toEqual(['a'])
  })
})
