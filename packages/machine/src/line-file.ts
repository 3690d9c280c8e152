// Line file
//
// A file of lines that one writer keeps: another line is on disk once `append` has returned, at the cost of that line
// alone, and what was not written whole is no line. Others are noticed, not kept out.
//
// Invariants:
//   F1. A line that could not be written is not there: not in part, and not later.

import {
  type BigIntStats,
  closeSync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { isMissing } from './unreadable.ts'
import { writeDurably } from './write-durably.ts'

/** What has become of the file since it was last written here. */
export type LineFileState = 'as-written' | 'changed' | 'missing'

export class LineFile {
  readonly path: string
  /** As it was written last; written by `append` and `replace`. */
  #written: Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs'> | null = null

  constructor(path: string) {
    this.path = path
  }

  /** As it was written last. */
  get bytes(): number {
    return Number(this.#written?.size ?? 0)
  }

  /** Null where there is none. Throws what the system says. */
  read(): string[] | null {
    const text = unlessMissing(() => readFileSync(this.path, 'utf8'))
    if (text === null) return null
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    return lines.length === 0 ? [rest] : lines // one line without an end is of who wrote no others
  }

  state(): LineFileState {
    const found = unlessMissing(() => statSync(this.path, { bigint: true }))
    if (found === null) return 'missing'
    return this.#isAsWritten(found) ? 'as-written' : 'changed'
  }

  /** Throws what the system says, and where the file is not as it was written here. F1. */
  append(line: string): void {
    const file = openSync(this.path, 'r+')
    try {
      if (!this.#isAsWritten(fstatSync(file, { bigint: true }))) {
        throw new Error(`${this.path} has been changed`)
      }
      try {
        writeAll(file, Buffer.from(`${line}\n`), this.bytes)
        fdatasyncSync(file)
      } catch (error) {
        // Where that fails, too, the file has been changed.
        ftruncateSync(file, this.bytes)
        fdatasyncSync(file) // else it may be there again after a power cut
        this.#written = fstatSync(file, { bigint: true })
        throw error
      }
      this.#written = fstatSync(file, { bigint: true })
    } finally {
      closeSync(file)
    }
  }

  /** The only line from here on. Throws what the system says; the old file is as it was then. */
  replace(line: string): void {
    writeDurably(this.path, `${line}\n`)
    this.#written = statSync(this.path, { bigint: true })
  }

  #isAsWritten({ ino, size, mtimeNs }: BigIntStats): boolean {
    const written = this.#written
    // A file that replaced another may have the number of one before it.
    return ino === written?.ino && size === written.size && mtimeNs === written.mtimeNs
  }
}

/** A disk that is nearly full takes a part. */
function writeAll(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(file, bytes, at, bytes.length - at, position + at)
  }
}

function unlessMissing<Found>(look: () => Found): Found | null {
  try {
    return look()
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}
