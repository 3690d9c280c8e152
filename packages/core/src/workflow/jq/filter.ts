// Filter
//
// A compiled expression: closures over its parts. What gives exactly one output is a plain function
// (`one`); what may give none or many pushes each output into a callback (`many`), which answers whether
// more is wanted. `paths` does the same with the path of each output beside it.

import type { Json } from '../../resource/index.ts'
import { type Break, caughtValue, dump, fail } from './jq-error.ts'
import type { Run } from './run.ts'

export type One = (input: Json, env: Env) => Json
/** Takes an output; false: enough. */
export type Emit = (value: Json) => boolean
/** False where the callback said that it has enough. */
export type Many = (input: Json, env: Env, emit: Emit) => boolean

/** A path as it grows, last key first; null is the root. */
export interface Path {
  readonly key: Json
  readonly parent: Path | null
  readonly length: number
}
/** A place in the input; `off` where a value is not one, and may not be gone on from. */
export type Place = Path | null | 'off'
export type EmitPath = (place: Place, value: Json) => boolean
export interface At {
  readonly place: Place
  readonly value: Json
}
export type Paths = (at: At, env: Env, emit: EmitPath) => boolean

export interface Filter {
  readonly one: One | null
  readonly many: Many
  readonly paths: Paths
}

/** Variables and closures in scope, innermost first; the compiler knows how far up each one is. */
export interface Env {
  readonly held: Json | Closure | Break
  readonly parent: Env | null
  readonly run: Run
}

/** An argument: what was given, and the scope it was given in. */
export class Closure {
  readonly filter: Filter
  readonly env: Env

  constructor(filter: Filter, env: Env) {
    this.filter = filter
    this.env = env
  }
}

export function push(env: Env, held: Env['held']): Env {
  return { held, parent: env, run: env.run }
}

export function envUp(env: Env, levels: number): Env {
  let found: Env = env
  for (let i = levels; i > 0; i--) found = found.parent ?? found
  return found
}

/** A filter with one output that is no place in its input, unless it is the input itself. */
export function oneFilter(one: One): Filter {
  return {
    one,
    many: (input, env, emit) => emit(one(input, env)),
    paths: (at, env, emit) => {
      const value = one(at.value, env)
      return emit(placeOf(at, value), value)
    },
  }
}

/** A filter with any number of outputs that are no places in its input. */
export function manyFilter(many: Many): Filter {
  return {
    one: null,
    many,
    paths: (at, env, emit) => many(at.value, env, (value) => emit(placeOf(at, value), value)),
  }
}

/** As in jq, a value that is the very input is still at the input's place. */
function placeOf(at: At, value: Json): Place {
  const isComparable = value === null || typeof value === 'object' || typeof value === 'boolean'
  return isComparable && value === at.value ? at.place : 'off'
}

/** Calls back with each output, whichever kind of filter it is. */
export function eachOutput(filter: Filter, input: Json, env: Env, emit: Emit): boolean {
  return filter.one === null ? filter.many(input, env, emit) : emit(filter.one(input, env))
}

/** All outputs, paid for. */
export function collect(filter: Filter, input: Json, env: Env): Json[] {
  if (filter.one !== null) return [filter.one(input, env)]
  const values: Json[] = []
  const { run } = env
  filter.many(input, env, (value) => {
    run.allot(8)
    values.push(value)
    return true
  })
  run.allot(16)
  return values
}

/** The path from the root, first key first. */
export function keysOf(path: Path | null): Json[] {
  const keys: Json[] = []
  for (let at = path; at !== null; at = at.parent) keys.push(at.key)
  return keys.reverse()
}

export function below(path: Path | null, key: Json): Path {
  return { key, parent: path, length: (path?.length ?? 0) + 1 }
}

/** The place of an output that a path is wanted of. */
export function onPath(place: Place, value: Json): Path | null {
  return place === 'off' ? fail(`Invalid path expression with result ${dump(value)}`) : place
}

/** The place below, of something that is about to be read there. */
export function extend(at: At, key: Json): Path {
  if (at.place !== 'off') return below(at.place, key)
  const attempt = `access element ${dump(key)} of ${dump(at.value)}`
  return fail(`Invalid path expression near attempt to ${attempt}`)
}

/**
 * Runs a filter whose errors are caught, while errors of whoever takes its outputs pass through.
 */
export function guarded<Output extends readonly unknown[]>(
  run: (take: (...output: Output) => boolean) => boolean,
  emit: (...output: Output) => boolean,
  onError: (value: Json) => boolean,
): boolean {
  let isPassing = false
  const take = (...output: Output): boolean => {
    try {
      return emit(...output)
    } catch (error) {
      isPassing = true
      throw error
    }
  }
  try {
    return run(take)
  } catch (error) {
    const value = isPassing ? undefined : caughtValue(error)
    if (value === undefined) throw error
    return onError(value)
  }
}
