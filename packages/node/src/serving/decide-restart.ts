// Decide restart
//
// A worker died. Is it started again, and when? A model that keeps dying is given up: a version that
// crashes over and over must be seen as failed, so that its rollout stops.

export interface RestartPolicy {
  /** More crashes than this within the window and the model is given up. */
  readonly crashesMax: number
  readonly windowMs: number
  /** Wait before the first restart; it doubles with each crash in the window. */
  readonly delayMs: number
}

export const restartPolicy: RestartPolicy = {
  crashesMax: 5,
  windowMs: 600_000, // 10 min: longer than a sensible soak, so that a crashing model fails it
  delayMs: 100,
}

export type RestartDecision =
  | { readonly kind: 'restart'; readonly afterMs: number }
  | { readonly kind: 'give-up'; readonly crashes: number }

/** `crashesMs` are the times of all crashes so far, the latest included. */
export function decideRestart(
  policy: RestartPolicy,
  crashesMs: readonly number[],
  nowMs: number,
): RestartDecision {
  const crashes = crashesMs.filter((crashMs) => nowMs - crashMs < policy.windowMs).length
  if (crashes > policy.crashesMax) return { kind: 'give-up', crashes }
  return { kind: 'restart', afterMs: policy.delayMs * 2 ** Math.max(0, crashes - 1) }
}
