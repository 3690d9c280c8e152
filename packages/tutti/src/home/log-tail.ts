// Log tail
//
// The end of a log, and what is written to it after. A log may be larger than memory, and may be moved away, begun anew, cut
// to nothing or removed while somebody follows it: nothing that was written before is lost or told twice.

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'

const chunkBytes = 2 ** 16
const lineBytesMax = 2 ** 20 // a longer one is told in pieces
const newline = 10

export type WriteLine = (line: Buffer) => void

/** Tells the lines of one log; whoever follows it calls `readOn` again and again. */
export class LogTail {
  readonly #path: string
  readonly #write: WriteLine
  #file: number | null = null // `readOn` and `close` alone write these three
  #position = 0
  #begun: Buffer[] = [] // a line whose end is not there yet

  /** Begins `lines` before the end of what is there; from its first byte where that is fewer. */
  constructor(path: string, lines: number, write: WriteLine) {
    this.#path = path
    this.#write = write
    this.#file = openIfThere(path)
    if (this.#file !== null) this.#position = startOfLast(this.#file, lines)
  }

  /** Tells every line that is whole by now. */
  readOn(): void {
    if (this.#file !== null) {
      if (fstatSync(this.#file).size < this.#position) this.#position = 0 // it was cut
      this.#tellRest(this.#file)
      if (isSame(this.#file, this.#path)) return
      this.#tellRest(this.#file) // what came until it was moved
      this.#endLine()
      closeSync(this.#file)
    }
    this.#file = openIfThere(this.#path)
    this.#position = 0
    if (this.#file !== null) this.#tellRest(this.#file)
  }

  /** Tells what there is of a line that has no end, and lets go of the file. */
  close(): void {
    this.#endLine()
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #tellRest(file: number): void {
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkBytes)
      const size = readSync(file, chunk, 0, chunkBytes, this.#position)
      if (size === 0) return
      this.#position += size
      this.#tell(chunk.subarray(0, size))
    }
  }

  #tell(bytes: Buffer): void {
    let from = 0
    for (;;) {
      const end = bytes.indexOf(newline, from)
      if (end < 0) break
      this.#begun.push(bytes.subarray(from, end))
      this.#write(Buffer.concat(this.#begun.splice(0)))
      from = end + 1
    }
    if (from < bytes.length) this.#begun.push(bytes.subarray(from))
    if (this.#begun.reduce((sum, { length }) => sum + length, 0) > lineBytesMax) this.#endLine()
  }

  #endLine(): void {
    if (this.#begun.length > 0) this.#write(Buffer.concat(this.#begun.splice(0)))
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** False where another one is at this path by now; one that was only removed may go on. */
function isSame(file: number, path: string): boolean {
  const now = statSync(path, { throwIfNoEntry: false })
  if (now === undefined) return true
  const own = fstatSync(file)
  return now.ino === own.ino && now.dev === own.dev
}

/** Where the last `lines` lines begin, read from the end. */
function startOfLast(file: number, lines: number): number {
  const { size } = fstatSync(file)
  if (lines === 0) return size
  const chunk = Buffer.allocUnsafe(chunkBytes)
  let wanted = lines
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkBytes)
    const read = readSync(file, chunk, 0, end - start, start)
    let at = end === size ? read - 1 : read // the newline at the end ends the last line
    for (;;) {
      at = at > 0 ? chunk.lastIndexOf(newline, at - 1) : -1
      if (at < 0) break
      wanted -= 1
      if (wanted === 0) return start + at + 1
    }
    end = start
  }
  return 0
}
