// Without nulls
//
// A request without members that say nothing: clients in Python write the whole of what they got, nulls included, into
// the next turn (`model_dump()`). What callers and tools wrote themselves stays as it is, for there a null is a value,
// and a number is what its digits say. Elsewhere numbers are settings, which everybody reads as doubles.

import { ExactNumber } from '../resource/index.ts'
import { isObject, type JsonObject } from './json.ts'

/** The same without members that are null or undefined; `own` names those that stay as they are. */
export function withoutNulls(value: JsonObject, own: ReadonlySet<string>): JsonObject {
  const members: [string, unknown][] = []
  for (const [name, member] of Object.entries(value)) {
    if (member === null || member === undefined) continue
    members.push([name, own.has(name) ? member : inside(member, own)])
  }
  return Object.fromEntries(members)
}

function inside(value: unknown, own: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((one) => inside(one, own))
  if (value instanceof ExactNumber) return value.valueOf()
  return isObject(value) ? withoutNulls(value, own) : value
}
