// Builtins: loop
//
// Those that run a filter over and over, or stop one early. Where the repeated filter has one output they
// loop; else they recurse.

import type { Json } from '../../resource/index.ts'
import { iterate } from './compile-access.ts'
import {
  type Emit,
  type Env,
  eachOutput,
  type Filter,
  manyFilter,
  oneFilter,
  type Place,
} from './filter.ts'
import { type FilterBuiltin, filterAt } from './filter-builtin.ts'
import { fail, JqError } from './jq-error.ts'
import { add } from './operate.ts'
import { isTrue } from './value.ts'

export const loopBuiltins: Readonly<Record<string, FilterBuiltin>> = {
  'empty/0': () => ({ one: null, many: () => true, paths: () => true }),
  'error/0': () => manyFilter((input) => raise(input)),
  'error/1': (args) => manyFilter((input, env) => eachOutput(filterAt(args, 0), input, env, raise)),
  'map/1': (args) => mapFilter(filterAt(args, 0)),
  'range/1': (args) => rangeFilter(null, filterAt(args, 0), null),
  'range/2': (args) => rangeFilter(filterAt(args, 0), filterAt(args, 1), null),
  'range/3': (args) => rangeFilter(filterAt(args, 0), filterAt(args, 1), filterAt(args, 2)),
  'first/1': (args) => cutFilter(null, filterAt(args, 0), (_, run, emit) => limited(1, run, emit)),
  'limit/2': (args) => cutFilter(filterAt(args, 0), filterAt(args, 1), limited),
  'skip/2': (args) => cutFilter(filterAt(args, 0), filterAt(args, 1), skipped),
  'last/1': (args) => cutFilter(null, filterAt(args, 0), lastOnly),
  'until/2': (args) => untilFilter(filterAt(args, 0), filterAt(args, 1)),
  'while/2': (args) => whileFilter(filterAt(args, 0), filterAt(args, 1)),
  'repeat/1': (args) => repeatFilter(filterAt(args, 0)),
  'isempty/1': (args) =>
    oneFilter((input, env) => {
      let isEmpty = true
      eachOutput(filterAt(args, 0), input, env, () => {
        isEmpty = false
        return false
      })
      return isEmpty
    }),
  'any/0': () => memberTest(null, true),
  'any/1': (args) => memberTest(filterAt(args, 0), true),
  'any/2': (args) => outputTest(filterAt(args, 0), filterAt(args, 1), true),
  'all/0': () => memberTest(null, false),
  'all/1': (args) => memberTest(filterAt(args, 0), false),
  'all/2': (args) => outputTest(filterAt(args, 0), filterAt(args, 1), false),
  'add/1': (args) =>
    oneFilter((input, env) => {
      let sum: Json = null
      eachOutput(filterAt(args, 0), input, env, (value) => {
        sum = add(sum, value, env.run)
        return true
      })
      return sum
    }),
}

function raise(value: Json): never {
  throw new JqError(value)
}

function mapFilter(filter: Filter): Filter {
  return oneFilter((input, env) => {
    const made: Json[] = []
    const { one } = filter
    const keep = (value: Json): boolean => {
      env.run.allot(8)
      made.push(value)
      return true
    }
    iterate(
      input,
      env,
      one === null ? (item) => filter.many(item, env, keep) : (item) => keep(one(item, env)),
    )
    return made
  })
}

function rangeFilter(from: Filter | null, to: Filter, by: Filter | null): Filter {
  const start = from ?? oneFilter(() => 0)
  const step = by ?? oneFilter(() => 1)
  return manyFilter((input, env, emit) =>
    eachOutput(start, input, env, (first) =>
      eachOutput(to, input, env, (end) =>
        eachOutput(step, input, env, (width) => rangeOf([first, end, width], env, emit)),
      ),
    ),
  )
}

function rangeOf(bounds: readonly Json[], { run }: Env, emit: Emit): boolean {
  const [start, end, step] = bounds.map((bound) =>
    typeof bound === 'number' ? bound : fail('Range bounds must be numeric'),
  )
  if (start === undefined || end === undefined || step === undefined) return true
  const isWithin = (value: number) =>
    step > 0 ? value < end : step < 0 ? value > end : start < end
  for (let value = start; isWithin(value); value += step) {
    run.step(1)
    if (!emit(value)) return false
  }
  return true
}

type Cut = <Output extends readonly unknown[]>(
  count: number,
  run: (take: (...output: Output) => boolean) => boolean,
  emit: (...output: Output) => boolean,
) => boolean

/** Lets some of a filter's outputs through, once for each output of `count`. */
function cutFilter(count: Filter | null, filter: Filter, cut: Cut): Filter {
  const counts = (input: Json, env: Env, take: (count: number) => boolean): boolean => {
    if (count === null) return take(1)
    return eachOutput(count, input, env, (value) =>
      typeof value === 'number' ? take(value) : fail('Range bounds must be numeric'),
    )
  }
  return {
    one: null,
    many: (input, env, emit) =>
      counts(input, env, (most) =>
        cut<[Json]>(most, (take) => filter.many(input, env, take), emit),
      ),
    paths: (at, env, emit) =>
      counts(at.value, env, (most) =>
        cut<[Place, Json]>(most, (take) => filter.paths(at, env, take), emit),
      ),
  }
}

const limited: Cut = (count, run, emit) => {
  if (count < 0) return fail("limit doesn't support negative count")
  if (count === 0) return true
  let isWanted = true
  let seen = 0
  run((...output) => {
    seen += 1
    isWanted = emit(...output)
    return isWanted && seen < count
  })
  return isWanted
}

const skipped: Cut = (count, run, emit) => {
  if (count < 0) return fail("skip doesn't support negative count")
  let seen = 0
  return run((...output) => {
    seen += 1
    return seen <= count || emit(...output)
  })
}

const lastOnly: Cut = (_, run, emit) => {
  let end: (() => boolean) | null = null
  run((...output) => {
    end = () => emit(...output)
    return true
  })
  return callIfThere(end)
}

function callIfThere(end: (() => boolean) | null): boolean {
  return end === null ? true : end()
}

function untilFilter(condition: Filter, update: Filter): Filter {
  const test = condition.one
  const next = update.one
  if (test !== null && next !== null) {
    return oneFilter((input, env) => {
      let value = input
      while (!isTrue(test(value, env))) {
        env.run.step(1)
        value = next(value, env)
      }
      return value
    })
  }
  const turn = (value: Json, env: Env, emit: Emit): boolean =>
    condition.many(value, env, (done) => {
      env.run.step(1)
      if (isTrue(done)) return emit(value)
      return update.many(value, env, (after) => turn(after, env, emit))
    })
  return manyFilter(turn)
}

function whileFilter(condition: Filter, update: Filter): Filter {
  const test = condition.one
  const next = update.one
  if (test !== null && next !== null) {
    return manyFilter((input, env, emit) => {
      let value = input
      while (isTrue(test(value, env))) {
        env.run.step(1)
        if (!emit(value)) return false
        value = next(value, env)
      }
      return true
    })
  }
  const turn = (value: Json, env: Env, emit: Emit): boolean =>
    condition.many(value, env, (goesOn) => {
      env.run.step(1)
      if (!isTrue(goesOn)) return true
      return emit(value) && update.many(value, env, (after) => turn(after, env, emit))
    })
  return manyFilter(turn)
}

function repeatFilter(update: Filter): Filter {
  const next = update.one
  if (next !== null) {
    return manyFilter((input, env, emit) => {
      for (let value = input; emit(value); value = next(value, env)) env.run.step(1)
      return false
    })
  }
  const turn = (value: Json, env: Env, emit: Emit): boolean => {
    env.run.step(1)
    return emit(value) && update.many(value, env, (after) => turn(after, env, emit))
  }
  return manyFilter(turn)
}

/** `any` and `all` over the members of the input. */
function memberTest(condition: Filter | null, wanted: boolean): Filter {
  return oneFilter((input, env) =>
    decide(wanted, (take) =>
      iterate(input, env, (item) =>
        condition === null ? take(item) : condition.many(item, env, take),
      ),
    ),
  )
}

/** `any` and `all` over the outputs of a filter. */
function outputTest(source: Filter, condition: Filter, wanted: boolean): Filter {
  return oneFilter((input, env) =>
    decide(wanted, (take) => source.many(input, env, (item) => condition.many(item, env, take))),
  )
}

/** True where some value is true (`any`) or none is false (`all`); stops as soon as it knows. */
function decide(wanted: boolean, run: (take: Emit) => boolean): boolean {
  let found = false
  run((value) => {
    found = isTrue(value) === wanted
    return !found
  })
  return found ? wanted : !wanted
}
