// Compile access
//
// `.a`, `.[key]`, `.[from:to]`, `.[]`.

import type { Json } from '../../resource/index.ts'
import { getAt } from './access.ts'
import type { Compiler } from './compiler.ts'
import {
  below,
  type Emit,
  type EmitPath,
  type Env,
  eachOutput,
  extend,
  type Filter,
  type Place,
} from './filter.ts'
import { describe, dump, fail } from './jq-error.ts'
import type { Scope } from './scope.ts'
import type { Syntax } from './syntax.ts'
import { isArray, isObject, memberOf } from './value.ts'

type Access = Extract<Syntax, { readonly type: 'index' | 'slice' | 'iterate' }>

export function compileAccess(syntax: Access, scope: Scope, compiler: Compiler): Filter {
  const target = compiler.compile(syntax.target, scope)
  if (syntax.type === 'iterate') return iterateFilter(target)
  if (syntax.type === 'slice') {
    const from = syntax.from === null ? null : compiler.compile(syntax.from, scope)
    const to = syntax.to === null ? null : compiler.compile(syntax.to, scope)
    return keyedFilter(target, sliceKeys(from, to))
  }
  if (syntax.key.type === 'literal' && typeof syntax.key.value === 'string') {
    return memberFilter(target, syntax.key.value)
  }
  return keyedFilter(target, compiler.compile(syntax.key, scope))
}

/** `.name`, the commonest of all. */
function memberFilter(target: Filter, name: string): Filter {
  const { one } = target
  const get = (value: Json, env: Env): Json =>
    isObject(value) ? memberOf(value, name) : getAt(value, name, env.run)
  return {
    one: one === null ? null : (input, env) => get(one(input, env), env),
    many:
      one === null
        ? (input, env, emit) => target.many(input, env, (value) => emit(get(value, env)))
        : (input, env, emit) => emit(get(one(input, env), env)),
    paths: (at, env, emit) =>
      target.paths(at, env, (place, value) =>
        emit(extend({ place, value }, name), get(value, env)),
      ),
  }
}

/** `.[key]`; the key's outputs are the outer loop. */
function keyedFilter(target: Filter, key: Pick<Filter, 'one' | 'many'>): Filter {
  const holder = target.one
  const keyOf = key.one
  return {
    one:
      holder === null || keyOf === null
        ? null
        : (input, env) => getAt(holder(input, env), keyOf(input, env), env.run),
    many: (input, env, emit) =>
      key.many(input, env, (name) =>
        target.many(input, env, (value) => emit(getAt(value, name, env.run))),
      ),
    paths: (at, env, emit) =>
      key.many(at.value, env, (name) =>
        target.paths(at, env, (place, value) =>
          emit(extend({ place, value }, name), getAt(value, name, env.run)),
        ),
      ),
  }
}

/** The keys that slices have in paths: `{start, end}`. */
function sliceKeys(from: Filter | null, to: Filter | null): Pick<Filter, 'one' | 'many'> {
  const start = from === null ? nothing : from.one
  const end = to === null ? nothing : to.one
  return {
    one:
      start === null || end === null
        ? null
        : (input, env) => ({ start: start(input, env), end: end(input, env) }),
    many: (input, env, emit) =>
      eachBound(from, input, env, (first) =>
        eachBound(to, input, env, (last) => emit({ start: first, end: last })),
      ),
  }
}

function nothing(): Json {
  return null
}

function eachBound(bound: Filter | null, input: Json, env: Env, emit: Emit): boolean {
  return bound === null ? emit(null) : eachOutput(bound, input, env, emit)
}

/** `.[]` of what another filter gives. */
export function iterateFilter(target: Filter): Filter {
  return {
    one: null,
    many: (input, env, emit) =>
      eachOutput(target, input, env, (value) => iterate(value, env, emit)),
    paths: (at, env, emit) =>
      target.paths(at, env, (place, value) => iteratePaths(place, value, env, emit)),
  }
}

/** `.[]` of one value. */
export function iterate(value: Json, { run }: Env, emit: Emit): boolean {
  if (isArray(value)) {
    for (const item of value) {
      run.step(1)
      if (!emit(item)) return false
    }
    return true
  }
  if (!isObject(value)) return fail(`Cannot iterate over ${describeIterated(value)}`)
  for (const key of Object.keys(value)) {
    run.step(1)
    if (!emit(memberOf(value, key))) return false
  }
  return true
}

function iteratePaths(place: Place, value: Json, { run }: Env, emit: EmitPath): boolean {
  if (place === 'off') {
    return fail(`Invalid path expression near attempt to iterate through ${dump(value)}`)
  }
  if (value === null) return true
  if (!isArray(value) && !isObject(value)) {
    return fail(`Cannot iterate over ${describeIterated(value)}`)
  }
  const keys = isArray(value) ? value.keys() : Object.keys(value)
  for (const key of keys) {
    run.step(1)
    if (!emit(below(place, key), getAt(value, key, run))) return false
  }
  return true
}

function describeIterated(value: Json): string {
  return value === null ? 'null' : describe(value)
}
