// Run try
//
// Tasks whose errors are caught: tried again while the retry policy allows, then handled. An error that the
// catch does not match passes on.

import type { RetryPolicy } from '../document/index.ts'
import { jitterOf } from './jitter.ts'
import { guarded, limitTime } from './limit-time.ts'
import { millisecondsOf, retryOf } from './resolve.ts'
import {
  type Body,
  type Done,
  inside,
  type Site,
  type Stage,
  turn,
  withVariables,
} from './stage.ts'
import { taskOf } from './task-of.ts'
import { catches, type WorkflowError } from './workflow-error.ts'

export const runTry: Body = (stage, site, done) => {
  const task = taskOf(site, 'try')
  const attempt = (count: number): void => {
    const scope = count === 1 ? site.scope : turn(site.scope, `@${count}`)
    const activity = stage.open(site.scope.activity)
    const at = { ...site, scope: { ...scope, activity } }
    const ended: Done = (result) => {
      stage.close(activity)
      if (result.ok) done(result)
      else
        guarded(
          (error) => done({ ok: false, error }),
          () => failed(result.error, count),
        )
    }
    const run = (inner: Site, then: Done) =>
      stage.runList(task.try, inside(inner.scope, 'try'), site.input, then)
    const limit = attemptLimitMs(stage, site)
    if (limit === null) run(at, ended)
    else limitTime(stage, at, limit, { run, done: ended })
  }
  const failed = (error: WorkflowError, count: number): void => {
    const scope = turn(site.scope, '', withVariables(site.scope, { [task.catch.as]: { ...error } }))
    const caught = { ...site, scope }
    if (!isCaught(stage, caught, error)) {
      done({ ok: false, error })
      return
    }
    const delayMs = retryDelayMs(stage, caught, count)
    if (delayMs === null) handle(stage, caught, error, done)
    else {
      const clock = turn(site.scope, `@${count}!retry`)
      stage.wait(clock, stage.nowMs() + delayMs, () => {
        stage.tell('retried', site.item, site.scope)
        attempt(count + 1)
      })
    }
  }
  attempt(1)
}

function isCaught(stage: Stage, site: Site, error: WorkflowError): boolean {
  const { errors, when, exceptWhen } = taskOf(site, 'try').catch
  if (errors?.with !== undefined && !catches(errors.with, error)) return false
  return passes(stage, site, { when, exceptWhen })
}

function passes(
  stage: Stage,
  site: Site,
  { when, exceptWhen }: { when: string | undefined; exceptWhen: string | undefined },
): boolean {
  const isTrue = (text: string) => stage.expressions.isTrue(text, site.input, stage.sight(site))
  if (when !== undefined && !isTrue(when)) return false
  return exceptWhen === undefined || !isTrue(exceptWhen)
}

/** An error that was to be tried away, and was not, is hidden by nobody: handled, or it goes on. */
function handle(stage: Stage, site: Site, error: WorkflowError, done: Done): void {
  const { do: list = [], then = null, retry } = taskOf(site, 'try').catch
  if (retry !== undefined && list.length === 0 && then === null) {
    done({ ok: false, error })
    return
  }
  stage.runList(list, inside(site.scope, 'catch/do'), site.input, (result) => {
    done(result.ok ? { ...result, next: result.next ?? then } : result)
  })
}

function policyOf(stage: Stage, site: Site): RetryPolicy | null {
  const { retry } = taskOf(site, 'try').catch
  return retry === undefined ? null : retryOf(stage, retry)
}

function attemptLimitMs(stage: Stage, site: Site): number | null {
  const limit = policyOf(stage, site)?.limit?.attempt?.duration
  return limit === undefined ? null : millisecondsOf(stage, site, limit)
}

const attemptsMax = 1_000 // a policy without limits does not go on for ever

/** How long to wait before the next attempt; null where there is none. */
function retryDelayMs(stage: Stage, site: Site, count: number): number | null {
  const policy = policyOf(stage, site)
  if (policy === null || count >= attemptsMax) return null
  const { when, exceptWhen, delay, jitter, limit } = policy
  if (!passes(stage, site, { when, exceptWhen })) return null
  if (limit?.attempt?.count !== undefined && count > limit.attempt.count) return null
  const base = delay === undefined ? 0 : millisecondsOf(stage, site, delay)
  const grown = base * growthOf(policy, count)
  const random =
    jitter === undefined
      ? 0
      : jitterOf(
          `${stage.runId}${site.scope.key}@${count}`,
          millisecondsOf(stage, site, jitter.from),
          millisecondsOf(stage, site, jitter.to),
        )
  const delayMs = Math.round(grown + random)
  if (limit?.duration !== undefined) {
    const endMs = site.startedAtMs + millisecondsOf(stage, site, limit.duration)
    if (stage.nowMs() + delayMs > endMs) return null
  }
  return delayMs
}

const growthMax = 2 ** 20 // a doubled second is twelve days by then

function growthOf({ backoff }: RetryPolicy, count: number): number {
  if (backoff === undefined || 'constant' in backoff) return 1
  return Math.min(growthMax, 'linear' in backoff ? count : 2 ** (count - 1))
}
