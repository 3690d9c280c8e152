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
      project: 'default',
      offset: 0,
      totalBytes,
      chunks: Readable.from([Buffer.from(text)]),
    })
  await put('kept')
  await put('left')
  await put('broken off', 1_000)
  const keep = new Set([digestOf('kept')])
  expect(await blobs.collect(keep, Date.now() - 60_000)).toEqual([])
  expect(await blobs.collect(keep, Date.now() + 60_000)).toEqual([digestOf('left')])
  expect(await blobs.size(digestOf('kept'))).toBe(4)
  expect(await blobs.size(digestOf('left'))).toBeNull()
  expect(await blobs.uploaded({ digest: digestOf('broken off'), project: 'default' })).toBe(0)
})

test('a file under way in one project tells another nothing, and cannot be finished by it', async () => {
  const blobs = await openBlobs(folder)
  const text = 'somebody’s model'
  const bytes = Buffer.from(text)
  const digest = digestOf(text)
  const put = (project: string, from: number, until: number) =>
    blobs.write({
      ...{ digest, project, offset: from, totalBytes: bytes.length },
      chunks: Readable.from([bytes.subarray(from, until)]),
    })
  expect(await put('a', 0, 9)).toMatchObject({ ok: true, complete: false, uploadedBytes: 9 })
  expect(await blobs.uploaded({ digest, project: 'b' })).toBe(0)
  expect(await put('b', 9, bytes.length)).toMatchObject({ ok: false, uploadedBytes: 0 })
  expect(await put('a', 9, bytes.length)).toMatchObject({ ok: true, complete: true })
  expect(await put('b', 0, bytes.length)).toMatchObject({ ok: true, complete: true })
})

test('two who upload one file at once do not mix their bytes', async () => {
  const blobs = await openBlobs(folder)
  const text = 'x'.repeat(200_000)
  const bytes = Buffer.from(text)
  const grant = { digest: digestOf(text), project: 'a' }
  const chunks = () => Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)])
  const put = () => blobs.write({ ...grant, offset: 0, totalBytes: bytes.length, chunks: chunks() })
  const outcomes = await Promise.all([put(), put(), put()])
  expect(outcomes.every(({ ok }) => ok)).toBe(true)
  expect(await blobs.size(grant.digest)).toBe(bytes.length)
})
