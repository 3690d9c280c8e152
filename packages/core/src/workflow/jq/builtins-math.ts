// Builtins: math
//
// The functions of C's math library that jq has, over doubles.

import { needNumber } from './builtins-type.ts'
import { describe, fail } from './jq-error.ts'
import { argument, type ValueBuiltin } from './value-builtin.ts'

const unary: Readonly<Record<string, (x: number) => number>> = {
  floor: Math.floor,
  ceil: Math.ceil,
  round: (x) => Math.sign(x) * Math.round(Math.abs(x)),
  trunc: Math.trunc,
  rint: roundEven,
  nearbyint: roundEven,
  sqrt: Math.sqrt,
  cbrt: Math.cbrt,
  fabs: Math.abs,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  exp10: (x) => 10 ** x,
  pow10: (x) => 10 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  logb: (x) => (x === 0 ? Number.NEGATIVE_INFINITY : exponentOf(x) - 1),
  significand: (x) => (x === 0 ? 0 : x / 2 ** (exponentOf(x) - 1)),
  gamma: logGamma,
  lgamma: logGamma,
  lgamma_r: logGamma,
  tgamma: gamma,
}

const binary: Readonly<Record<string, (x: number, y: number) => number>> = {
  pow: (x, y) => x ** y,
  atan2: Math.atan2,
  fmod: (x, y) => x % y,
  fmin: (x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.min(x, y)),
  fmax: (x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.max(x, y)),
  fdim: (x, y) => Math.max(x - y, 0),
  hypot: Math.hypot,
  copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
  drem: (x, y) => x - y * roundEven(x / y),
  ldexp: (x, y) => x * 2 ** y,
  scalb: (x, y) => x * 2 ** y,
  scalbln: (x, y) => x * 2 ** y,
}

export const mathBuiltins: Readonly<Record<string, ValueBuiltin>> = {
  ...Object.fromEntries(
    Object.entries(unary).map(([name, fn]): [string, ValueBuiltin] => [
      `${name}/0`,
      (input, _, run) => run.number(fn(needNumber(input))),
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(binary).map(([name, fn]): [string, ValueBuiltin] => [
      `${name}/2`,
      (_, args, run) =>
        run.number(fn(needNumber(argument(args, 0)), needNumber(argument(args, 1)))),
    ]),
  ),
  'fma/3': (_, args, run) => {
    const [x, y, z] = [0, 1, 2].map((index) => needNumber(argument(args, index)))
    return run.number((x ?? 0) * (y ?? 0) + (z ?? 0))
  },
  'abs/0': (input) => {
    if (typeof input === 'number') return input < 0 ? -input : input
    return typeof input === 'string' ? input : fail(`${describe(input)} has no absolute value`)
  },
  'frexp/0': (input, _, run) => {
    const x = needNumber(input)
    if (x === 0 || !Number.isFinite(x)) return [run.number(x), 0]
    const exponent = exponentOf(x)
    return [x / 2 ** exponent, exponent]
  },
  'modf/0': (input, _, run) => {
    const x = needNumber(input)
    if (!Number.isFinite(x)) return [Number.isNaN(x) ? run.number(x) : 0, run.number(x)]
    return [x - Math.trunc(x), Math.trunc(x)]
  },
}

/** The exponent of a number written as 0.5 ≤ m < 1 times a power of two. */
function exponentOf(x: number): number {
  let exponent = Math.floor(Math.log2(Math.abs(x))) + 1
  const mantissa = Math.abs(x) / 2 ** exponent
  if (mantissa >= 1) exponent += 1
  if (mantissa < 0.5) exponent -= 1
  return exponent
}

function roundEven(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  if (rest !== 0.5) return Math.round(x)
  return below % 2 === 0 ? below : below + 1
}

// Lanczos, g = 7, nine terms: 15 digits.
const lanczos = [
  0.9999999999998099, 676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406,
  12.507343278686905, -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
]

function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x)
  const shifted = x - 1
  const sum = lanczos.reduce((all, term, i) => (i === 0 ? term : all + term / (shifted + i)), 0)
  const t = shifted + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum)
}

function gamma(x: number): number {
  if (Number.isInteger(x) && x > 0 && x < 20) {
    let product = 1
    for (let i = 2; i < x; i++) product *= i
    return product
  }
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x))
  return Math.exp(logGamma(x))
}
