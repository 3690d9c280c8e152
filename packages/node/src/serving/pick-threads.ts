// Pick threads
//
// How many threads one run of a model may use. A machine shared with others gives only what is free:
// threads beyond that spin against each other and make every run slower.

/** What decides on the number of threads. */
export interface ThreadFacts {
  /** What the operator wants, null where nobody said. */
  readonly wanted: number | null
  readonly cores: number
  /** Average number of runnable processes in the last minute; 0 where the system does not tell. */
  readonly load: number
}

// 8: the models that run on nodes gain little beyond, and each model on the node has threads of its own.
const threadsMax = 8

/** The explicit wish, or as many cores as are free, at least one. */
export function pickThreads({ wanted, cores, load }: ThreadFacts): number {
  if (wanted !== null) return wanted
  return Math.min(threadsMax, Math.max(1, Math.floor(cores - load)))
}
