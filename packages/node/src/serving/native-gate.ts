// Native gate
//
// A thread that is terminated while ONNX Runtime's native code runs in it takes the whole process with it:
// back from its run the addon throws where nobody can catch any more, and C++ aborts. So the thread says
// when it is inside, and who ends it asks first. One that is inside ends itself as it comes out.
//
// Invariants:
//   A1. Once `close` has said true the thread enters native code no more; once it has said false the thread
//       ends itself. Each side writes its own cell before it reads the other's, and Atomics keep that order:
//       one of the two sees the other (E. W. Dekker's mutual exclusion).

/** What both sides hold: two cells of shared memory. */
export type NativeGateCells = Int32Array<SharedArrayBuffer>

const insideCell = 0
const closedCell = 1

export function createNativeGate(): NativeGateCells {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
}

/** Said by who ends the thread: whether it may be terminated. If not, it ends itself. */
export function closeNativeGate(cells: NativeGateCells): boolean {
  Atomics.store(cells, closedCell, 1)
  return Atomics.load(cells, insideCell) === 0
}

/** Said by the thread, around each call into native code. From a closed gate nothing comes back. */
export async function withinNativeGate<T>(
  cells: NativeGateCells,
  endThread: () => never,
  act: () => Promise<T>,
): Promise<T> {
  Atomics.store(cells, insideCell, 1)
  try {
    if (Atomics.load(cells, closedCell) === 1) endThread()
    return await act()
  } finally {
    Atomics.store(cells, insideCell, 0)
    if (Atomics.load(cells, closedCell) === 1) endThread()
  }
}
