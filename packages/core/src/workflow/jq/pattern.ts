// Pattern
//
// Regular expressions of jq (Oniguruma, Perl syntax) on JavaScript's engine. What that engine lacks
// (atomic groups, possessive quantifiers, recursion) is refused with a message.

import type { Json } from '../../resource/index.ts'
import { describe, fail } from './jq-error.ts'
import type { Run } from './run.ts'
import { hasAstral, isArray } from './value.ts'

export interface Match {
  readonly offset: number
  readonly length: number
  readonly string: string
  readonly captures: readonly Capture[]
}

export interface Capture {
  readonly offset: number
  readonly length: number
  readonly string: string | null
  readonly name: string | null
}

/** All matches, or the first where the flags lack `g`. */
export function matchesOf(input: Json, pattern: Json, flags: Json, run: Run): readonly Match[] {
  if (typeof input !== 'string') {
    return fail(`${describe(input)} cannot be matched, as it is not a string`)
  }
  const { source, letters } = partsOf(pattern, flags)
  const { expression, names } = translate(source, letters)
  const place = placer(input)
  const found: Match[] = []
  run.step(1 + input.length)
  for (const match of input.matchAll(expression)) {
    run.step(1)
    run.container(8)
    if (letters.includes('n') && match[0] === '') continue
    found.push(matchOf(match, names, place))
    if (!letters.includes('g')) break
  }
  return found
}

function partsOf(
  pattern: Json,
  flags: Json,
): { readonly source: string; readonly letters: string } {
  const source = isArray(pattern) ? (pattern[0] ?? null) : pattern
  const letters = isArray(pattern) && pattern.length > 1 ? (pattern[1] ?? null) : flags
  if (typeof source !== 'string') {
    return fail(`${describe(source)} cannot be matched, as it is not a string`)
  }
  if (letters !== null && typeof letters !== 'string') {
    return fail(`${describe(letters)} is not a string`)
  }
  const wrong = /[^gixspnl]/.exec(letters ?? '')
  if (wrong !== null) return fail(`${letters} is not a valid modifier string`)
  return { source, letters: letters ?? '' }
}

interface Translated {
  readonly expression: RegExp
  /** The name of each group, null where it has none. */
  readonly names: readonly (string | null)[]
}

const posix: Readonly<Record<string, string>> = {
  alnum: '\\p{L}\\p{N}',
  alpha: '\\p{L}',
  ascii: '\\x00-\\x7f',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '\\p{Nd}',
  lower: '\\p{Ll}',
  print: '\\x20-\\x7e',
  punct: '\\p{P}\\p{S}',
  space: '\\s',
  upper: '\\p{Lu}',
  word: '\\w',
  xdigit: '0-9a-fA-F',
}
const groupName = /\(\?<([A-Za-z_]\w*)>|\\.|\((?!\?)|\[(?:\\.|[^\]\\])*\]/g
const kept = /[\^$\\.*+?()[\]{}|/bBdDsSwWnrtfvpPkuxc0-9-]/

function translate(source: string, letters: string): Translated {
  const inline = /^\(\?([imx]+)\)/.exec(source)
  const flags = letters + (inline?.[1] ?? '').replace('m', 'p')
  const body = source.slice(inline?.[0].length ?? 0)
  const bare = flags.includes('x') ? withoutComments(body) : body
  const text = bare
    .replace(/\[:(\^?)(\w+):\]/g, (all, not: string, name: string) =>
      not === '' ? (posix[name] ?? all) : all,
    )
    .replace(/\\([\s\S])/gu, (all, character: string) => escapeOf(all, character))
  const names = [...text.matchAll(groupName)]
    .filter(([whole]) => whole.startsWith('('))
    .map((match) => match[1] ?? null)
  const own = `gud${flags.includes('i') ? 'i' : ''}${flags.includes('p') ? 's' : ''}`
  try {
    return { expression: new RegExp(text, own), names }
  } catch (error) {
    const said = error instanceof Error ? error.message.replace(/^.*: /, '') : String(error)
    return fail(`${source} (at offset 0) is not a valid regex: ${said}`)
  }
}

/** What JavaScript writes in another way. */
function escapeOf(all: string, character: string): string {
  if (character === 'h') return '[0-9a-fA-F]'
  if (character === 'H') return '[^0-9a-fA-F]'
  if (character === 'A') return '^'
  if (character === 'z') return '$'
  if (character === 'Z') return '(?=\\n?$)'
  if (character === '-') return '\\x2d'
  if (character === 'a') return '\\x07'
  if (character === 'e') return '\\x1b'
  return kept.test(character) ? all : character
}

/** A pattern as flag `x` means it: blanks and comments outside classes are for people. */
function withoutComments(source: string): string {
  return source.replace(/\\[\s\S]|\[(?:\\.|[^\]\\])*\]|\s+|#[^\n]*/g, (part) =>
    /^[\s#]/.test(part) ? '' : part,
  )
}

/** Indexes as codepoints. */
function placer(text: string): (index: number) => number {
  if (!hasAstral(text)) return (index) => index
  let units = 0
  let points = 0
  return (index) => {
    if (index < units) {
      units = 0
      points = 0
    }
    for (; units < index; points++) units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1
    return points
  }
}

function matchOf(
  match: RegExpExecArray,
  names: readonly (string | null)[],
  place: (index: number) => number,
): Match {
  const span = (start: number, end: number) => {
    const offset = place(start)
    return { offset, length: place(end) - offset }
  }
  const captures = names.map((name, i): Capture => {
    const at = match.indices?.[i + 1]
    if (at === undefined) return { offset: -1, length: 0, string: null, name }
    return { ...span(...at), string: match[i + 1] ?? null, name }
  })
  return { ...span(match.index, match.index + match[0].length), string: match[0], captures }
}

/** The named groups of a match as an object. */
export function captured({ captures }: Match): Json {
  return Object.fromEntries(
    captures.flatMap(({ name, string }) => (name === null ? [] : [[name, string]])),
  )
}

/** A match as `match` gives it. */
export function presentMatch({ offset, length, string, captures }: Match): Json {
  return {
    offset,
    length,
    string,
    captures: captures.map((one) => ({
      offset: one.offset,
      length: one.length,
      string: one.string,
      name: one.name,
    })),
  }
}
