// Resolve
//
// What a task says by name or by expression: durations, timeouts, retry policies, errors, authentication.

import type { Json } from '../../resource/index.ts'
import { durationMs, type ErrorDefinition, type RetryPolicy } from '../document/index.ts'
import { asJson } from './as-json.ts'
import type { Site, Stage } from './stage.ts'
import { fault } from './workflow-error.ts'

/** The milliseconds of a duration, which may be an expression. */
export function millisecondsOf(stage: Stage, site: Site, value: unknown): number {
  const given =
    typeof value === 'string' && value.includes('${')
      ? stage.expressions.evaluate(value, site.input, stage.sight(site))
      : value
  return durationMs(given) ?? fault('expression', `${JSON.stringify(given)} is no duration`)
}

/** The task's limit of time, or null. */
export function timeoutMs(stage: Stage, site: Site): number | null {
  const { timeout } = site.item.task
  if (timeout === undefined) return null
  const found = typeof timeout === 'string' ? stage.document.use?.timeouts?.[timeout] : timeout
  if (found === undefined) return fault('configuration', `there is no timeout ${timeout}`)
  return millisecondsOf(stage, site, found.after)
}

export function retryOf(stage: Stage, retry: RetryPolicy | string): RetryPolicy {
  if (typeof retry !== 'string') return retry
  const found = stage.document.use?.retries?.[retry]
  return found ?? fault('configuration', `there is no retry policy ${retry}`)
}

export function errorOf(stage: Stage, error: ErrorDefinition | string): ErrorDefinition {
  if (typeof error !== 'string') return error
  const found = stage.document.use?.errors?.[error]
  return found ?? fault('configuration', `there is no error ${error}`)
}

/** An authentication with its names followed, its secrets and expressions filled in. */
export function authenticationOf(stage: Stage, site: Site, given: unknown): Json {
  const named = nameIn(given)
  const policy = named === null ? given : stage.document.use?.authentications?.[named]
  if (policy === undefined) return fault('configuration', `there is no authentication ${named}`)
  const [entry] = Object.entries(policy ?? {})
  if (entry === undefined) return null
  const [scheme, settings] = entry
  const secret = nameIn(settings)
  const filled = secret === null ? settings : secretOf(stage, secret)
  const values: Json = asJson(filled)
  return { [scheme]: stage.expressions.fill(values, site.input, stage.sight(site)) }
}

function nameIn(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('use' in value)) return null
  return typeof value.use === 'string' ? value.use : null
}

/** A secret that the document names. @throws Fault where it does not, or nobody has given it. */
export function secretOf(stage: Pick<Stage, 'document' | 'secrets'>, name: string): Json {
  const isDeclared = stage.document.use?.secrets?.includes(name) === true
  if (!isDeclared) return fault('configuration', `use.secrets does not name ${name}`)
  const secret = stage.secrets[name]
  return secret ?? fault('authorization', `the secret ${name} is not there`)
}
