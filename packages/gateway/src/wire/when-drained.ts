import type { Writable } from 'node:stream'

/** Until more may be written; false where there is nobody to write to any more. */
export function whenDrained(stream: Writable): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.removeListener('drain', settle)
      stream.removeListener('close', settle)
      resolve(!stream.destroyed)
    }
    stream.once('drain', settle)
    stream.once('close', settle)
  })
}
