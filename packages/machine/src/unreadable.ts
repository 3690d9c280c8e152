// Unreadable
//
// What is said of a file that could not be taken in. Who deletes one that was only kept from being read, for want of a
// descriptor or a right, loses what is in it.

/** The reason, after what helps where the file itself is spoilt. */
export function whyUnreadable(error: unknown, hint: string): string {
  const reason = error instanceof Error ? error.message : String(error)
  const isMachines = error instanceof Error && 'syscall' in error
  return isMachines ? reason : `${hint} (${reason})`
}

/** True for a file that is not there. */
export function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
}
