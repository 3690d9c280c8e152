import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { layOutFiles } from './lay-out-files.ts'

test('two deployments of one release lay out the same files at once, over what lay there before', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-layout-'))
  try {
    const files = ['model.onnx', 'data/weights.bin'].map((path, i) => {
      const at = join(folder, `blob${i}`)
      writeFileSync(at, path)
      return { path, at }
    })
    const target = join(folder, 'files')
    await layOutFiles(target, files.slice(1))
    symlinkSync(join(folder, 'gone'), join(target, 'model.onnx'))
    await Promise.all(Array.from({ length: 50 }, () => layOutFiles(target, files)))
    for (const { path } of files) expect(readFileSync(join(target, path), 'utf8')).toBe(path)
    expect(readdirSync(target).sort()).toEqual(['data', 'model.onnx'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
