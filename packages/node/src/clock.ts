// Clock
//
// Time as the agent sees it. A simulated world gives it another one.

export interface Clock {
  readonly nowMs: () => number
  /** Calls once after `delayMs`; the answer takes the call back. */
  readonly schedule: (delayMs: number, call: () => void) => () => void
}

/** The machine's own. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule: (delayMs, call) => {
    const timer = setTimeout(call, delayMs)
    return () => clearTimeout(timer)
  },
}
