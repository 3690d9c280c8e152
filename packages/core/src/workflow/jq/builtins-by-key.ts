// Builtins by key
//
// `sort_by`, `group_by`, `unique_by`, `min_by`, `max_by`: order by the outputs of a filter.

import type { Json } from '../../resource/index.ts'
import { needArray } from './builtins-collection.ts'
import { collect, type Env, type Filter, oneFilter } from './filter.ts'
import { type FilterBuiltin, filterAt } from './filter-builtin.ts'
import { compare } from './value.ts'

interface Keyed {
  readonly key: Json
  readonly value: Json
}

export const builtinsByKey: Readonly<Record<string, FilterBuiltin>> = {
  'sort_by/1': (args) =>
    oneFilter((input, env) => sorted(input, filterAt(args, 0), env).map(({ value }) => value)),
  'group_by/1': (args) => oneFilter((input, env) => groups(sorted(input, filterAt(args, 0), env))),
  'unique_by/1': (args) =>
    oneFilter((input, env) =>
      groups(sorted(input, filterAt(args, 0), env)).map((group) => group[0] ?? null),
    ),
  'min_by/1': (args) =>
    oneFilter((input, env) => extreme(input, filterAt(args, 0), env, (order) => order < 0)),
  'max_by/1': (args) =>
    oneFilter((input, env) => extreme(input, filterAt(args, 0), env, (order) => order >= 0)),
}

function keyed(input: Json, key: Filter, env: Env): Keyed[] {
  const values = needArray(input, 'sorted')
  env.run.container(values.length * 2)
  return values.map((value) => ({ key: collect(key, value, env), value }))
}

function sorted(input: Json, key: Filter, env: Env): Keyed[] {
  const items = keyed(input, key, env)
  env.run.step(items.length * Math.ceil(Math.log2(items.length + 1)))
  return items.sort((a, b) => compare(a.key, b.key))
}

function groups(items: readonly Keyed[]): Json[][] {
  const made: Json[][] = []
  let last: Json | undefined
  for (const { key, value } of items) {
    if (last !== undefined && compare(last, key) === 0) made.at(-1)?.push(value)
    else made.push([value])
    last = key
  }
  return made
}

function extreme(input: Json, key: Filter, env: Env, isBetter: (order: number) => boolean): Json {
  let best: Keyed | null = null
  for (const item of keyed(input, key, env)) {
    if (best === null || isBetter(compare(item.key, best.key))) best = item
  }
  return best === null ? null : best.value
}
