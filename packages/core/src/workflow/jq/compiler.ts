// Compiler
//
// What the parts of the compiler need of each other: to compile what lies inside.

import type { Filter } from './filter.ts'
import type { Scope } from './scope.ts'
import type { Syntax } from './syntax.ts'

export interface Compiler {
  readonly compile: (syntax: Syntax, scope: Scope) => Filter
}
