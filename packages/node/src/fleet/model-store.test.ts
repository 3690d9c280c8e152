import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BlobCache } from './blob-cache.ts'
import { openModelStore } from './model-store.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-models-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('a file that rotted on this disk is the machine’s fault: it is taken away and fetched again', async () => {
  const text = '{"model":"parts"}'
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  const blobs = new BlobCache(folder, () => 2 ** 30)
  writeFileSync(blobs.path(digest), text.replace('parts', 'trash'))
  const release = { digest, model: 'parts', version: 'v1', specBytes: text.length }
  const trust = {
    fit: { formats: ['onnx' as const], memoryBytes: 2 ** 30, labels: {} },
    ...{ variant: null, publishers: [], nowMs: 0 },
  }
  const verifying = openModelStore(blobs).verify(release, trust)
  await expect(verifying).rejects.toMatchObject({
    code: 'node/fetch-failed', // not `digest-mismatch`, which takes a rollout back
    message: expect.stringContaining('rotted'),
  })
  expect(await blobs.has({ digest, sizeBytes: text.length })).toBe(false)
})
