// Clock
//
// Time as those see it who wait for something. A simulated world gives them another one.

export interface Clock {
  /** The wall clock, which people and skew may set: for what is compared with other machines. */
  readonly nowMs: () => number
  /** Never goes back and knows no leaps: for pauses and ages inside one process. */
  readonly steadyMs: () => number
  /** Calls once after `delayMs`; the answer takes the call back. */
  readonly schedule: (delayMs: number, call: () => void) => () => void
}

/** The machine's own. Its timers keep no process alive. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  steadyMs: () => performance.timeOrigin + performance.now(),
  schedule: (delayMs, call) => {
    const timer = setTimeout(call, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
