// Heap flags
//
// How Node is started for a gateway. What it holds for long is small, some 30 MB, and the bytes of requests lie beside
// V8's heap; V8 counts them into what may come before it looks through all that lives long. With little room for them it
// does so for every fifty requests of 100 KB: at 20 percent such a request cost three times the CPU, and one of 1 KB half
// more. What V8 chooses by itself is now more, now less, and slowest where the machine is busy. More than as much again as
// lives is enough for those bytes to be forgotten by the short looks alone: 140 percent cost no more than 200 and hold
// less. Half of the room for what is young holds 15 MB less; requests of 1 KB do not notice.

import { setFlagsFromString } from 'node:v8'

const growing = '--heap-growing-percent=140'

/** For `node`, before the program. */
export const heapFlags: readonly string[] = [growing, '--max-semi-space-size=8']

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
