// Filter builtin
//
// A builtin that is given its arguments as filters and runs them as it likes.

import type { Filter } from './filter.ts'

export type FilterBuiltin = (args: readonly Filter[]) => Filter

/** The argument at that place; the compiler has seen to their number. */
export function filterAt(args: readonly Filter[], index: number): Filter {
  const filter = args[index]
  if (filter === undefined) throw new Error(`a builtin misses argument ${index}`)
  return filter
}
