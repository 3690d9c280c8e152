// Clock
//
// Time as the fleet's rooms see it. A simulated world gives them another one.

export interface Clock {
  readonly nowMs: () => number
  /** Calls once after `delayMs`; the answer takes the call back. */
  readonly schedule: (delayMs: number, call: () => void) => () => void
}

/** The machine's own. Its timers keep no process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  schedule: (delayMs, call) => {
    const timer = setTimeout(call, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
