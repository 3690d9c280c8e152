// Pattern
//
// Regular expressions of jq (Oniguruma, Perl syntax), searched for within the expression's budget.

import type { Json } from '../../resource/index.ts'
import { compileRegex, type Regex, type Spans } from '../regex/index.ts'
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
  const regex = regexOf(source, letters, run)
  const at = { text: input, place: placer(input) }
  const found: Match[] = []
  run.step(1 + (input.length >> 8))
  for (const spans of regex.search(input, run, letters.includes('n'))) {
    run.step(1)
    run.container(8 + regex.names.length)
    found.push(matchOf(spans, regex.names, at))
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

/** Each pattern of an evaluation is read once. */
function regexOf(source: string, letters: string, run: Run): Regex {
  const key = `${letters}/${source}`
  const held = run.regexes.get(key)
  if (held !== undefined) return held
  run.step(1 + source.length)
  const compiled = compileRegex(
    source,
    {
      ignoresCase: letters.includes('i'),
      isExtended: letters.includes('x'),
      dotIsAny: letters.includes('p'),
      isByLine: false,
    },
    'perl',
  )
  if (!compiled.ok) return fail(`${source} (at offset 0) is not a valid regex: ${compiled.reason}`)
  const { regex } = compiled
  run.container(regex.size)
  run.regexes.set(key, regex)
  return regex
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
  spans: Spans,
  names: readonly (string | null)[],
  { text, place }: { readonly text: string; readonly place: (index: number) => number },
): Match {
  const span = (group: number) => {
    const [start = -1, end = -1] = [spans[group * 2], spans[group * 2 + 1]]
    if (start < 0 || end < start) return { offset: -1, length: 0, string: null }
    const offset = place(start)
    return { offset, length: place(end) - offset, string: text.slice(start, end) }
  }
  const captures = names.map((name, i): Capture => ({ ...span(i + 1), name }))
  const whole = span(0)
  return { ...whole, string: whole.string ?? '', captures }
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
