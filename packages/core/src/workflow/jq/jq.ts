// Jq
//
// jq as an expression language: compiled once, evaluated many times. It has all of jq 1.8 but modules,
// input, the process's environment and local time zones; it sees only what it is given, and stops when its
// budget is spent.

import type { Json } from '../../resource/index.ts'
import { makeCompiler } from './compile-jq.ts'
import type { Env, Filter } from './filter.ts'
import { Break, BudgetExceeded, caughtValue } from './jq-error.ts'
import { parseJq } from './parse-jq.ts'
import { type Budget, defaultBudget, Run } from './run.ts'
import { JqSyntaxError, placeOf } from './syntax-error.ts'
import { isArray, isObject } from './value.ts'

export interface Expression {
  readonly source: string
  /** The names of its global variables, without `$`. */
  readonly globals: readonly string[]
  readonly filter: Filter
}

export type Compilation =
  | { readonly ok: true; readonly expression: Expression }
  | { readonly ok: false; readonly reason: string }

const sourceMax = 64 * 1024 // longer is no expression but a program

/** Compiles an expression that may use these global variables. */
export function compileJq(source: string, globals: readonly string[]): Compilation {
  if (source.length > sourceMax) {
    return { ok: false, reason: `an expression has at most ${sourceMax} characters` }
  }
  try {
    const scope = { depth: 0, names: null, globals }
    const filter = makeCompiler().compile(parseJq(source), scope)
    return { ok: true, expression: { source, globals, filter } }
  } catch (error) {
    if (error instanceof JqSyntaxError) {
      return { ok: false, reason: `${error.message} at ${placeOf(source, error.at)}` }
    }
    if (error instanceof RangeError) return { ok: false, reason: 'the expression nests too deep' }
    throw error
  }
}

export interface Given {
  readonly input: Json
  /** The values of the global variables, in the order of their names. */
  readonly globals: readonly Json[]
  readonly nowMs: number
  readonly budget?: Budget
}

export type Evaluation =
  /** `value` is the first output; null where there is none. */
  | { readonly ok: true; readonly value: Json; readonly hasOutput: boolean }
  | { readonly ok: false; readonly reason: string; readonly isBudget: boolean }

/** The first output of an expression. */
export function evaluateJq(expression: Expression, given: Given): Evaluation {
  const { run, env } = start(given)
  const { one, many } = expression.filter
  let value: Json = null
  let hasOutput = one !== null
  try {
    if (one !== null) value = one(given.input, env)
    else {
      many(given.input, env, (output) => {
        value = output
        hasOutput = true
        return false
      })
    }
  } catch (error) {
    return refusal(error)
  }
  return { ok: true, value: run.madeNonFinite ? finite(value) : value, hasOutput }
}

export type AllOutputs =
  | { readonly ok: true; readonly values: readonly Json[] }
  | {
      readonly ok: false
      /** Those before the error. */
      readonly values: readonly Json[]
      readonly reason: string
      readonly isBudget: boolean
    }

/** All outputs of an expression. */
export function evaluateAllJq(expression: Expression, given: Given): AllOutputs {
  const { run, env } = start(given)
  const values: Json[] = []
  try {
    expression.filter.many(given.input, env, (value) => {
      run.container(1)
      values.push(value)
      return true
    })
  } catch (error) {
    return { ...refusal(error), values }
  }
  return { ok: true, values: run.madeNonFinite ? values.map(finite) : values }
}

function start(given: Given): { readonly run: Run; readonly env: Env } {
  const run = new Run(given.globals, given.budget ?? defaultBudget, given.nowMs)
  return { run, env: { held: null, parent: null, run } }
}

function refusal(error: unknown): {
  readonly ok: false
  readonly reason: string
  readonly isBudget: boolean
} {
  if (error instanceof BudgetExceeded) return { ok: false, reason: error.message, isBudget: true }
  if (error instanceof RangeError) {
    return { ok: false, reason: 'the expression recurses too deep', isBudget: true }
  }
  if (error instanceof Break) return { ok: false, reason: 'break', isBudget: false }
  const value = caughtValue(error)
  if (value === undefined || !(error instanceof Error)) throw error
  return { ok: false, reason: error.message, isBudget: false }
}

/** Without the numbers that JSON cannot say: what is stored is what went on. */
function finite(value: Json): Json {
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return null
    return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value))
  }
  if (isArray(value)) return value.map(finite)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, finite(held)]))
}
