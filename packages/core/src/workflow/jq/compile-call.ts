// Compile call
//
// What a name with arguments means: a parameter, a function of the expression, or a builtin. Builtins are
// of three kinds: over values (every combination of their arguments' outputs), over filters, and those
// written in jq itself.

import { filterBuiltins } from './builtins-filter.ts'
import { preludeDefinitions } from './builtins-prelude.ts'
import { valueBuiltins } from './builtins-value.ts'
import { eachCombination } from './compile-value.ts'
import type { Compiler } from './compiler.ts'
import { Closure, type Env, envUp, type Filter, manyFilter, oneFilter, push } from './filter.ts'
import {
  type Binding,
  type Body,
  declareClosure,
  declareFunction,
  type FunctionBinding,
  findFunction,
  type Scope,
} from './scope.ts'
import type { Syntax } from './syntax.ts'
import { JqSyntaxError } from './syntax-error.ts'
import type { ValueBuiltin } from './value-builtin.ts'

type Call = Extract<Syntax, { readonly type: 'call' }>

export function compileCall(syntax: Call, scope: Scope, compiler: Compiler): Filter {
  const { name, args } = syntax
  const binding = findFunction(scope, name, args.length)
  if (binding?.kind === 'closure') return closureFilter(binding, scope)
  const filters = args.map((arg) => compiler.compile(arg, scope))
  if (binding?.kind === 'function') return callFunction(binding, filters, scope, compiler)
  return callBuiltin(syntax, filters, scope, compiler)
}

/** A parameter: runs what was given in the scope it was given in. */
function closureFilter(binding: Extract<Binding, { kind: 'closure' }>, scope: Scope): Filter {
  const levels = scope.depth - binding.depth
  return {
    one: binding.isOne
      ? (input, env) => {
          const { filter, env: outer } = closureAt(env, levels)
          const { one } = filter
          if (one === null) throw new Error(`${binding.name} was to have one output`)
          return one(input, outer)
        }
      : null,
    many: (input, env, emit) => {
      const { filter, env: outer } = closureAt(env, levels)
      return filter.many(input, outer, emit)
    },
    paths: (at, env, emit) => {
      const { filter, env: outer } = closureAt(env, levels)
      return filter.paths(at, outer, emit)
    },
  }
}

function closureAt(env: Env, levels: number): Closure {
  const { held } = envUp(env, levels)
  if (!(held instanceof Closure)) throw new Error('a parameter is not where the compiler put it')
  return held
}

function callFunction(
  binding: FunctionBinding,
  args: readonly Filter[],
  scope: Scope,
  compiler: Compiler,
): Filter {
  const levels = scope.depth - binding.scope.depth
  const body = bodyOf(
    binding,
    args.every(({ one }) => one !== null),
    compiler,
  )
  const enter = (env: Env): Env => {
    env.run.step(1)
    let inner = envUp(env, levels)
    for (const arg of args) inner = push(inner, new Closure(arg, env))
    return inner
  }
  return {
    one: body.isOne ? (input, env) => oneOf(body)(input, enter(env)) : null,
    many: (input, env, emit) => filterOf(body).many(input, enter(env), emit),
    paths: (at, env, emit) => filterOf(body).paths(at, enter(env), emit),
  }
}

function filterOf({ filter }: Body): Filter {
  if (filter === null) throw new Error('a function runs before it is compiled')
  return filter
}

function oneOf(body: Body) {
  const { one } = filterOf(body)
  if (one === null) throw new Error('a function was to have one output')
  return one
}

/**
 * Where all arguments have one output, the body is first taken to have one too, recursion
 * included, and compiled again where that turns out wrong.
 */
function bodyOf(binding: FunctionBinding, isOneEach: boolean, compiler: Compiler): Body {
  const held = binding.bodies.get(isOneEach)
  if (held !== undefined) return held
  const { definition } = binding
  const inner = definition.parameters.reduce(
    (outer, name) => declareClosure(outer, name, isOneEach),
    withItself(binding),
  )
  for (const isOne of isOneEach ? [true, false] : [false]) {
    const body: Body = { isOne, filter: null }
    binding.bodies.set(isOneEach, body)
    body.filter = compiler.compile(definition.body, inner)
    if (!isOne || body.filter.one !== null) return body
  }
  throw new Error('a function without a body')
}

function withItself(binding: FunctionBinding): Scope {
  const { scope } = binding
  return { ...scope, names: { binding, outer: scope.names } }
}

function callBuiltin(
  { name, at }: Call,
  args: readonly Filter[],
  scope: Scope,
  compiler: Compiler,
): Filter {
  const key = `${name}/${args.length}`
  const special = filterBuiltins.get(key)
  if (special !== undefined) return special(args)
  const plain = valueBuiltins.get(key)
  if (plain !== undefined) return callPlain(plain, args)
  if (key === 'builtins/0') return oneFilter(() => builtinNames)
  const definition = preludeDefinitions.get(key)
  if (definition === undefined) throw new JqSyntaxError(`${key} is not defined`, at)
  const inner = declareFunction({ ...scope, names: null }, definition)
  const binding = findFunction(inner, name, args.length)
  if (binding?.kind !== 'function') throw new Error(`${key} is not in the prelude`)
  return callFunction(binding, args, scope, compiler)
}

const builtinNames = [
  ...filterBuiltins.keys(),
  ...valueBuiltins.keys(),
  ...preludeDefinitions.keys(),
].filter((key) => !key.startsWith('_'))

/** Calls a builtin with every combination of its arguments' outputs, the last one outermost. */
function callPlain(builtin: ValueBuiltin, args: readonly Filter[]): Filter {
  const ones = args.flatMap(({ one }) => (one === null ? [] : [one]))
  const [first] = ones
  if (args.length === 0) return oneFilter((input, env) => builtin(input, [], env.run))
  if (args.length === 1 && first !== undefined) {
    return oneFilter((input, env) => builtin(input, [first(input, env)], env.run))
  }
  if (ones.length === args.length) {
    return oneFilter((input, env) =>
      builtin(
        input,
        ones.map((one) => one(input, env)),
        env.run,
      ),
    )
  }
  const outermostFirst = args.toReversed()
  return manyFilter((input, env, emit) =>
    eachCombination(outermostFirst, input, env, (values) =>
      emit(builtin(input, values.toReversed(), env.run)),
    ),
  )
}
