// Builtins: filter
//
// Builtins that run their arguments as filters: loops, choices, paths, order by a key.

import { builtinsByKey } from './builtins-by-key.ts'
import { loopBuiltins } from './builtins-loop.ts'
import { pathBuiltins } from './builtins-path.ts'
import { substitutionBuiltins } from './builtins-substitution.ts'
import type { FilterBuiltin } from './filter-builtin.ts'

export const filterBuiltins: ReadonlyMap<string, FilterBuiltin> = new Map(
  Object.entries({ ...loopBuiltins, ...pathBuiltins, ...builtinsByKey, ...substitutionBuiltins }),
)
