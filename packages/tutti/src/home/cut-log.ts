// Cut log
//
// A part writes to its log for as long as it runs, and holds the file open. So one that has become long is copied, and cut
// to nothing where it is: what a part writes then is at its beginning, and who follows it goes on there (`log-tail.ts`).

import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'

const chunkBytes = 2 ** 20
const ownMode = 0o600

/**
 * Keeps what it held as `PATH.1`, in place of what was kept before. Lines that are written in the
 * microseconds between the last look and the cut are lost. Nothing is done where there is no room,
 * or no log.
 */
export function cutLog(path: string, bytesMax: number): void {
  const opened: number[] = []
  const open = (name: string, flags: string) => {
    const file = openSync(name, flags, ownMode)
    opened.push(file)
    return file
  }
  try {
    const log = open(path, 'r+')
    const chunk = Buffer.allocUnsafe(chunkBytes)
    if (readSync(log, chunk, 0, 1, bytesMax) === 0) return
    const kept = open(`${path}.1`, 'w')
    for (let at = 0; ; ) {
      const size = readSync(log, chunk, 0, chunkBytes, at)
      if (size === 0) break
      for (let done = 0; done < size; ) done += writeSync(kept, chunk, done, size - done)
      at += size
    }
    ftruncateSync(log)
  } catch {
    // it grows on, and is looked at again
  } finally {
    for (const file of opened) closeSync(file)
  }
}
