// Without dropped
//
// A request in other words, without those members for which there are none and which its target may be asked without.

import { isUnsayable, type JsonObject, type Unsayable, withoutParam } from '@tutti/core/dialect'
import type { ProviderTarget } from '../routing/index.ts'

export interface Sayable<Written extends object> {
  readonly written: Written
  /** The names that were left out. */
  readonly dropped: ReadonlySet<string>
}

// Each has the request read once more.
const droppedMax = 16

/** `write` is given the request, each time with less of it. */
export function withoutDropped<Written extends object>(
  whole: JsonObject,
  { dropParams = [] }: Pick<ProviderTarget, 'dropParams'>,
  write: (body: JsonObject) => Written | Unsayable,
): Sayable<Written> | Unsayable {
  const dropped = new Set<string>()
  let left = droppedMax
  let body = whole
  for (;;) {
    const written = write(body)
    if (!isUnsayable(written)) return { written, dropped }
    const less = left > 0 ? withoutParam(body, written.field, dropParams) : null
    if (less === null) return written
    left -= 1
    body = less.body
    dropped.add(less.name)
  }
}
