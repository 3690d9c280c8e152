import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { golden, modelSpec } from '@tutti/core/fleet'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeModels } from './make-models.ts'
import type { MadeModel } from './model-folder.ts'
import { quickEffort } from './parts-models.ts'

let outFolder: string
let made: readonly MadeModel[]

beforeAll(async () => {
  outFolder = await mkdtemp(join(tmpdir(), 'tutti-models-'))
  made = await makeModels(outFolder, quickEffort)
})

afterAll(() => rm(outFolder, { recursive: true, force: true }))

test('every version has its folder', () => {
  expect(made.map(({ folder }) => folder)).toEqual(
    ['parts-v1', 'parts-v2', 'parts-v3', 'parts-v4', 'vibration-v1'].map((name) =>
      join(outFolder, name),
    ),
  )
})

test('every spec is a valid Model whose files are there, with their digests and sizes', async () => {
  for (const { folder, spec } of made) {
    const text = await readFile(join(folder, 'model.json'), 'utf8')
    expect(modelSpec.parse(JSON.parse(text))).toEqual(spec)
    for (const variant of spec.variants) {
      for (const file of variant.files) {
        const bytes = await readFile(join(folder, file.path))
        const hex = createHash('sha256').update(bytes).digest('hex')
        expect(file).toMatchObject({ digest: `sha256:${hex}`, sizeBytes: bytes.length })
      }
      expect(variant.files.map(({ path }) => path)).toContain(variant.golden)
    }
    golden.parse(JSON.parse(await readFile(join(folder, 'golden.json'), 'utf8')))
  }
})

test('making them again gives the same digests', async () => {
  const again = await makeModels(join(outFolder, 'again'), quickEffort)
  expect(again.map(({ spec }) => spec)).toEqual(made.map(({ spec }) => spec))
})
