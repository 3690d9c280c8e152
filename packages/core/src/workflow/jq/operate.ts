// Operate
//
// What `+ - * / %` and the comparisons do with two values.

import type { Json } from '../../resource/index.ts'
import { describe, fail } from './jq-error.ts'
import type { Run } from './run.ts'
import type { BinaryOperator } from './syntax.ts'
import { compare, depthMax, equal, isArray, isObject, type JsonObject, put } from './value.ts'

export type Operation = (left: Json, right: Json, run: Run) => Json

export const operations: Readonly<Record<BinaryOperator, Operation>> = {
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '%': remainder,
  '==': (left, right) => equal(left, right),
  '!=': (left, right) => !equal(left, right),
  '<': (left, right) => compare(left, right) < 0,
  '<=': (left, right) => compare(left, right) <= 0,
  '>': (left, right) => compare(left, right) > 0,
  '>=': (left, right) => compare(left, right) >= 0,
}

export function add(left: Json, right: Json, run: Run): Json {
  if (typeof left === 'number' && typeof right === 'number') return run.number(left + right)
  if (left === null) return right
  if (right === null) return left
  if (typeof left === 'string' && typeof right === 'string') return run.text(left + right)
  if (isArray(left) && isArray(right)) {
    run.container(left.length + right.length)
    return left.concat(right)
  }
  if (isObject(left) && isObject(right)) {
    run.container(16)
    return { ...left, ...right }
  }
  return fail(`${describe(left)} and ${describe(right)} cannot be added`)
}

function subtract(left: Json, right: Json, run: Run): Json {
  if (typeof left === 'number' && typeof right === 'number') return run.number(left - right)
  if (isArray(left) && isArray(right)) {
    run.container(left.length)
    run.step(left.length * right.length)
    return left.filter((item) => !right.some((other) => equal(item, other)))
  }
  return fail(`${describe(left)} and ${describe(right)} cannot be subtracted`)
}

function multiply(left: Json, right: Json, run: Run): Json {
  if (typeof left === 'number' && typeof right === 'number') return run.number(left * right)
  if (typeof left === 'string' && typeof right === 'number') return repeat(left, right, run)
  if (typeof left === 'number' && typeof right === 'string') return repeat(right, left, run)
  if (isObject(left) && isObject(right)) return merge(left, right, run)
  return fail(`${describe(left)} and ${describe(right)} cannot be multiplied`)
}

const textMax = 536_870_888 // the longest text V8 can hold; the budget ends it far earlier

function repeat(text: string, count: number, run: Run): Json {
  if (Number.isNaN(count) || count < 0) return null
  const times = Math.floor(count)
  if (text.length * times > textMax) return fail('Repeat string result too long')
  run.allot(text.length * times)
  return text.repeat(times)
}

/** Objects joined member by member, objects in objects too. */
function merge(left: JsonObject, right: JsonObject, run: Run): Json {
  const root: { [key: string]: Json } = { ...left }
  const pending: [{ [key: string]: Json }, JsonObject, number][] = [[root, right, 0]]
  for (;;) {
    const next = pending.pop()
    if (next === undefined) return root
    const [made, other, depth] = next
    if (depth > depthMax) return fail('Object merge too deep')
    for (const [key, value] of Object.entries(other)) {
      run.container(4)
      const held = Object.hasOwn(made, key) ? made[key] : undefined
      if (held === undefined || !isObject(held) || !isObject(value)) put(made, key, value)
      else {
        const copy = { ...held }
        put(made, key, copy)
        pending.push([copy, value, depth + 1])
      }
    }
  }
}

function divide(left: Json, right: Json, run: Run): Json {
  if (typeof left === 'number' && typeof right === 'number') {
    if (right !== 0) return run.number(left / right)
    return fail(
      `${describe(left)} and ${describe(right)} cannot be divided because the divisor is zero`,
    )
  }
  if (typeof left === 'string' && typeof right === 'string') return splitText(left, right, run)
  return fail(`${describe(left)} and ${describe(right)} cannot be divided`)
}

export function splitText(text: string, separator: string, run: Run): Json {
  run.allot(text.length * 2)
  if (text === '') return []
  const parts = separator === '' ? [...text] : text.split(separator)
  run.container(parts.length)
  return parts
}

/** On whole numbers; the sign is the left one's. */
function remainder(left: Json, right: Json, run: Run): Json {
  if (typeof left !== 'number' || typeof right !== 'number') {
    return fail(`${describe(left)} and ${describe(right)} cannot be divided`)
  }
  if (Number.isNaN(left) || Number.isNaN(right)) return run.number(Number.NaN)
  if (Number.isSafeInteger(left) && Number.isSafeInteger(right) && right !== 0) {
    return (left % right) + 0 // never -0
  }
  const divisor = toWhole(right)
  if (divisor === 0n) {
    const both = `${describe(left)} and ${describe(right)}`
    return fail(`${both} cannot be divided (remainder) because the divisor is zero`)
  }
  return Number(toWhole(left) % divisor)
}

const wholeMax = 2n ** 63n - 1n

/** A number as a 64-bit integer, as C casts it. */
function toWhole(value: number): bigint {
  if (value >= 2 ** 63) return wholeMax
  return value < -(2 ** 63) ? -wholeMax - 1n : BigInt(Math.trunc(value))
}
