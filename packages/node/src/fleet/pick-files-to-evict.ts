// Pick files to evict
//
// Which files a disk budget costs: never one that is needed, and of the others the least recently used
// first. What stays is there at once for a rollback, without a download.

export interface CachedFile {
  readonly name: string
  readonly sizeBytes: number
  readonly usedMs: number
  readonly isNeeded: boolean
}

export interface EvictionPlan {
  readonly evict: readonly CachedFile[]
  /** Bytes that still lie over the budget when all that may go is gone. */
  readonly overBytes: number
}

/** `budgetBytes` is for all files together; the plan evicts no more than it must. */
export function pickFilesToEvict(files: readonly CachedFile[], budgetBytes: number): EvictionPlan {
  let bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const evict: CachedFile[] = []
  const oldestFirst = files.filter(({ isNeeded }) => !isNeeded).sort((a, b) => a.usedMs - b.usedMs)
  for (const file of oldestFirst) {
    if (bytes <= budgetBytes) break
    evict.push(file)
    bytes -= file.sizeBytes
  }
  return { evict, overBytes: Math.max(0, bytes - budgetBytes) }
}
