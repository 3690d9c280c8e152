// Canonical JSON
//
// One value, one text: RFC 8785 (JSON Canonicalization Scheme). Digests, signatures and ledger leaves are
// taken over this text, so that two parties who hold the same value hold the same bytes.

import { ExactNumber } from './exact-json.ts'

/** What JSON can say. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/**
 * The canonical text of a JSON value: keys in UTF-16 order, no white space. Members that are
 * `undefined` are left out, as JSON.stringify does. A number that no double holds is its digits.
 * @throws RangeError on a number that JSON cannot hold, or on nesting deeper than 200.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0)
}

const depthMax = 200 // deeper than any resource; a bound on hostile input

function write(value: unknown, depth: number): string {
  if (depth > depthMax) throw new RangeError(`JSON nested deeper than ${depthMax}`)
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError(`${value} is not a JSON number`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`
  if (value instanceof ExactNumber) return value.digits
  if (typeof value === 'object') return writeMembers(value, depth + 1)
  throw new RangeError(`a ${typeof value} is not JSON`)
}

/** Every record, digest and signature comes through here: no lists in between. */
function writeMembers(members: object, depth: number): string {
  let text = ''
  for (const key of Object.keys(members).sort()) {
    const member: unknown = members[key as keyof typeof members]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${write(member, depth)}`
  }
  return `{${text}}`
}
