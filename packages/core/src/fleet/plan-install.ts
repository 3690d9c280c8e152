// Plan install
//
// The node's state machine for one deployment: what to do next, given where it stands and what happened.
//
//   idle → fetch → verify → stage → probe → active → soak → committed
//                      ↘ any failure → failed(reason), serving what served before
//   committed → reverting → committed   back to a release that this machine has proven
//
// The same steps run on first install, on change, on rollback and after a reboot; a step that was done
// already is done again at no cost (a file that is there is not fetched, a worker that runs is not loaded).
//
// Invariants:
//   N1. Nothing becomes active on a machine whose probe on that machine did not pass (I2).
//   N2. A failed install leaves what served before serving.
//   N3. The model's fault is not tried again until another release is wanted; the machine's fault is,
//       after a pause that grows.
//   N4. A crash of what serves does not end the wish for something else.

import { type InstallFailure, type InstallState, isModelFault } from './install-state.ts'

/** What the node must do now; `none` means wait for an event. */
export type InstallAction =
  | { readonly kind: 'none' }
  | { readonly kind: 'fetch'; readonly release: string }
  | { readonly kind: 'verify'; readonly release: string }
  | { readonly kind: 'stage'; readonly release: string }
  | { readonly kind: 'probe'; readonly release: string }
  | { readonly kind: 'activate'; readonly release: string }
  | { readonly kind: 'soak'; readonly release: string; readonly untilMs: number }
  | { readonly kind: 'commit'; readonly release: string }
  | { readonly kind: 'deactivate' }

export type InstallEvent =
  /** Which release is wanted, null for none; told on every new assignment and at the start. */
  | { readonly kind: 'wanted'; readonly release: string | null }
  | { readonly kind: 'progress'; readonly bytesDone: number; readonly bytesTotal: number }
  /** The action that was asked for is done. `variant` is known from `stage` on. */
  | { readonly kind: 'done'; readonly action: InstallAction['kind']; readonly variant?: string }
  | { readonly kind: 'failed'; readonly reason: InstallFailure; readonly message: string }
  /** A pause is over: the end of the soak, or the time to try again. */
  | { readonly kind: 'due' }
  /** The version that serves has died for good. */
  | { readonly kind: 'crashed'; readonly release: string; readonly message: string }

export interface InstallContext {
  readonly nowMs: number
  readonly soakMs: number
  /**
   * The release committed last: what a crashed newcomer gives way to, also without a control
   * plane.
   */
  readonly committed: string | null
  /** The release that is wanted now, null for none. */
  readonly wanted: string | null
  /**
   * Failures of the machine in a row, this one included: the pause before the next try grows with
   * it.
   */
  readonly failures: number
}

export interface InstallPlan {
  readonly state: InstallState
  readonly action: InstallAction
}

export const installStart: InstallState = { phase: 'idle', serving: null }

/** After a reboot: what was committed serves first, whatever is wanted now (I3). */
export function resumeInstall(committed: string): InstallPlan {
  const state: InstallState = { phase: 'reverting', release: committed, serving: null }
  return { state, action: { kind: 'activate', release: committed } }
}

const none: InstallAction = { kind: 'none' }
const retryMsMin = 2_000
const retryMsMax = 300_000 // a cut-off node asks for a missing file every five minutes at most

/** The next state and the one thing to do about it. */
export function planInstall(
  state: InstallState,
  event: InstallEvent,
  context: InstallContext,
): InstallPlan {
  switch (event.kind) {
    case 'wanted':
      return planWanted(state, event.release)
    case 'progress':
      return {
        state: state.phase === 'fetch' ? { ...state, ...bytesOf(event) } : state,
        action: none,
      }
    case 'done':
      return planDone(state, event, context)
    case 'failed':
      return planFailed(state, event, context)
    case 'due':
      return planDue(state, context)
    case 'crashed':
      return planCrashed(state, event, context)
  }
}

function planWanted(state: InstallState, release: string | null): InstallPlan {
  if (release === null) {
    if (state.phase === 'idle') return { state, action: none }
    return { state: { phase: 'idle', serving: null }, action: { kind: 'deactivate' } }
  }
  if (state.phase !== 'idle' && state.release === release && state.phase !== 'failed') {
    return { state, action: none } // under way, or there
  }
  if (state.phase === 'failed' && state.release === release && isModelFault(state.reason)) {
    return { state, action: none } // N3
  }
  if (state.serving === release) {
    // Something else was under way or failed; what is wanted serves already and is proven.
    return { state: reverting(release), action: { kind: 'activate', release } }
  }
  return beginFetch(release, state.serving)
}

function reverting(release: string): InstallState {
  return { phase: 'reverting', release, serving: release }
}

function beginFetch(release: string, serving: string | null): InstallPlan {
  const state: InstallState = { phase: 'fetch', release, serving, bytesDone: 0, bytesTotal: 0 }
  return { state, action: { kind: 'fetch', release } }
}

function planDone(
  state: InstallState,
  { action, variant }: Extract<InstallEvent, { kind: 'done' }>,
  { nowMs, soakMs, committed, wanted }: InstallContext,
): InstallPlan {
  if (state.phase === 'idle') return { state, action: none }
  const { release, serving } = state
  const about = { release, serving }
  switch (`${state.phase} ${action}`) {
    case 'fetch fetch':
      return { state: { phase: 'verify', ...about }, action: { kind: 'verify', release } }
    case 'verify verify':
      return { state: { phase: 'stage', ...about }, action: { kind: 'stage', release } }
    case 'stage stage':
      return { state: { phase: 'probe', ...about }, action: { kind: 'probe', release } }
    case 'probe probe': // N1: the only way to `active`
      return { state: { phase: 'active', ...about }, action: { kind: 'activate', release } }
    case 'active activate': {
      const soaking: InstallState = { phase: 'soak', release, serving: release, sinceMs: nowMs }
      return { state: soaking, action: { kind: 'soak', release, untilMs: nowMs + soakMs } }
    }
    case 'failed activate': // the release before serves again in the place of one that crashed
      return planWanted({ ...state, serving: committed }, wanted) // N4
    case 'reverting activate':
    case 'soak commit':
      return {
        state: { phase: 'committed', release, serving: release, variant: variant ?? '' },
        action: action === 'commit' ? none : { kind: 'commit', release },
      }
    default:
      return { state, action: none } // an answer to a question that is no longer asked
  }
}

function planFailed(
  state: InstallState,
  { reason, message }: Extract<InstallEvent, { kind: 'failed' }>,
  { nowMs, failures, wanted }: InstallContext,
): InstallPlan {
  if (state.phase === 'idle') return { state, action: none }
  if (state.phase === 'failed') return planWanted(state, wanted) // N4: no way back either
  const { release, serving } = state
  const failed = { phase: 'failed', release, serving, reason, message } as const // N2
  if (isModelFault(reason)) return { state: failed, action: none } // N3
  const pauseMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(16, Math.max(0, failures - 1)))
  return { state: { ...failed, retryAtMs: nowMs + pauseMs }, action: none }
}

function planDue(state: InstallState, { nowMs, soakMs }: InstallContext): InstallPlan {
  if (state.phase === 'soak' && nowMs >= state.sinceMs + soakMs) {
    return { state, action: { kind: 'commit', release: state.release } }
  }
  if (state.phase === 'soak') {
    // The soak became longer since the pause was set.
    const untilMs = state.sinceMs + soakMs
    return { state, action: { kind: 'soak', release: state.release, untilMs } }
  }
  if (state.phase === 'failed' && state.retryAtMs !== undefined && nowMs >= state.retryAtMs) {
    return beginFetch(state.release, state.serving)
  }
  return { state, action: none }
}

function planCrashed(
  state: InstallState,
  { release, message }: Extract<InstallEvent, { kind: 'crashed' }>,
  { committed }: InstallContext,
): InstallPlan {
  if (state.phase === 'idle' || state.serving !== release) return { state, action: none }
  const isBackThere = committed !== null && committed !== release
  if (!isBackThere && state.release !== release) {
    return { state: { ...state, serving: null }, action: none } // N4: what is under way goes on
  }
  const failed = { phase: 'failed', serving: null, reason: 'crashed', message } as const
  const action: InstallAction = isBackThere ? { kind: 'activate', release: committed } : none
  return { state: { ...failed, release }, action }
}

function bytesOf({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }) {
  return { bytesDone, bytesTotal }
}
