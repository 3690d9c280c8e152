// Compile jq
//
// Syntax tree → filter. No text is ever evaluated as JavaScript: the result is a tree of closures.

import type { Json } from '../../resource/index.ts'
import { compileAccess } from './compile-access.ts'
import { compileAssign } from './compile-assign.ts'
import { compileBind, compileForeach, compileReduce } from './compile-bind.ts'
import { compileCall } from './compile-call.ts'
import { compileObject, compileString } from './compile-value.ts'
import type { Compiler } from './compiler.ts'
import {
  Closure,
  collect,
  type Env,
  envUp,
  type Filter,
  guarded,
  manyFilter,
  oneFilter,
  type Place,
  push,
} from './filter.ts'
import { formats } from './format.ts'
import { Break, caughtValue, describe, fail } from './jq-error.ts'
import { operations } from './operate.ts'
import { declare, declareFunction, findVariable, type Scope } from './scope.ts'
import type { Syntax } from './syntax.ts'
import { JqSyntaxError } from './syntax-error.ts'
import { isTrue } from './value.ts'

type SyntaxOf<Type extends Syntax['type']> = Extract<Syntax, { readonly type: Type }>
const nodesMax = 50_000 // far beyond what people write; bodies of functions count at each call

export function makeCompiler(): Compiler {
  let nodes = 0
  const compiler: Compiler = {
    compile: (syntax, scope) => {
      nodes += 1
      if (nodes > nodesMax) throw new JqSyntaxError('the expression is too large', 0)
      return compile(syntax, scope, compiler)
    },
  }
  return compiler
}

function compile(syntax: Syntax, scope: Scope, compiler: Compiler): Filter {
  switch (syntax.type) {
    case 'identity':
      return identity
    case 'literal':
      return oneFilter(() => syntax.value)
    case 'index':
    case 'slice':
    case 'iterate':
      return compileAccess(syntax, scope, compiler)
    case 'string':
      return compileString(syntax, scope, compiler)
    case 'format':
      return compileFormat(syntax)
    case 'array':
      return compileArray(syntax, scope, compiler)
    case 'object':
      return compileObject(syntax, scope, compiler)
    case 'negate':
      return compileNegate(syntax, scope, compiler)
    case 'pipe':
      return compilePipe(syntax, scope, compiler)
    case 'comma':
      return compileComma(syntax, scope, compiler)
    case 'and':
    case 'or':
      return compileLogic(syntax, scope, compiler)
    case 'alternative':
      return compileAlternative(syntax, scope, compiler)
    case 'binary':
      return compileBinary(syntax, scope, compiler)
    case 'assign':
      return compileAssign(syntax, scope, compiler)
    case 'if':
      return compileIf(syntax, scope, compiler)
    case 'try':
      return compileTry(syntax, scope, compiler)
    case 'reduce':
      return compileReduce(syntax, scope, compiler)
    case 'foreach':
      return compileForeach(syntax, scope, compiler)
    case 'define':
      return compiler.compile(syntax.body, declareFunction(scope, syntax.definition))
    case 'call':
      return compileCall(syntax, scope, compiler)
    case 'variable':
      return compileVariable(syntax, scope)
    case 'bind':
      return compileBind(syntax, scope, compiler)
    case 'label':
      return compileLabel(syntax, scope, compiler)
    case 'break':
      return compileBreak(syntax, scope)
  }
}

const identity: Filter = {
  one: (input) => input,
  many: (input, _, emit) => emit(input),
  paths: (at, _, emit) => emit(at.place, at.value),
}

function compileFormat({ name }: SyntaxOf<'format'>): Filter {
  const format = formats.get(name)
  if (format === undefined) throw new JqSyntaxError(`${name} is not a valid format`, 0)
  return oneFilter((input, env) => format(input, env.run))
}

function compileArray({ body }: SyntaxOf<'array'>, scope: Scope, compiler: Compiler): Filter {
  if (body === null) return oneFilter(() => [])
  const items = compiler.compile(body, scope)
  return oneFilter((input, env) => collect(items, input, env))
}

function compileNegate({ body }: SyntaxOf<'negate'>, scope: Scope, compiler: Compiler): Filter {
  const operand = compiler.compile(body, scope)
  const negate = (value: Json): Json =>
    typeof value === 'number' ? 0 - value : fail(`${describe(value)} cannot be negated`)
  const { one, many } = operand
  if (one !== null) return oneFilter((input, env) => negate(one(input, env)))
  return manyFilter((input, env, emit) => many(input, env, (value) => emit(negate(value))))
}

function compilePipe(syntax: SyntaxOf<'pipe'>, scope: Scope, compiler: Compiler): Filter {
  const left = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  const first = left.one
  const second = right.one
  return {
    one: first === null || second === null ? null : (input, env) => second(first(input, env), env),
    many:
      first === null
        ? (input, env, emit) => left.many(input, env, (value) => right.many(value, env, emit))
        : (input, env, emit) => right.many(first(input, env), env, emit),
    paths: (at, env, emit) =>
      left.paths(at, env, (place, value) => right.paths({ place, value }, env, emit)),
  }
}

function compileComma(syntax: SyntaxOf<'comma'>, scope: Scope, compiler: Compiler): Filter {
  const left = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  return {
    one: null,
    many: (input, env, emit) => left.many(input, env, emit) && right.many(input, env, emit),
    paths: (at, env, emit) => left.paths(at, env, emit) && right.paths(at, env, emit),
  }
}

function compileLogic(syntax: SyntaxOf<'and' | 'or'>, scope: Scope, compiler: Compiler): Filter {
  const left = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  const decides = syntax.type === 'or' // the left value that needs no right one
  const first = left.one
  const second = right.one
  if (first !== null && second !== null) {
    return oneFilter((input, env) =>
      isTrue(first(input, env)) === decides ? decides : isTrue(second(input, env)),
    )
  }
  return manyFilter((input, env, emit) =>
    left.many(input, env, (value) =>
      isTrue(value) === decides
        ? emit(decides)
        : right.many(input, env, (other) => emit(isTrue(other))),
    ),
  )
}

function compileAlternative(
  syntax: SyntaxOf<'alternative'>,
  scope: Scope,
  compiler: Compiler,
): Filter {
  const left = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  const first = left.one
  const second = right.one
  const orElse = (input: Json, env: Env): Json | undefined => {
    if (first === null) return undefined
    try {
      const value = first(input, env)
      return isTrue(value) ? value : undefined
    } catch (error) {
      if (caughtValue(error) === undefined) throw error
      return undefined
    }
  }
  return {
    one:
      first === null || second === null
        ? null
        : (input, env) => orElse(input, env) ?? second(input, env),
    many: (input, env, emit) => {
      let found = false
      const wanted = guarded<[Json]>(
        (take) =>
          left.many(input, env, (value) => {
            if (!isTrue(value)) return true
            found = true
            return take(value)
          }),
        emit,
        goOn,
      )
      return found || !wanted ? wanted : right.many(input, env, emit)
    },
    paths: (at, env, emit) => {
      let found = false
      const wanted = guarded<[Place, Json]>(
        (take) =>
          left.paths(at, env, (place, value) => {
            if (!isTrue(value)) return true
            found = true
            return take(place, value)
          }),
        emit,
        goOn,
      )
      return found || !wanted ? wanted : right.paths(at, env, emit)
    },
  }
}

function goOn(): boolean {
  return true
}

function compileBinary(syntax: SyntaxOf<'binary'>, scope: Scope, compiler: Compiler): Filter {
  const operation = operations[syntax.operator]
  const left = compiler.compile(syntax.left, scope)
  const right = compiler.compile(syntax.right, scope)
  const first = left.one
  const second = right.one
  if (first !== null && second !== null) {
    return oneFilter((input, env) => operation(first(input, env), second(input, env), env.run))
  }
  // The right side is the outer loop, as in jq.
  return manyFilter((input, env, emit) =>
    right.many(input, env, (other) =>
      left.many(input, env, (value) => emit(operation(value, other, env.run))),
    ),
  )
}

function compileIf(syntax: SyntaxOf<'if'>, scope: Scope, compiler: Compiler): Filter {
  const condition = compiler.compile(syntax.condition, scope)
  const then = compiler.compile(syntax.then, scope)
  const otherwise = compiler.compile(syntax.otherwise, scope)
  const test = condition.one
  const yes = then.one
  const no = otherwise.one
  return {
    one:
      test === null || yes === null || no === null
        ? null
        : (input, env) => (isTrue(test(input, env)) ? yes(input, env) : no(input, env)),
    many: (input, env, emit) =>
      condition.many(input, env, (value) =>
        (isTrue(value) ? then : otherwise).many(input, env, emit),
      ),
    paths: (at, env, emit) =>
      condition.many(at.value, env, (value) =>
        (isTrue(value) ? then : otherwise).paths(at, env, emit),
      ),
  }
}

function compileTry(syntax: SyntaxOf<'try'>, scope: Scope, compiler: Compiler): Filter {
  const body = compiler.compile(syntax.body, scope)
  const handler = syntax.handler === null ? null : compiler.compile(syntax.handler, scope)
  const first = body.one
  const second = handler?.one ?? null
  return {
    one:
      first === null || second === null
        ? null
        : (input, env) => {
            try {
              return first(input, env)
            } catch (error) {
              const value = caughtValue(error)
              if (value === undefined) throw error
              return second(value, env)
            }
          },
    many: (input, env, emit) =>
      guarded<[Json]>(
        (take) => body.many(input, env, take),
        emit,
        (value) => (handler === null ? true : handler.many(value, env, emit)),
      ),
    paths: (at, env, emit) =>
      guarded<[Place, Json]>(
        (take) => body.paths(at, env, take),
        emit,
        (value) => {
          if (handler === null) return true
          return handler.paths({ place: 'off', value }, env, emit)
        },
      ),
  }
}

function compileVariable({ name, at }: SyntaxOf<'variable'>, scope: Scope): Filter {
  const binding = findVariable(scope, 'variable', name)
  if (binding !== null && binding.kind === 'variable') {
    const levels = scope.depth - binding.depth
    return oneFilter((_, env) => valueIn(envUp(env, levels)))
  }
  const index = scope.globals.indexOf(name)
  if (index >= 0) return oneFilter((_, env) => env.run.globals[index] ?? null)
  // The process's environment is none of an expression's business.
  if (name === 'ENV') return oneFilter(() => ({}))
  throw new JqSyntaxError(`$${name} is not defined`, at)
}

function valueIn({ held }: Env): Json {
  return held instanceof Closure || held instanceof Break ? null : held
}

function compileLabel(syntax: SyntaxOf<'label'>, scope: Scope, compiler: Compiler): Filter {
  const body = compiler.compile(syntax.body, declare(scope, 'label', syntax.name))
  const until = (env: Env, run: (inner: Env) => boolean): boolean => {
    const mark = new Break()
    try {
      return run(push(env, mark))
    } catch (error) {
      if (error !== mark) throw error
      return true
    }
  }
  return {
    one: null,
    many: (input, env, emit) => until(env, (inner) => body.many(input, inner, emit)),
    paths: (at, env, emit) => until(env, (inner) => body.paths(at, inner, emit)),
  }
}

function compileBreak({ name, at }: SyntaxOf<'break'>, scope: Scope): Filter {
  const binding = findVariable(scope, 'label', name)
  if (binding === null || binding.kind !== 'label') {
    throw new JqSyntaxError(`$*label-${name} is not defined`, at)
  }
  const levels = scope.depth - binding.depth
  return manyFilter((_, env) => {
    throw envUp(env, levels).held
  })
}
