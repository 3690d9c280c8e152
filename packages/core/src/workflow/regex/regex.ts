// Regex
//
// A regular expression that cannot run away: it is searched for by our own engine, which pays for every step. JavaScript's
// own takes time that grows with the power of the text's length, or exponentially, and cannot be stopped.

import { type Purse, RegexSearch, type Spans } from './match-regex.ts'
import { type Dialect, parseRegex, type RegexFlags } from './parse-regex.ts'
import { programOf, type RegexProgram } from './regex-program.ts'
import { RegexSyntaxError } from './regex-syntax-error.ts'

export interface Regex {
  readonly names: readonly (string | null)[]
  /** How many instructions it is. */
  readonly size: number
  /** Where the matches of a text are, one after the other. */
  readonly search: (text: string, purse: Purse, skipsEmpty: boolean) => Iterable<Spans>
}

export type CompiledRegex =
  | { readonly ok: true; readonly regex: Regex }
  | { readonly ok: false; readonly reason: string }

export const noFlags: RegexFlags = {
  ...{ ignoresCase: false, isExtended: false, dotIsAny: false, isByLine: false },
}

const sourceMax = 10_000 // characters: what is longer is no pattern that somebody wrote

export function compileRegex(source: string, flags: RegexFlags, dialect: Dialect): CompiledRegex {
  if (source.length > sourceMax) {
    return { ok: false, reason: `it has more than ${sourceMax} characters` }
  }
  try {
    const { root, names } = parseRegex(source, flags, dialect)
    const program = programOf(root, names)
    const search: Regex['search'] = (text, purse, skipsEmpty) =>
      matchesIn(program, text, { purse, skipsEmpty })
    return { ok: true, regex: { names, size: program.code.length, search } }
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error
    return { ok: false, reason: error.message }
  }
}

function* matchesIn(
  program: RegexProgram,
  text: string,
  how: { readonly purse: Purse; readonly skipsEmpty: boolean },
): Generator<Spans> {
  const search = new RegexSearch(program, text, how)
  for (let from = 0; from <= text.length; ) {
    const spans = search.find(from)
    if (spans === null) return
    yield spans
    const [start = 0, end = 0] = spans
    from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1)
  }
}
