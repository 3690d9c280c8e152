import {
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { prepareLibraries } from './native-postgres.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-native-')))
  folders.push(folder)
  return folder
}

function makePackage(version: string): string {
  const folder = makeFolder()
  mkdirSync(join(folder, 'native/lib'), { recursive: true })
  writeFileSync(join(folder, `native/lib/libpq.so.${version}`), '')
  declare(folder, version)
  return folder
}

function declare(folder: string, version: string): void {
  const source = `native/lib/libpq.so.${version}`
  const links = [{ source, target: 'native/lib/libpq.so.5' }]
  writeFileSync(join(folder, 'native/pg-symlinks.json'), JSON.stringify(links))
}

test('libraries get their other names beside them, again where they are of another version', () => {
  const folder = makePackage('5.18')
  const own = join(makeFolder(), 'libraries')
  for (const version of ['5.18', '5.18', '5.19']) {
    declare(folder, version)
    expect(prepareLibraries(folder, own, { A: 'b' })).toEqual({ A: 'b' })
    expect(readlinkSync(join(folder, 'native/lib/libpq.so.5'))).toBe(`libpq.so.${version}`)
  }
})

test.skipIf(process.platform !== 'linux')(
  'libraries of a package that this user may not write to get them in a folder of its own',
  () => {
    const folder = makePackage('5.18')
    rmSync(join(folder, 'native/lib'), { recursive: true })
    symlinkSync('/sys/kernel', join(folder, 'native/lib')) // not even root makes a file there
    const own = join(makeFolder(), 'data/libraries')
    const beside = join(folder, 'native/lib')
    for (const version of ['5.18', '5.18', '5.19']) {
      declare(folder, version)
      const found = prepareLibraries(folder, own, { A: 'b', LD_LIBRARY_PATH: '/opt/lib' })
      expect(found).toEqual({ A: 'b', LD_LIBRARY_PATH: `${own}:${beside}:/opt/lib` })
      expect(readlinkSync(join(own, 'libpq.so.5'))).toBe(join(beside, `libpq.so.${version}`))
    }
    expect(prepareLibraries(folder, own, {})).toEqual({ LD_LIBRARY_PATH: `${own}:${beside}` })
  },
)
