// A folder is made with those above it, or it is said why not.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeFolder, placeFolder } from './make-folder.ts'

test('folders that are there stay, those that are missing have the mode, and a file in the way is said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-folder-'))
  try {
    await placeFolder(join(folder, 'a/b/c'), 0o700)
    await placeFolder(join(folder, 'a/b/c'), 0o755)
    makeFolder(join(folder, 'a/b/c'), 0o755)
    expect(['a', 'a/b', 'a/b/c'].map((one) => statSync(join(folder, one)).mode & 0o777)).toEqual(
      Array.from({ length: 3 }, () => 0o700),
    )
    writeFileSync(join(folder, 'file'), '')
    expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST')
    expect(() => makeFolder(join(folder, 'file/below'))).toThrow('ENOTDIR')
    await expect(placeFolder(join(folder, 'file'))).rejects.toThrow('EEXIST')
    await expect(placeFolder(join(folder, 'file/below'))).rejects.toThrow('ENOTDIR')
    makeFolder(join(folder, 'd/e'), 0o700)
    expect(statSync(join(folder, 'd')).mode & 0o777).toBe(0o700)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('many may make what is missing at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-folder-'))
  try {
    for (let round = 0; round < 50; round++) {
      const paths = Array.from({ length: 8 }, (_, i) => join(folder, `${round}/a/b/c/${i % 4}`))
      await Promise.all(paths.map((path) => placeFolder(path)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test.runIf(process.platform === 'linux')('where no folder can be it says so, and ends', () => {
  const dist = new URL('../dist/index.js', import.meta.url)
  const paths = ['/proc/tutti', '/proc/tutti/below', '/proc/self/fd/x']
  const calls = paths.flatMap((path) => [`makeFolder('${path}')`, `await placeFolder('${path}')`])
  for (const call of calls) {
    const program = `import { makeFolder, placeFolder } from '${dist}'; ${call}`
    const options = { encoding: 'utf8', timeout: 60_000 } as const // else it would never end
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], options)
    expect(stderr).toContain('ENOENT: no such file or directory, mkdir')
  }
})
