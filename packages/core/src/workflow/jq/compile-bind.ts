// Compile bind
//
// `as` with its patterns, and the two folds over it, `reduce` and `foreach`. A pattern binds its variables
// one after the other; with alternatives (`?//`) all names of all patterns exist, and an error in one
// leads to the next.

import type { Json } from '../../resource/index.ts'
import { getAt } from './access.ts'
import type { Compiler } from './compiler.ts'
import {
  type At,
  type EmitPath,
  type Env,
  eachOutput,
  type Filter,
  guarded,
  type Place,
  push,
} from './filter.ts'
import { declare, type Scope } from './scope.ts'
import { namesOf, type Pattern, type PatternEntry, type Syntax } from './syntax.ts'

type SyntaxOf<Type extends Syntax['type']> = Extract<Syntax, { readonly type: Type }>
type Use = (env: Env) => boolean

interface Alternative<Body> {
  readonly body: Body
  /** Calls back in every environment that the pattern gives. */
  readonly bind: (value: Json, env: Env, use: Use) => boolean
}

export function compileBind(syntax: SyntaxOf<'bind'>, scope: Scope, compiler: Compiler): Filter {
  const source = compiler.compile(syntax.source, scope)
  const alternatives = compilePatterns(syntax.patterns, scope, compiler, (inner) =>
    compiler.compile(syntax.body, inner),
  )
  const [only] = alternatives
  const isSimple = syntax.patterns.length === 1 && syntax.patterns[0]?.type === 'variable'
  const value = source.one
  const body = only?.body.one ?? null
  return {
    one:
      isSimple && value !== null && body !== null
        ? (input, env) => body(input, push(env, value(input, env)))
        : null,
    many: (input, env, emit) =>
      eachOutput(source, input, env, (bound) =>
        eachFitting<Filter, [Json]>(
          alternatives,
          { value: bound, env },
          emit,
          (filter, inner, take) => filter.many(input, inner, take),
        ),
      ),
    paths: (at, env, emit) =>
      eachOutput(source, at.value, env, (bound) =>
        eachFitting<Filter, [Place, Json]>(
          alternatives,
          { value: bound, env },
          emit,
          (filter, inner, take) => filter.paths(at, inner, take),
        ),
      ),
  }
}

/** Binds the first alternative that raises nothing; errors of the last one pass. */
function eachFitting<Body, Output extends readonly unknown[]>(
  alternatives: readonly Alternative<Body>[],
  bound: { readonly value: Json; readonly env: Env },
  emit: (...output: Output) => boolean,
  run: (body: Body, env: Env, take: (...output: Output) => boolean) => boolean,
): boolean {
  const from = (index: number): boolean => {
    const alternative = alternatives[index]
    if (alternative === undefined) return true
    const { body, bind } = alternative
    const attempt = (take: (...output: Output) => boolean) =>
      bind(bound.value, bound.env, (inner) => run(body, inner, take))
    if (index === alternatives.length - 1) return attempt(emit)
    return guarded(attempt, emit, () => from(index + 1))
  }
  return from(0)
}

export function compileReduce(
  syntax: SyntaxOf<'reduce'>,
  scope: Scope,
  compiler: Compiler,
): Filter {
  const source = compiler.compile(syntax.source, scope)
  const start = compiler.compile(syntax.start, scope)
  const updates = compilePatterns(syntax.patterns, scope, compiler, (inner) =>
    compiler.compile(syntax.update, inner),
  )
  const fold = (first: Json, input: Json, env: Env): Json => {
    let state = first
    eachOutput(source, input, env, (value) => {
      env.run.step(1)
      let next: Json = null // an update without output leaves null, as in jq 1.7
      eachFitting<Filter, [Json]>(updates, { value, env }, keep, (filter, inner, take) =>
        filter.many(state, inner, take),
      )
      state = next
      return true
      function keep(output: Json): boolean {
        next = output
        return true
      }
    })
    return state
  }
  const { one } = start
  return {
    one: one === null ? null : (input, env) => fold(one(input, env), input, env),
    many: (input, env, emit) =>
      eachOutput(start, input, env, (first) => emit(fold(first, input, env))),
    paths: (at, env, emit) =>
      start.paths(at, env, (place, value) => {
        const end = foldPaths({ place, value }, at.value, env)
        return emit(end.place, end.value)
      }),
  }

  function foldPaths(first: At, input: Json, env: Env): At {
    let state = first
    eachOutput(source, input, env, (value) => {
      env.run.step(1)
      let next: At = { place: 'off', value: null }
      const keep = (place: Place, output: Json): boolean => {
        next = { place, value: output }
        return true
      }
      eachFitting<Filter, [Place, Json]>(updates, { value, env }, keep, (filter, inner, take) =>
        filter.paths(state, inner, take),
      )
      state = next
      return true
    })
    return state
  }
}

interface Turn {
  readonly update: Filter
  readonly extract: Filter | null
}

export function compileForeach(
  syntax: SyntaxOf<'foreach'>,
  scope: Scope,
  compiler: Compiler,
): Filter {
  const source = compiler.compile(syntax.source, scope)
  const start = compiler.compile(syntax.start, scope)
  const turns = compilePatterns(syntax.patterns, scope, compiler, (inner) => ({
    update: compiler.compile(syntax.update, inner),
    extract: syntax.extract === null ? null : compiler.compile(syntax.extract, inner),
  }))
  const foldPaths = (first: At, input: Json, env: Env, emit: EmitPath): boolean => {
    let state = first
    return eachOutput(source, input, env, (value) => {
      env.run.step(1)
      return eachFitting<Turn, [Place, Json]>(turns, { value, env }, emit, (turn, inner, take) =>
        turn.update.paths(state, inner, (place, output) => {
          state = { place, value: output }
          return turn.extract === null
            ? take(place, output)
            : turn.extract.paths(state, inner, take)
        }),
      )
    })
  }
  return {
    one: null,
    many: (input, env, emit) =>
      eachOutput(start, input, env, (first) => {
        let state = first
        return eachOutput(source, input, env, (value) => {
          env.run.step(1)
          return eachFitting<Turn, [Json]>(turns, { value, env }, emit, (turn, inner, take) =>
            turn.update.many(state, inner, (output) => {
              state = output
              return turn.extract === null ? take(output) : turn.extract.many(output, inner, take)
            }),
          )
        })
      }),
    paths: (at, env, emit) =>
      start.paths(at, env, (place, value) => foldPaths({ place, value }, at.value, env, emit)),
  }
}

/** Compiles the body once for each pattern, since each lays out the environment in its own way. */
function compilePatterns<Body>(
  patterns: readonly Pattern[],
  scope: Scope,
  compiler: Compiler,
  compileBody: (scope: Scope) => Body,
): readonly Alternative<Body>[] {
  const names = patterns.length === 1 ? [] : [...new Set(patterns.flatMap(namesOf))]
  const base = names.reduce((outer, name) => declare(outer, 'variable', name), scope)
  return patterns.map((pattern) => {
    const { bind, inner } = compilePattern(pattern, base, compiler)
    return {
      body: compileBody(inner),
      bind: (value, env, use) =>
        bind(
          value,
          names.reduce((outer) => push(outer, null), env),
          use,
        ),
    }
  })
}

interface Binding {
  readonly bind: Alternative<unknown>['bind']
  /** The scope with the pattern's variables. */
  readonly inner: Scope
}

function compilePattern(pattern: Pattern, scope: Scope, compiler: Compiler): Binding {
  switch (pattern.type) {
    case 'variable':
      return {
        bind: (value, env, use) => use(push(env, value)),
        inner: declare(scope, 'variable', pattern.name),
      }
    case 'array':
      return inTurn(
        pattern.items.map((item, index) => (outer) => {
          const { bind, inner } = compilePattern(item, outer, compiler)
          return {
            bind: (value, env, use) => bind(getAt(value, index, env.run), env, use),
            inner,
          }
        }),
        scope,
      )
    case 'object':
      return inTurn(
        pattern.entries.map((entry) => (outer) => compileEntry(entry, outer, compiler)),
        scope,
      )
  }
}

function compileEntry(entry: PatternEntry, scope: Scope, compiler: Compiler): Binding {
  const key = compiler.compile(entry.key, scope)
  const { variable, value: nested } = entry
  const held = variable === null ? scope : declare(scope, 'variable', variable)
  const below = nested === null ? null : compilePattern(nested, held, compiler)
  return {
    inner: below?.inner ?? held,
    bind: (value, env, use) =>
      eachOutput(key, value, env, (name) => {
        const member = getAt(value, name, env.run)
        const next = variable === null ? env : push(env, member)
        return below === null ? use(next) : below.bind(member, next, use)
      }),
  }
}

/** One binding after the other, each in the scope of those before it. */
function inTurn(parts: readonly ((scope: Scope) => Binding)[], scope: Scope): Binding {
  const bindings: Binding[] = []
  let inner = scope
  for (const part of parts) {
    const binding = part(inner)
    bindings.push(binding)
    inner = binding.inner
  }
  return {
    inner,
    bind: (value, env, use) => {
      const from = (index: number, outer: Env): boolean =>
        bindings[index]?.bind(value, outer, (next) => from(index + 1, next)) ?? use(outer)
      return from(0, env)
    },
  }
}
