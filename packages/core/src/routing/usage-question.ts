// Usage question
//
// What may be asked of usage, and what is said where it is not answered: the same words of a control plane and of a
// gateway that is alone.

import { z } from 'zod'
import { nearest } from '../resource/index.ts'

export const usageDimensions = ['hour', 'day', 'project', 'key', 'route', 'model'] as const
export type UsageDimension = (typeof usageDimensions)[number]

const hourMs = 3_600_000
const weekMs = 7 * 24 * hourMs

const milliseconds = 'expected milliseconds since 1970'
const moment = z.coerce.number(milliseconds).int(milliseconds).min(0, milliseconds).optional()

function unknownDimension({ input }: { readonly input?: unknown }): string {
  const word = String(input)
  const near = nearest(word, usageDimensions)
  const hint = near === null ? '' : `: did you mean ${near}?`
  return `expected one of ${usageDimensions.join(', ')}, got ${word || 'nothing'}${hint}`
}

const usageQuery = z.object({
  project: z.string().optional(),
  by: z
    .string()
    .default('project')
    .transform((text) => text.split(','))
    .pipe(
      z
        .array(z.enum(usageDimensions, { error: unknownDimension }))
        .max(usageDimensions.length, `expected at most ${usageDimensions.length} of them`),
    ),
  since: moment,
  until: moment,
})

export interface UsageQuestion {
  /** Absent: all projects that the caller may read. */
  readonly project?: string | undefined
  readonly by: readonly UsageDimension[]
  readonly sinceMs: number
  readonly untilMs: number
}

/** Dimensions by name (hours and days as ISO 8601) and, by theirs, what is counted. */
export interface UsageSum {
  readonly [name: string]: string | number
}

export interface UsageAnswer {
  readonly since: number
  readonly until: number
  readonly by: readonly UsageDimension[]
  /** The dearest first. */
  readonly rows: readonly UsageSum[]
}

export interface UsageRefusal {
  readonly ok: false
  readonly code: 'api/invalid' | 'api/forbidden' | 'api/too-large'
  readonly message: string
}

export type ParsedUsageQuestion = { readonly ok: true; readonly question: UsageQuestion }
export type UsageOutcome = { readonly ok: true; readonly answer: UsageAnswer }

/** From the members of a query; the last week, if it says nothing else. */
export function parseUsageQuestion(
  query: Readonly<Record<string, string>>,
  nowMs: number,
): ParsedUsageQuestion | UsageRefusal {
  const parsed = usageQuery.safeParse(query)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refusal('api/invalid', `${String(issue?.path[0])}: ${issue?.message}`)
  }
  const { project, by, since = nowMs - weekMs, until: untilMs = nowMs } = parsed.data
  // Counts are of whole hours: the one in which it begins is part of it.
  const sinceMs = Math.floor(since / hourMs) * hourMs
  return { ok: true, question: { project, by: [...new Set(by)], sinceMs, untilMs } }
}

/** For one who may read no project of those that were asked for. */
export function refuseProjects({ project }: UsageQuestion): UsageRefusal {
  const which = project === undefined ? 'any project' : `project ${project}`
  return refusal('api/forbidden', `this key may not read ${which}`)
}

/** `rows` is null where there are more than can be given. */
export function answerOfUsage(
  { by, sinceMs: since, untilMs: until }: UsageQuestion,
  rows: readonly UsageSum[] | null,
): UsageOutcome | UsageRefusal {
  if (rows !== null) return { ok: true, answer: { since, until, by, rows } }
  const message = 'too many rows: ask for less time or fewer dimensions'
  return refusal('api/too-large', message)
}

function refusal(code: UsageRefusal['code'], message: string): UsageRefusal {
  return { ok: false, code, message }
}
