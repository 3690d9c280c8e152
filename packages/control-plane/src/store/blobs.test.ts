import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openBlobs } from './blobs.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-store-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

test('what a model refers to stays, what nobody wants goes once its grace is over', async () => {
  const blobs = await openBlobs(folder)
  const put = (text: string, totalBytes = text.length) =>
    blobs.write({
      digest: digestOf(text),
      offset: 0,
      totalBytes,
      chunks: Readable.from([Buffer.from(text)]),
    })
  await put('kept')
  await put('left')
  await put('broken off', 1_000)
  const keep = new Set([digestOf('kept')])
  expect(await blobs.collect(keep, Date.now() - 60_000)).toBe(0)
  expect(await blobs.collect(keep, Date.now() + 60_000)).toBe(2)
  expect(await blobs.size(digestOf('kept'))).toBe(4)
  expect(await blobs.size(digestOf('left'))).toBeNull()
  expect(await blobs.uploaded(digestOf('broken off'))).toBe(0)
})
