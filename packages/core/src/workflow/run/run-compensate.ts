// Run compensate
//
// `tutti.compensate`: a list of tasks that is done, or undone (a saga). A task in it says under `metadata.tutti.undo` what
// takes it back; where the list fails, what was completed is taken back, the last one first, and then the list's error is
// the task's. Every step of an undo is a step of the journal.
//
//   C1. What was completed is undone, whether in a loop, a branch or another attempt; what was not is not.
//   C3. It is undone, too, where it is stopped: by a limit of time, by another branch, by a cancellation of the run.
//   C2. An undo that fails keeps no other from being tried; that it failed is said, instead of the list's error.

import type { Json } from '../../resource/index.ts'
import { parseTaskList, type Task } from '../document/index.ts'
import { asJson } from './as-json.ts'
import { limitTime } from './limit-time.ts'
import { millisecondsOf } from './resolve.ts'
import {
  type Activity,
  type Body,
  type Done,
  inside,
  type Saga,
  type Site,
  type Stage,
} from './stage.ts'
import { taskOf } from './task-of.ts'
import { fault, standardError, type WorkflowError } from './workflow-error.ts'

const stepsMax = 10_000 // to undo: each holds its input and output

export const runCompensate: Body = (stage, site, done) => {
  const given = new Map(Object.entries(asJson(taskOf(site, 'call').with ?? {}) ?? {}))
  const parsed = parseTaskList(given.get('do'))
  if (!parsed.ok) fault('configuration', `compensate: ${parsed.reason}`)
  const saga: Saga = { steps: [] }
  const activity = stage.open(site.scope.activity)
  // Whatever stops it, a limit of time around it or a cancellation of the run: it is undone. C3
  const forget = stage.onStop(activity, (at, undone) => undo(stage, site, { saga, at }, undone))
  const ended: Done = (result) => {
    forget()
    stage.close(activity)
    if (!result.ok) {
      undoFailed(stage, site, { saga, error: result.error }, done)
      return
    }
    // What is done here is undone with what it is a part of.
    site.scope.saga?.steps.push(...saga.steps)
    done(result)
  }
  const run = (inner: Site, then: Done) => {
    const scope = inside({ ...inner.scope, saga }, 'with/do')
    if (parsed.ok) stage.runList(parsed.list, scope, site.input, then)
  }
  const within = { ...site, scope: { ...site.scope, activity } }
  const limit = given.get('within')
  if (limit === undefined) run(within, ended)
  else limitTime(stage, within, millisecondsOf(stage, site, limit), { run, done: ended })
}

/** What undoes a task, as its metadata says; null where nothing does. */
export function undoIn(task: Task): unknown {
  const tutti = task.metadata?.['tutti']
  const isObject = typeof tutti === 'object' && tutti !== null && !Array.isArray(tutti)
  return isObject ? (Object.entries(tutti).find(([key]) => key === 'undo')?.[1] ?? null) : null
}

/** Notes a completed task that can be undone, where somebody may want it undone. C1 */
export function noteStep({ item, scope, input }: Site, output: Json): void {
  const { saga } = scope
  if (saga === null) return
  const undo = undoIn(item.task)
  if (undo === null) return
  const parsed = parseTaskList(undo)
  if (!parsed.ok) fault('configuration', `the undo of ${item.name}: ${parsed.reason}`)
  if (saga.steps.length >= stepsMax) fault('runtime', `compensate undoes ${stepsMax} steps at most`)
  if (parsed.ok) saga.steps.push({ list: parsed.list, scope, input: { input, output } })
}

/** The list's error is the task's, once what was done is undone. */
function undoFailed(
  stage: Stage,
  site: Site,
  { saga, error }: { readonly saga: Saga; readonly error: WorkflowError },
  done: Done,
): void {
  stage.undo((at, undone) =>
    undo(stage, site, { saga, at }, (failures) => {
      const isWanted = !stage.isOver(site.scope.activity)
      undone(isWanted ? [] : failures) // the task says it, else the run's end
      if (!isWanted) return
      done({ ok: false, error: failures.length === 0 ? error : notUndone(error, failures) })
    }),
  )
}

function undo(
  stage: Stage,
  site: Site,
  { saga, at }: { readonly saga: Saga; readonly at: Activity },
  done: (failures: readonly string[]) => void,
): void {
  const failures: string[] = []
  const next = (index: number): void => {
    const step = saga.steps[index]
    if (step === undefined) {
      done(failures)
      return
    }
    const { names, values, reference } = step.scope
    const seen = { names, values, reference: `${reference}/metadata/tutti/undo` }
    const scope = { ...inside(site.scope, `undo/${index}`), ...seen, activity: at }
    stage.soon(scope, () =>
      stage.runList(step.list, scope, step.input, (result) => {
        if (!result.ok) failures.push(`${reference}: ${sayError(result.error)}`) // C2
        next(index - 1)
      }),
    )
  }
  next(saga.steps.length - 1)
}

function notUndone(error: WorkflowError, failures: readonly string[]): WorkflowError {
  const detail = `after "${sayError(error)}" not everything was undone: ${failures.join('; ')}`
  return standardError('runtime', detail)
}

function sayError({ detail, title, type }: WorkflowError): string {
  return detail ?? title ?? type
}
