// Unsayable
//
// A request that cannot be parsed, or that the dialect of a target has no words for: which field, and why.

import type { z } from 'zod'
import { objectOf } from './json.ts'

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

/** The first thing that is wrong, in the words of its field; of an error that reports the input. */
export function unsayableOf(error: z.ZodError): Unsayable {
  const [first] = error.issues
  if (first === undefined) return unsayable('', 'it is malformed')
  // In the place of what is missing something may stand that only its own dialect knows.
  const parent = pathOf(first.path.slice(0, -1))
  const isInstead = ({ code, path }: Issue) =>
    code === 'unrecognized_keys' && pathOf(path) === parent
  const isMissing = typing.has(first.code) && first.input === undefined
  return unsayableAt([], (isMissing ? error.issues.find(isInstead) : undefined) ?? first)
}

const typing: ReadonlySet<string> = new Set(['invalid_type', 'custom']) // `ownObject`

interface Issue {
  readonly code?: string | undefined
  readonly path: readonly PropertyKey[]
  readonly message: string
  /** Of members that are not known. */
  readonly keys?: readonly string[]
  readonly input?: unknown
  /** Of enumerations. */
  readonly values?: readonly unknown[]
  /** Of unions that are told apart by a member: its name, and what it may be. */
  readonly discriminator?: string | undefined
  readonly options?: readonly unknown[]
  readonly expected?: string
  /** What is wrong by each branch of a union. */
  readonly errors?: readonly (readonly Issue[])[]
}

function unsayableAt(before: readonly PropertyKey[], issue: Issue): Unsayable {
  const path = [...before, ...issue.path]
  const { keys: [key] = [], errors = [] } = issue
  if (key !== undefined) return unsayable(pathOf([...path, key]), noCounterpart)
  const meant = meantIssue(errors)
  return meant === null ? unsayable(pathOf(path), whyNot(issue)) : unsayableAt(path, meant)
}

export const noCounterpart = 'it has no counterpart in the dialect of the target'

/** What is there may be right in its own dialect, which has more than we know. */
function whyNot(issue: Issue): string {
  const { message, input, values, discriminator, options, expected } = issue
  const known = values ?? options
  const given = discriminator === undefined ? input : objectOf(input)[discriminator]
  if (known !== undefined && (given !== undefined || discriminator !== undefined)) {
    const names = `expected one of: ${known.map((one) => JSON.stringify(one)).join(', ')}`
    return given === undefined ? names : `${noCounterpart}, ${names}`
  }
  return expected === 'never' ? noCounterpart : message
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
