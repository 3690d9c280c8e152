// Compile value
//
// Objects and strings with interpolations: all combinations of the outputs of their parts.

import type { Json } from '../../resource/index.ts'
import type { Compiler } from './compiler.ts'
import { type Emit, type Env, eachOutput, type Filter, manyFilter, oneFilter } from './filter.ts'
import { formats } from './format.ts'
import { describe, fail } from './jq-error.ts'
import type { Run } from './run.ts'
import type { Scope } from './scope.ts'
import type { Syntax } from './syntax.ts'
import { JqSyntaxError } from './syntax-error.ts'
import { put } from './value.ts'

type SyntaxOf<Type extends Syntax['type']> = Extract<Syntax, { readonly type: Type }>

export function compileObject(
  { entries }: SyntaxOf<'object'>,
  scope: Scope,
  compiler: Compiler,
): Filter {
  const members = entries.map(({ key, value }) => ({
    key: compiler.compile(key, scope),
    value: compiler.compile(value, scope),
  }))
  const parts = members.flatMap(({ key, value }) => [key, value])
  const make = (values: readonly Json[], run: Run): Json => {
    run.container(entries.length)
    const object: { [key: string]: Json } = {}
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i] ?? null
      if (typeof key !== 'string') {
        return fail(`Object keys must be strings, not ${describe(key)}`)
      }
      put(object, key, values[i + 1] ?? null)
    }
    return object
  }
  return combine(parts, make)
}

export function compileString(
  { parts, format }: SyntaxOf<'string'>,
  scope: Scope,
  compiler: Compiler,
): Filter {
  const write = formats.get(format === '' ? '@text' : format)
  if (write === undefined) throw new JqSyntaxError(`${format} is not a valid format`, 0)
  const filters = parts
    .filter((part) => typeof part !== 'string')
    .map((part) => compiler.compile(part, scope))
    .reverse() // the last interpolation is the outermost loop, as in jq
  return combine(filters, (values, run) => {
    let next = values.length
    let text = ''
    for (const part of parts) {
      if (typeof part === 'string') text += part
      else {
        next -= 1
        text += write(values[next] ?? null, run)
      }
    }
    return run.text(text)
  })
}

/** Makes a value of every combination of the parts' outputs, the first part the outermost loop. */
export function combine(
  parts: readonly Filter[],
  make: (values: readonly Json[], run: Run) => Json,
): Filter {
  const ones = parts.flatMap(({ one }) => (one === null ? [] : [one]))
  if (ones.length === parts.length) {
    return oneFilter((input, env) =>
      make(
        ones.map((one) => one(input, env)),
        env.run,
      ),
    )
  }
  return manyFilter((input, env, emit) =>
    eachCombination(parts, input, env, (values) => emit(make(values, env.run))),
  )
}

/** Calls back with every combination of the parts' outputs, the first part the outermost loop. */
export function eachCombination(
  parts: readonly Filter[],
  input: Json,
  env: Env,
  take: (values: readonly Json[]) => boolean,
): boolean {
  const from = (index: number, values: readonly Json[]): boolean => {
    const part = parts[index]
    if (part === undefined) return take(values)
    const next: Emit = (value) => from(index + 1, [...values, value])
    return eachOutput(part, input, env, next)
  }
  return from(0, [])
}
