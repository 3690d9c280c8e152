// Write durably
//
// A file that is replaced as a whole: whatever ends the process or the machine, and however full the disk is, the file
// is the old one or the new one, and once this has returned it is the new one.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/**
 * Replaces a file that this user alone may read; folders on the way to it are made. One writer at a
 * time. Throws what the system says; the old file is as it was then.
 */
export function writeDurably(path: string, text: string): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  const temporary = `${path}.new`
  try {
    // All of it: `writeSync` writes as much as there is room for, and calls that a success.
    held(openSync(temporary, 'w', 0o600), (file) => {
      writeFileSync(file, text)
      fsyncSync(file)
    })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true }) // a full disk is not made fuller
    throw error
  }
  held(openSync(folder, 'r'), fsyncSync) // the rename itself
}

function held(file: number, use: (file: number) => void): void {
  try {
    use(file)
  } finally {
    closeSync(file)
  }
}
