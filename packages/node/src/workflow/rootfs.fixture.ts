// An image of this machine's own shell: made without a registry.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const programs = ['/bin/sh', '/bin/cat', '/bin/sleep', '/usr/bin/env', '/usr/bin/head'] as const

/** Imports it under this name; gives why it cannot be, or null. */
export function importShell(runtime: string, name: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-rootfs-'))
  try {
    const libraries = programs.flatMap((path) => {
      const said = execFileSync('ldd', [path], { encoding: 'utf8' })
      return said.match(/\/\S+\.so\S*/g) ?? []
    })
    for (const path of new Set([...programs, ...libraries])) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      cpSync(realpathSync(path), join(folder, path))
    }
    const archive = join(folder, '..', `${name.replaceAll(/\W/g, '-')}.tar`)
    execFileSync('tar', ['-C', folder, '-cf', archive, '.'])
    execFileSync(runtime, ['import', archive, name], { stdio: 'pipe' })
    rmSync(archive)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
