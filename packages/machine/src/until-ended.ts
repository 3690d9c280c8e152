// Until ended
//
// How a process that was started here came to its end.

import type { ChildProcess } from 'node:child_process'

/**
 * Resolves with its exit code, its signal, or why it was never there (there may be no room for one
 * more). To be called before it ends: as it is started, or while it runs.
 */
export function untilEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(String(signal ?? code)))
    child.on('error', (error) => resolve(error.message)) // then it has no exit
  })
}
