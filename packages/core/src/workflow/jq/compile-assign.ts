// Compile assign
//
// `=`, `|=`, `+=` and the others: a fold over the paths of the left side.

import type { Json } from '../../resource/index.ts'
import { deletePaths, getPath, setPath } from './access.ts'
import type { Compiler } from './compiler.ts'
import {
  type Env,
  eachOutput,
  type Filter,
  keysOf,
  manyFilter,
  oneFilter,
  onPath,
} from './filter.ts'
import { type Operation, operations } from './operate.ts'
import type { Scope } from './scope.ts'
import type { AssignOperator, Syntax } from './syntax.ts'
import { isTrue } from './value.ts'

type Assign = Extract<Syntax, { readonly type: 'assign' }>

export function compileAssign(syntax: Assign, scope: Scope, compiler: Compiler): Filter {
  const target = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  if (syntax.operator === '|=') return updateFilter(target, right)
  const operation = operationOf(syntax.operator)
  const assign = (input: Json, value: Json, env: Env): Json => {
    let made = input
    eachPath(target, input, env, (keys) => {
      const old = operation === null ? null : getPath(made, keys, env.run)
      const next = operation === null ? value : operation(old, value, env.run)
      made = setPath(made, keys, next, env.run)
    })
    return made
  }
  const { one } = right
  if (one !== null) return oneFilter((input, env) => assign(input, one(input, env), env))
  return manyFilter((input, env, emit) =>
    right.many(input, env, (value) => emit(assign(input, value, env))),
  )
}

function operationOf(operator: Exclude<AssignOperator, '|='>): Operation | null {
  switch (operator) {
    case '=':
      return null
    case '//=':
      return (old, value) => (isTrue(old) ? old : value)
    case '+=':
      return operations['+']
    case '-=':
      return operations['-']
    case '*=':
      return operations['*']
    case '/=':
      return operations['/']
    case '%=':
      return operations['%']
  }
}

/** `|=`: the first output of the update; where it has none, the place is deleted. */
export function updateFilter(target: Filter, update: Filter): Filter {
  return oneFilter((input, env) => {
    let made = input
    const gone: Json[] = []
    eachPath(target, input, env, (keys) => {
      const next = firstOutput(update, getPath(made, keys, env.run), env)
      if (next === undefined) gone.push(keys)
      else made = setPath(made, keys, next, env.run)
    })
    return gone.length === 0 ? made : deletePaths(made, gone, env.run)
  })
}

/** The first output, or undefined where there is none. */
export function firstOutput(filter: Filter, input: Json, env: Env): Json | undefined {
  let first: Json | undefined
  eachOutput(filter, input, env, (value) => {
    first = value
    return false
  })
  return first
}

/** Calls back with every path of the filter's outputs. */
export function eachPath(
  filter: Filter,
  input: Json,
  env: Env,
  take: (keys: readonly Json[]) => void,
): void {
  filter.paths({ place: null, value: input }, env, (place, value) => {
    env.run.step(1)
    take(keysOf(onPath(place, value)))
    return true
  })
}
