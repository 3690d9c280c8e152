// Write durably
//
// A file that is replaced as a whole: whatever ends the process or the machine, and however full the disk is, the file
// is the old one or the new one, and once this has returned it is the new one.

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder, placeFolder } from './make-folder.ts'

/**
 * Replaces a file that this user alone may read; folders on the way to it are made. One writer at a
 * time. Throws what the system says; the old file is as it was then.
 */
export function writeDurably(path: string, text: string): void {
  const folder = dirname(path)
  makeFolder(folder)
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

/** The same, for a thread that others wait for: a disk may take a second to say that it has it. */
export async function placeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path)
  await placeFolder(folder)
  const temporary = `${path}.new`
  try {
    await flushed(temporary, 'w', text)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await flushed(folder, 'r', null)
}

async function flushed(path: string, flags: 'w' | 'r', text: string | null): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    if (text !== null) await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

function held(file: number, use: (file: number) => void): void {
  try {
    use(file)
  } finally {
    closeSync(file)
  }
}
