// Replace file
//
// What commands write for others to read is there as a whole: a full disk leaves what was there before. What lies in its
// place and is no file, a pipe whose other end nobody reads, is not written into.

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { Failure } from '../failure.ts'

/** Throws `tutti/file-unwritable`. */
export function replaceFile(path: string, text: string | Uint8Array, mode: number): void {
  const draft = `${path}.${process.pid}.new` // two processes do not write one
  try {
    rmSync(draft, { force: true })
    try {
      writeFileSync(draft, text, { mode, flag: 'wx' })
      renameSync(draft, path)
    } catch (error) {
      rmSync(draft, { force: true })
      throw error
    }
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/** The failure of one that could not be written, a folder or a file. */
export function unwritable(path: string, cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new Failure('tutti/file-unwritable', `cannot write ${path}: ${reason}`, cause)
}
