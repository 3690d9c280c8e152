// Make folder
//
// A folder and those above it. Node's own recursive `mkdir` turns for ever where a folder is there and takes no other one
// in it, and says that there is none, as /proc does.

import { mkdirSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isMissing } from './unreadable.ts'

/** Makes what is missing of the path, with this mode. Throws what the system says. */
export function makeFolder(path: string, mode = 0o777): void {
  const make = () => mkdirSync(path, { mode })
  if (tried(make, path) === null) return
  const above = dirname(resolve(path))
  if (!isFolder(above)) makeFolder(above, mode) // else somebody has made it meanwhile
  const missing = tried(make, path)
  if (missing !== null) throw missing
}

/** The same, for a thread that others wait for. */
export async function placeFolder(path: string, mode = 0o777): Promise<void> {
  const make = () => mkdir(path, { mode })
  if ((await triedSoon(make, path)) === null) return
  const above = dirname(resolve(path))
  if (!isFolder(above)) await placeFolder(above, mode)
  const missing = await triedSoon(make, path)
  if (missing !== null) throw missing
}

/** Null once the folder is there, or the error that says that it can be in none. */
function tried(make: () => void, path: string): Error | null {
  try {
    make()
    return null
  } catch (error) {
    return missingIn(error, path)
  }
}

async function triedSoon(make: () => Promise<void>, path: string): Promise<Error | null> {
  try {
    await make()
    return null
  } catch (error) {
    return missingIn(error, path)
  }
}

function missingIn(error: unknown, path: string): Error | null {
  if (isFolder(path)) return null
  if (error instanceof Error && isMissing(error)) return error
  throw error
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
