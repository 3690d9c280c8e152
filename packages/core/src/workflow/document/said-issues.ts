// Said issues
//
// What is wrong with a value, by its place. Where it could be one of several things, what counts is the one that it fits best:
// the one whose mistakes lie deepest; where none does, what is said of its form.

import type { z } from 'zod'

export interface SaidIssue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

export function saidIssues(issues: readonly z.core.$ZodIssue[]): readonly SaidIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
    return closest(issue.errors).map(({ path, message }) => ({
      path: [...issue.path, ...path],
      message,
    }))
  })
}

function closest(options: readonly (readonly z.core.$ZodIssue[])[]): readonly SaidIssue[] {
  const said = options.map((issues) => ({
    issues: saidIssues(issues),
    isOfForm: issues.some(({ code }) => code !== 'invalid_type'),
  }))
  const depths = said.map(({ issues }) => Math.max(...issues.map(({ path }) => path.length)))
  const deepest = Math.max(...depths)
  const best = said.filter((_, index) => depths[index] === deepest)
  if (deepest > 0) return best[0]?.issues ?? []
  const ofForm = best.filter(({ isOfForm }) => isOfForm)
  const messages = (ofForm.length > 0 ? ofForm : best).flatMap(({ issues }) =>
    issues.map(({ message }) => message.replace(/^Invalid input: /, '')),
  )
  return [{ path: [], message: [...new Set(messages)].join(', or ') }]
}
