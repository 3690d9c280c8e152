// Watch file limit
//
// Every connection is an open file, and how many a process may have is bounded. Beyond that the system takes callers'
// connections and closes them, and tells nobody: so it is tried now and then whether one more can be opened.

import { closeSync, openSync, readFileSync } from 'node:fs'

type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void

const tryMs = 1_000
const quietMs = 60_000 // from one line to the next

/** Says so, with the hint what to do, once a minute; what comes back ends it. */
export function watchFileLimit(log: Log, hint: string, open = openOne): () => void {
  const limit = readLimit() // where none can be opened, it cannot be read
  let isQuiet: NodeJS.Timeout | null = null
  const trying = setInterval(() => {
    if (isQuiet !== null || !isRefused(open)) return
    log('no more connections can be opened: callers are cut off', { limit, hint })
    isQuiet = setTimeout(() => {
      isQuiet = null
    }, quietMs).unref()
  }, tryMs).unref()
  return () => {
    clearInterval(trying)
    if (isQuiet !== null) clearTimeout(isQuiet)
  }
}

function openOne(): void {
  closeSync(openSync(process.execPath, 'r'))
}

function isRefused(open: () => void): boolean {
  try {
    open()
    return false
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    return code === 'EMFILE' || code === 'ENFILE'
  }
}

/** Null where the system does not tell. */
function readLimit(): number | null {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1]) || null
  } catch {
    return null
  }
}
