// Heap flags
//
// How Node is started for a gateway. What it holds for long is small, some 30 MB, and the bytes of requests lie beside
// V8's heap; V8 counts them into what may come before it looks through all that lives long. With little room for them it
// does so for every fifty requests of 100 KB: at 20 percent such a request cost three times the CPU, and one of 1 KB half
// more. What V8 chooses by itself is now more, now less, and slowest where the machine is busy. Three times as much as
// lives is enough for those bytes to be forgotten by the short looks alone.

import { setFlagsFromString } from 'node:v8'

const growing = '--heap-growing-percent=200'

/** For `node`, before the program. */
export const heapFlags: readonly string[] = [growing]

/** The same for a process that runs already. */
export function spareHeap(): void {
  setFlagsFromString(growing)
}
