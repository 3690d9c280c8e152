// Findings of
//
// What a schema refuses, in words for whoever wrote it. A text that came is not said again, unless it stands where one of some words
// was expected: it may be a secret in a wrong place, and findings are logged.

import { z } from 'zod'
import { type Finding, nearest } from '../resource/index.ts'
import { sayIssue } from './say-issue.ts'

type Issue = z.core.$ZodIssue

/**
 * Findings of a zod error, with the nearest known word for every unknown one; of `reportInput`
 * errors with what came.
 */
export function findingsOf(error: z.ZodError, root: string, schema: z.ZodType): Finding[] {
  return error.issues.flatMap((issue) => findingsOfIssue(issue, [], { root, schema }))
}

interface Place {
  readonly root: string
  readonly schema: z.ZodType
}

function findingsOfIssue(issue: Issue, above: readonly PropertyKey[], of: Place): Finding[] {
  const place = [...above, ...issue.path]
  const path = [of.root, ...place.map(String)].filter((part) => part !== '').join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(of.schema, place)
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: unknownField(key, known),
    }))
  }
  if (issue.code !== 'invalid_union') return [{ path, message: sayIssue(issue) }]
  const meant = meantOf(issue.errors)
  if (meant.length > 0) return meant.flatMap((one) => findingsOfIssue(one, place, of))
  const all = new Set(issue.errors.flat().map(sayIssue))
  return [{ path, message: [...all].join('; or ') || sayIssue(issue) }]
}

/** What is wrong with the form that it comes nearest to; nothing where that could be several. */
function meantOf(forms: readonly (readonly Issue[])[]): readonly Issue[] {
  const costOf = (issues: readonly Issue[]) =>
    issues.reduce((sum, one) => sum + (one.code === 'unrecognized_keys' ? one.keys.length : 1), 0)
  const [first, second] = forms.toSorted((a, b) => costOf(a) - costOf(b))
  if (first === undefined) return []
  return second === undefined || costOf(first) < costOf(second) ? first : []
}

/** Names of the fields that a schema has at a path, as its JSON Schema tells. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at = formsOf(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }))
  for (const part of path) {
    at = at.flatMap(({ items, properties }) => {
      if (typeof part === 'number') return formsOf(items)
      return isObject(properties) ? formsOf(properties[String(part)]) : []
    })
  }
  const fields = at.flatMap(({ properties }) =>
    isObject(properties) ? Object.keys(properties) : [],
  )
  return [...new Set(fields)]
}

/** It, or each of those of which it is one. */
function formsOf(schema: unknown): Record<string, unknown>[] {
  if (!isObject(schema)) return []
  const { anyOf, oneOf } = schema
  const forms = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : null
  return forms === null ? [schema] : forms.flatMap(formsOf)
}

export function unknownField(key: string, known: readonly string[]): string {
  const near = nearest(key, known)
  const hint = near === null ? '' : `: did you mean ${near}?`
  return `unknown field${hint || (known.length > 0 ? `: expected one of ${known.join(', ')}` : '')}`
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
