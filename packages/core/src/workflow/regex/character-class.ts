// Character class
//
// Sets of characters, by JavaScript's own engine on one character at a time: that it can do for ever without taking longer.
// What is written is Oniguruma's; what it is turned into is JavaScript's with flag `v`.

import type { CharacterSet } from './regex-node.ts'
import { RegexSyntaxError } from './regex-syntax-error.ts'

/** What `\d`, `\w` and `\s` mean, as members of a class. */
export interface Shorthands {
  readonly d: string
  readonly w: string
  readonly s: string
}
export const unicodeShorthands: Shorthands = {
  d: '\\p{Nd}',
  w: '\\p{L}\\p{M}\\p{N}\\p{Pc}',
  s: '\\t-\\r\\x85\\p{Z}',
}
export const ecmaShorthands: Shorthands = { d: '0-9', w: 'A-Za-z0-9_', s: '\\s' }

const posix: Readonly<Record<string, string>> = {
  alnum: '\\p{L}\\p{M}\\p{Nd}',
  alpha: '\\p{L}\\p{M}',
  ascii: '\\x00-\\x7f',
  blank: '\\p{Zs}\\t',
  cntrl: '\\p{Cc}',
  digit: '\\p{Nd}',
  graph: '[^\\p{Z}\\p{Cc}\\p{Cn}\\p{Cs}]',
  lower: '\\p{Lowercase}',
  print: '[^\\p{Cc}\\p{Cn}\\p{Cs}]',
  punct: '\\p{P}\\p{S}',
  space: unicodeShorthands.s,
  upper: '\\p{Uppercase}',
  word: unicodeShorthands.w,
  xdigit: '0-9a-fA-F',
}

const ascii = 128

/** Decides on ASCII once per character, and on others each time. */
class NativeSet implements CharacterSet {
  readonly #native: RegExp
  /** 0: not known yet, 1: has it, 2: has it not; written by `has`. */
  readonly #known = new Uint8Array(ascii)

  constructor(native: RegExp) {
    this.#native = native
  }

  has(codepoint: number): boolean {
    const known = codepoint < ascii ? this.#known[codepoint] : 0
    if (known === 1 || known === 2) return known === 1
    const has = this.#native.test(String.fromCodePoint(codepoint))
    if (codepoint < ascii) this.#known[codepoint] = has ? 1 : 2
    return has
  }
}

/** The set of a class as JavaScript writes it: `[^\p{L}0-9]`. */
export function nativeSet(source: string, ignoresCase: boolean): CharacterSet {
  try {
    return new NativeSet(new RegExp(`^${source}$`, ignoresCase ? 'vi' : 'v'))
  } catch {
    throw new RegexSyntaxError('invalid character class')
  }
}

/** A character as a member of a class. */
export function memberOf(codepoint: number): string {
  return `\\u{${codepoint.toString(16)}}`
}

/** `[:alpha:]` or `\p{Alpha}`; other names are JavaScript's properties. */
export function namedClass(name: string, isNot: boolean): string {
  const known = posix[name.toLowerCase().replace(/[ _-]/g, '')]
  if (known === undefined) return `\\${isNot ? 'P' : 'p'}{${name}}`
  return `[${isNot ? '^' : ''}${known}]`
}

export function isPosixName(name: string): boolean {
  return Object.hasOwn(posix, name)
}
