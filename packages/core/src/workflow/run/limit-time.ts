// Limit time
//
// Runs something with an end: past its time, or on a fault, it is over with an error.

import { type Done, type Site, type Stage, turn } from './stage.ts'
import { Fault, standardError, type WorkflowError } from './workflow-error.ts'

export type Run = (site: Site, done: Done) => void

/** Runs with a limit of time; past it, the result is a timeout error. */
export function limitTime(
  stage: Stage,
  site: Site,
  afterMs: number,
  { run, done }: { readonly run: Run; readonly done: Done },
): void {
  const { scope } = site
  const activity = stage.open(scope.activity)
  const clock = turn(scope, '!timeout')
  stage.wait(clock, stage.nowMs() + afterMs, () => {
    stage.close(activity)
    const error = standardError('timeout', `not done after ${afterMs} ms`)
    done({ ok: false, error: { ...error, instance: scope.reference } })
  })
  run({ ...site, scope: { ...scope, activity } }, (result) => {
    stage.cancel(clock.key)
    done(result)
  })
}

/** Runs the turn; a fault in it is the task's error. */
export function guarded(fail: (error: WorkflowError) => void, turnOf: () => void): void {
  try {
    turnOf()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    fail(error.error)
  }
}
