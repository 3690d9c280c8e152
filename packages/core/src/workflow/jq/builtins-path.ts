// Builtins: path
//
// Those that name places in the input, and so may stand left of an assignment.

import type { Json } from '../../resource/index.ts'
import { deletePaths, getPath } from './access.ts'
import { needPath } from './builtins-collection.ts'
import { iterateFilter } from './compile-access.ts'
import { eachPath, updateFilter } from './compile-assign.ts'
import {
  type At,
  type EmitPath,
  type Env,
  eachOutput,
  extend,
  type Filter,
  keysOf,
  manyFilter,
  oneFilter,
  onPath,
} from './filter.ts'
import { type FilterBuiltin, filterAt } from './filter-builtin.ts'
import { isTrue } from './value.ts'

export const pathBuiltins: Readonly<Record<string, FilterBuiltin>> = {
  'select/1': (args) => selectFilter(filterAt(args, 0)),
  'recurse/1': (args) => recurseFilter(filterAt(args, 0)),
  'path/1': (args) => pathFilter(filterAt(args, 0)),
  'del/1': (args) =>
    oneFilter((input, env) => {
      const gone: Json[] = []
      eachPath(filterAt(args, 0), input, env, (keys) => gone.push([...keys]))
      return gone.length === 0 ? input : deletePaths(input, gone, env.run)
    }),
  'map_values/1': (args) => updateFilter(iterateFilter(identity), filterAt(args, 0)),
  'getpath/1': (args) => getPathFilter(filterAt(args, 0)),
}

const identity: Filter = {
  one: (input) => input,
  many: (input, _, emit) => emit(input),
  paths: (at, _, emit) => emit(at.place, at.value),
}

function selectFilter(condition: Filter): Filter {
  return {
    one: null,
    many: (input, env, emit) =>
      eachOutput(condition, input, env, (value) => !isTrue(value) || emit(input)),
    paths: (at, env, emit) =>
      eachOutput(condition, at.value, env, (value) => !isTrue(value) || emit(at.place, at.value)),
  }
}

function recurseFilter(next: Filter): Filter {
  const turn = (input: Json, env: Env, emit: (value: Json) => boolean): boolean => {
    env.run.step(1)
    return emit(input) && next.many(input, env, (value) => turn(value, env, emit))
  }
  const turnPaths = (at: At, env: Env, emit: EmitPath): boolean => {
    env.run.step(1)
    return (
      emit(at.place, at.value) &&
      next.paths(at, env, (place, value) => turnPaths({ place, value }, env, emit))
    )
  }
  return { one: null, many: turn, paths: turnPaths }
}

function pathFilter(filter: Filter): Filter {
  return manyFilter((input, env, emit) =>
    filter.paths({ place: null, value: input }, env, (place, value) => {
      env.run.step(1)
      return emit(keysOf(onPath(place, value)))
    }),
  )
}

function getPathFilter(path: Filter): Filter {
  const { one } = path
  return {
    one: one === null ? null : (input, env) => getPath(input, needPath(one(input, env)), env.run),
    many: (input, env, emit) =>
      eachOutput(path, input, env, (keys) => emit(getPath(input, needPath(keys), env.run))),
    paths: (at, env, emit) =>
      eachOutput(path, at.value, env, (keys) => {
        let place = at.place
        for (const key of needPath(keys)) place = extend({ place, value: at.value }, key)
        return emit(place, getPath(at.value, needPath(keys), env.run))
      }),
  }
}
