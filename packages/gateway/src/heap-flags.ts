// Heap flags
//
// How Node is started for a gateway. What it holds for long is small, some 25 MB, and the bytes of requests lie beside
// V8's heap; V8 counts them into what may come before it looks through all that lives long. With little room for them it
// does so for every fifty requests of 100 KB: at 20 percent such a request cost three times the CPU, and one of 1 KB half
// more. What V8 chooses by itself is now more, now less, and slowest where the machine is busy.
//
// What is young is looked through when it fills its room, or when 32 MB of bytes lie beside it, which is as much as 140
// percent leave: it happened for every 900 requests of 100 KB, and they took a fifth more. 4 MB are full after 25 MB of
// bytes, and 160 percent leave 33. A worker holds 10 MB less than with 8 MB; requests of 1 KB notice neither.

import { setFlagsFromString } from 'node:v8'

const growing = '--heap-growing-percent=160'

/** For `node`, before the program. */
export const heapFlags: readonly string[] = [growing, '--max-semi-space-size=4']

/**
 * For the environment, where glibc allocates: what is freed beside V8's heap goes back to the
 * system, and not each thread has a store of its own. A worker holds 7 MB less for the same CPU.
 */
export const heapEnv = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  MALLOC_MMAP_THRESHOLD_: '131072',
} as const

/** The flags of a process that runs already: its young have the room that they have. */
export function spareHeap(): void {
  setFlagsFromString(growing)
}
