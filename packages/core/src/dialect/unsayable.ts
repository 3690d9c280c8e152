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
  if (issue === undefined) return unsayable('', 'it is malformed')
  const path = [...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys
    return unsayable(pathOf([...path, key]), 'it has no counterpart in the dialect of the target')
  }
  if (issue.code === 'invalid_union') {
    const branch = deepest(issue.errors)
    if (branch !== undefined && branch.path.length > 0) {
      return unsayable(pathOf([...path, ...branch.path]), branch.message)
    }
  }
  return unsayable(pathOf(path), issue.message)
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Of the branches of a union, the one that came farthest says best what is wrong. */
function deepest(branches: readonly (readonly Issue[])[]): Issue | undefined {
  return branches
    .flatMap(([first]) => (first === undefined ? [] : [first]))
    .sort((a, b) => b.path.length - a.path.length)[0]
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('')
}
