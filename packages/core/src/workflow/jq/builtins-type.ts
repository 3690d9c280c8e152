// Builtins: type
//
// What asks for a value's kind, or turns one kind into another.

import type { Json } from '../../resource/index.ts'
import { bytesOf, describe, fail } from './jq-error.ts'
import { readJson, writeJson } from './json-text.ts'
import { isArray, isObject, isTrue, kindOf, lengthOf } from './value.ts'
import type { ValueBuiltin } from './value-builtin.ts'

const numeral = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

export const typeBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  'type/0': (input) => kindOf(input),
  'not/0': (input) => !isTrue(input),
  'length/0': length,
  'utf8bytelength/0': (input) => {
    if (typeof input === 'string') return bytesOf(input)
    return fail(`${describe(input)} only strings have UTF-8 byte length`)
  },
  'tostring/0': (input, _, run) => (typeof input === 'string' ? input : run.text(writeJson(input))),
  'tojson/0': (input, _, run) => run.text(writeJson(input)),
  'fromjson/0': (input, _, run) => {
    if (typeof input !== 'string') return fail(`${describe(input)} cannot be parsed as JSON`)
    run.text(input)
    const reading = readJson(input)
    if (!reading.ok) return fail(reading.reason)
    run.number(Number.NaN) // `nan` may hide anywhere in it
    return reading.value
  },
  'tonumber/0': (input, _, run) => {
    if (typeof input === 'number') return input
    if (typeof input === 'string' && numeral.test(input)) return run.number(Number(input))
    return fail(`${describe(input)} cannot be parsed as a number`)
  },
  'toboolean/0': (input) => {
    if (typeof input === 'boolean') return input
    if (input === 'true' || input === 'false') return input === 'true'
    return fail(`${describe(input)} cannot be parsed as a boolean`)
  },
  'toarray/0': (input) => (isArray(input) ? input : [input]),
  'infinite/0': (_, __, run) => run.number(Number.POSITIVE_INFINITY),
  'nan/0': (_, __, run) => run.number(Number.NaN),
  'isinfinite/0': (input) => Math.abs(needNumber(input)) === Number.POSITIVE_INFINITY,
  'isnan/0': (input) => Number.isNaN(needNumber(input)),
  'isnormal/0': (input) => {
    const value = Math.abs(needNumber(input))
    return Number.isFinite(value) && value >= smallestNormal
  },
  'have_literal_numbers/0': () => true,
  'have_decnum/0': () => false,
  'debug/0': (input) => input,
  'debug/1': (input) => input,
  'stderr/0': (input) => input,
  'input_filename/0': () => null,
  'input_line_number/0': () => 0,
  'env/0': () => ({}), // the process's environment is none of an expression's business
  'now/0': (_, __, run) => run.nowMs / 1000,
  // One input is all there is.
  'input/0': () => fail('break'),
}

const smallestNormal = 2.2250738585072014e-308

/** The number, or the message that one is required. */
export function needNumber(value: Json): number {
  return typeof value === 'number' ? value : fail(`${describe(value)} number required`)
}

function length(input: Json): Json {
  if (input === null) return 0
  if (typeof input === 'string') return lengthOf(input)
  if (isArray(input)) return input.length
  if (isObject(input)) return Object.keys(input).length
  return typeof input === 'number' ? Math.abs(input) : fail(`${describe(input)} has no length`)
}
