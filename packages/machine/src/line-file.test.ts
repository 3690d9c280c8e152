import fs, {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { LineFile } from './line-file.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-lines-'))
  folders.push(folder)
  return join(folder, 'deep', 'lines')
}

test('lines are read as they were written, by whoever reads them', () => {
  const path = newPath()
  const file = new LineFile(path)
  expect([file.read(), file.state()]).toEqual([null, 'missing'])
  file.replace('first')
  file.append('sécond')
  file.append('')
  expect(file.read()).toEqual(['first', 'sécond', ''])
  expect(new LineFile(path).read()).toEqual(['first', 'sécond', ''])
  expect([file.state(), file.bytes]).toEqual(['as-written', readFileSync(path).length])
  file.replace('third')
  expect(file.read()).toEqual(['third'])
})

test('what was not written whole is no line', () => {
  const path = newPath()
  new LineFile(path).replace('first')
  appendFileSync(path, 'seco')
  expect(new LineFile(path).read()).toEqual(['first'])
  writeFileSync(path, 'one that ends without an end')
  expect(new LineFile(path).read()).toEqual(['one that ends without an end'])
})

test.each([
  [1, 'as-written'],
  [2, 'changed'],
])(
  'a line that a disk failed to take %d times is taken back there, too: %s (F1)',
  (times, state) => {
    const file = new LineFile(newPath())
    file.replace('first')
    const { fdatasyncSync, ftruncateSync } = fs
    const said: string[] = []
    fs.fdatasyncSync = (handle) => {
      said.push('sync')
      if (said.length <= times * 2 - 1) throw new Error('EIO')
      fdatasyncSync(handle)
    }
    fs.ftruncateSync = (handle, length) => {
      said.push('truncate')
      ftruncateSync(handle, length)
    }
    syncBuiltinESMExports()
    try {
      expect(() => file.append('second')).toThrow('EIO')
    } finally {
      Object.assign(fs, { fdatasyncSync, ftruncateSync })
      syncBuiltinESMExports()
    }
    expect(said).toEqual(['sync', 'truncate', 'sync'])
    expect([file.read(), file.state()]).toEqual([['first'], state])
  },
)

test('nothing is written behind what another has written', () => {
  const path = newPath()
  const file = new LineFile(path)
  file.replace('mine')
  appendFileSync(path, 'another\n')
  expect(file.state()).toBe('changed')
  expect(() => file.append('more')).toThrow(`${path} has been changed`)
  expect(readFileSync(path, 'utf8')).toBe('mine\nanother\n')
  file.replace('mine')
  writeFileSync(`${path}.other`, 'mine\n') // as long, and another file
  renameSync(`${path}.other`, path)
  expect(file.state()).toBe('changed')
  file.replace('mine')
  writeFileSync(path, 'his!\n') // in the same file, as long
  utimesSync(path, 1, 1) // clocks of files go on in steps
  expect(file.state()).toBe('changed')
  rmSync(path)
  expect(file.state()).toBe('missing')
  expect(() => file.append('more')).toThrow(/ENOENT/)
  expect(new LineFile(path).state()).toBe('missing')
})
