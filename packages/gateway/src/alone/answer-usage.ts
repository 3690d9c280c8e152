// Answer usage
//
// What requests used, asked of the process that stands in for a control plane, with a caller's key: in its words. There
// are no policies here: a key sees its own project, as with the records of requests.

import {
  answerOfUsage,
  parseUsageQuestion,
  refuseProjects,
  type UsageRefusal,
} from '@tutti/core/routing'
import type { KeyEntry } from '../routing/index.ts'
import type { UsageHours } from './usage-hours.ts'

export function isUsagePath(url: string): boolean {
  return url.split('?')[0] === '/api/v1/usage'
}

export interface UsageAsked {
  /** Path and query. */
  readonly url: string
  /** Null where it is not known. */
  readonly key: KeyEntry | null
  readonly nowMs: number
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal
}

/** Throws where nobody can say. */
export async function answerUsage(
  hours: UsageHours,
  { url, key, nowMs, signal }: UsageAsked,
): Promise<{ readonly status: number; readonly body: string }> {
  if (key === null) return refused(401, 'api/unauthenticated', 'expected a key that is valid here')
  const query = Object.fromEntries(new URLSearchParams(url.split('?')[1] ?? ''))
  const parsed = parseUsageQuestion(query, nowMs)
  if (!parsed.ok) return refused(statusOf[parsed.code], parsed.code, parsed.message)
  const { question } = parsed
  const { project } = key
  const outcome =
    (question.project ?? project) === project
      ? answerOfUsage(question, await hours.sum(question, { project, signal }))
      : refuseProjects(question)
  if (!outcome.ok) return refused(statusOf[outcome.code], outcome.code, outcome.message)
  return { status: 200, body: JSON.stringify(outcome.answer) }
}

const statusOf: Readonly<Record<UsageRefusal['code'], number>> = {
  'api/invalid': 422,
  'api/forbidden': 403,
  'api/too-large': 413,
}

function refused(status: number, code: string, message: string) {
  return { status, body: JSON.stringify({ error: { code, message } }) }
}
