// Unsayable
//
// A request that cannot be parsed, or that the dialect of a target has no words for: which field, and why.

import type { z } from 'zod'

export interface Unsayable {
  readonly kind: 'unsayable'
  /** Path of the field in the caller's request, e.g. `messages[2].content[0].type`. */
  readonly field: string
  readonly message: string
}

export function unsayable(field: string, message: string): Unsayable {
  return { kind: 'unsayable', field, message }
}

export function isUnsayable(value: object): value is Unsayable {
  return 'kind' in value && value.kind === 'unsayable'
}

/** The first thing that is wrong, in the words of its field. */
export function unsayableOf(error: z.ZodError): Unsayable {
  const [issue] = error.issues
  return issue === undefined ? unsayable('', 'it is malformed') : unsayableAt([], issue)
}

interface Issue {
  readonly code?: string | undefined
  readonly path: readonly PropertyKey[]
  readonly message: string
  /** Of members that are not known. */
  readonly keys?: readonly string[]
  /** What is wrong by each branch of a union. */
  readonly errors?: readonly (readonly Issue[])[]
}

function unsayableAt(before: readonly PropertyKey[], issue: Issue): Unsayable {
  const path = [...before, ...issue.path]
  const { keys: [key] = [], errors = [] } = issue
  if (key !== undefined) {
    return unsayable(pathOf([...path, key]), 'it has no counterpart in the dialect of the target')
  }
  const meant = meantIssue(errors)
  return meant === null ? unsayable(pathOf(path), issue.message) : unsayableAt(path, meant)
}

/** Of the branches of a union, the one with the least to complain of is what was meant. */
function meantIssue(branches: readonly (readonly Issue[])[]): Issue | null {
  const [meant = []] = branches.filter(isOfKind).sort((a, b) => a.length - b.length)
  return meant.find(({ keys }) => keys !== undefined) ?? meant[0] ?? null
}

/** False where a text was wanted and a list came. */
function isOfKind(issues: readonly Issue[]): boolean {
  return issues.some(({ path, keys, errors }) => path.length > 0 || (keys ?? errors) !== undefined)
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('')
}
