// Plan admissions
//
// Which runs of a queue begin now. They stand in the order in which they are to begin: live ones before those of backfills, then by
// priority, then as they came. The first one that may not begin keeps those behind it waiting: nobody is overtaken by what needs less.
//
//   Q1. No run is admitted while as many as it allows are running.
//   Q2. In any time no more are admitted than its rate gives, and as many as it gives in a second.

export interface QueueState {
  /** Admitted and not ended. */
  readonly running: number
  /** When the rate lets the next one begin. */
  readonly nextAtMs: number
}

export interface WaitingRun {
  readonly run: string
  /** Runs at the same time; null: no limit. */
  readonly concurrency: number | null
  /** How long after the one before; null: no limit. */
  readonly everyMs: number | null
}

export interface AdmissionPlan {
  readonly admitted: readonly string[]
  readonly nextAtMs: number
}

const lateMs = 1_000 // between two looks: what the rate gave meanwhile is made up for

export function planAdmissions(
  state: QueueState,
  waiting: readonly WaitingRun[],
  nowMs: number,
): AdmissionPlan {
  const admitted: string[] = []
  let { nextAtMs } = state
  for (const { run, concurrency, everyMs } of waiting) {
    if (concurrency !== null && state.running + admitted.length >= concurrency) break // Q1
    if (everyMs !== null) {
      if (nextAtMs > nowMs) break // Q2
      nextAtMs = Math.max(nextAtMs, nowMs - lateMs) + everyMs
    }
    admitted.push(run)
  }
  return { admitted, nextAtMs }
}
