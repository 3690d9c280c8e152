// What commands write goes where it can, or is refused in words: none waits for ever, and nothing is left in part.

import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addingModel } from '../../node/src/serving/tiny-onnx.ts'
import { file, folder, tutti, useControlPlane } from './cli-bed.fixture.ts'
import { replaceFile } from './home/index.ts'

useControlPlane()

const model = join(folder, 'model')

test('a model is described and pulled where a pipe lies in the place of its file', async () => {
  mkdirSync(model)
  writeFileSync(join(model, 'model.onnx'), addingModel(1))
  const pipe = join(model, 'model.yaml')
  execFileSync('mkfifo', [pipe, join(model, 'golden.json')])
  const init = ['model', 'init', join(model, 'model.onnx'), '--name', 'adder:v1']
  expect((await tutti(...init)).err).toContain('--force')
  expect((await tutti(...init, '--force')).err).toBe('')
  expect(lstatSync(pipe).isFile()).toBe(true)
  expect((await tutti('model', 'push', model)).err).toBe('')
})

test('where no folder can be each says so', async () => {
  const places = [file('taken', 'x'), join(folder, 'taken', 'below')]
  if (process.platform === 'linux') places.push('/proc/tutti')
  for (const place of places) {
    for (const [args, code] of [
      [['ledger', 'export', place], 'ledger/unwritable'],
      [['backup', place], 'control-plane/backup-unusable'],
      [['model', 'pull', 'adder:v1', place], 'tutti/file-unwritable'],
    ] as const) {
      const { status, err } = await tutti(...args)
      expect([args, status, err]).toEqual([args, 1, expect.stringContaining(`[${code}]`)])
      expect(err).not.toContain('TUTTI_HOME')
    }
  }
})

test('a file that cannot be replaced is as it was, and no draft is left', () => {
  const held = join(folder, 'held')
  mkdirSync(join(held, 'name'), { recursive: true })
  expect(() => replaceFile(join(held, 'name'), 'text', 0o644)).toThrow(/^cannot write .*name: /)
  expect(readdirSync(held)).toEqual(['name'])
})
