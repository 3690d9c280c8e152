// Virtual time
//
// A clock that jumps from one due call to the next. Between two calls every promise that can settle does:
// the same seed gives the same history.

/** A process's view of time; its calls die with it. */
export interface ProcessClock {
  readonly nowMs: () => number
  readonly steadyMs: () => number
  readonly schedule: (delayMs: number, call: () => void) => () => void
}

interface Due {
  readonly atMs: number
  readonly order: number
  readonly call: () => void
}

export class VirtualTime {
  /** A binary heap by time, then by the order in which calls were asked for. */
  readonly #heap: Due[] = []
  #nowMs = 0
  #order = 0

  get nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, call: () => void): () => void {
    let isWanted = true
    this.#push({
      atMs: this.#nowMs + Math.max(0, delayMs),
      order: this.#order++,
      call: () => {
        if (isWanted) call()
      },
    })
    return () => {
      isWanted = false
    }
  }

  /** A clock for a process that may be killed and whose wall clock may be wrong. */
  process(life: { readonly isAlive: () => boolean; readonly skewMs: () => number }): ProcessClock {
    const startMs = this.#nowMs
    return {
      nowMs: () => this.#nowMs + life.skewMs(),
      steadyMs: () => 1e9 + this.#nowMs - startMs,
      schedule: (delayMs, call) =>
        this.schedule(delayMs, () => {
          if (life.isAlive()) call()
        }),
    }
  }

  /** Runs all that is due until `untilMs`, or until `isOver` says so after a call. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#pop()
      this.#nowMs = next.atMs
      next.call()
      await settled()
      if (isOver()) return
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(due)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || isBefore(parent, due)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      const right = heap[2 * at + 2]
      const isRight = right !== undefined && left !== undefined && isBefore(right, left)
      const least = isRight ? right : left
      if (least === undefined || isBefore(last, least)) break
      heap[at] = least
      at = isRight ? 2 * at + 2 : 2 * at + 1
    }
    heap[at] = last
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** When every promise that can settle has: they all run before the next turn of the event loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
