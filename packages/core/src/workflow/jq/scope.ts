// Scope
//
// What names mean at one point of an expression, and how deep in the environment their values lie.

import type { Filter } from './filter.ts'
import type { Definition } from './syntax.ts'

export interface Scope {
  /** How many values the environment holds here. */
  readonly depth: number
  readonly names: Names | null
  readonly globals: readonly string[]
}

interface Names {
  readonly binding: Binding
  readonly outer: Names | null
}

export type Binding =
  | { readonly kind: 'variable' | 'label'; readonly name: string; readonly depth: number }
  | {
      readonly kind: 'closure'
      readonly name: string
      readonly depth: number
      /** Every call of the function passes a filter with exactly one output. */
      readonly isOne: boolean
    }
  | FunctionBinding

export interface FunctionBinding {
  readonly kind: 'function'
  readonly name: string
  readonly definition: Definition
  /** Where it was defined; its own name is in scope in its body. */
  readonly scope: Scope
  /** Compiled bodies: for calls whose arguments all have one output, and for all others. */
  readonly bodies: Map<boolean, Body>
}

/** A function's body; its filter is null while it is being compiled, as recursion meets it. */
export interface Body {
  readonly isOne: boolean
  filter: Filter | null
}

/** A value more in the environment, under a name. */
export function declare(scope: Scope, kind: 'variable' | 'label', name: string): Scope {
  const depth = scope.depth + 1
  return { ...scope, depth, names: { binding: { kind, name, depth }, outer: scope.names } }
}

export function declareClosure(scope: Scope, name: string, isOne: boolean): Scope {
  const depth = scope.depth + 1
  const binding = { kind: 'closure', name, depth, isOne } as const
  return { ...scope, depth, names: { binding, outer: scope.names } }
}

/** A function is no value: it takes no place in the environment. */
export function declareFunction(scope: Scope, definition: Definition): Scope {
  const { name } = definition
  const binding = { kind: 'function', name, definition, scope, bodies: new Map() } as const
  return { ...scope, names: { binding, outer: scope.names } }
}

export function findVariable(scope: Scope, kind: 'variable' | 'label', name: string) {
  return find(scope, (binding) => binding.kind === kind && binding.name === name)
}

/** The function or closure that a call means. */
export function findFunction(scope: Scope, name: string, arity: number): Binding | null {
  return find(scope, (binding) => {
    if (binding.name !== name) return false
    if (binding.kind === 'closure') return arity === 0
    return binding.kind === 'function' && binding.definition.parameters.length === arity
  })
}

function find(scope: Scope, fits: (binding: Binding) => boolean): Binding | null {
  for (let at = scope.names; at !== null; at = at.outer) if (fits(at.binding)) return at.binding
  return null
}
