// Detector
//
// How things are found in a text that may still go on. What a detector finds at a place depends on that place alone:
// on at most `contextMax` characters before it and `reach` after. So a text that comes in pieces gives the same
// findings as the whole (`TextScan`), and the work grows with the text's length and not with its square.

import type { GuardFinding } from './guard.ts'

/** Characters before a place that a detector may look at. */
export const contextMax = 4

export interface Detector {
  /** All findings that start at `from` or after, by their start; they may overlap. */
  readonly find: (text: string, from: number) => readonly GuardFinding[]
  /**
   * The first place where more text may still make, change or undo a finding; the text's length
   * where there is none.
   */
  readonly openFrom: (text: string, from: number) => number
}

export interface PatternOptions {
  readonly kind: GuardFinding['kind']
  readonly severity: GuardFinding['severity']
  /** Global; every quantifier in it is bounded, so that no place costs more than `reach`. */
  readonly pattern: RegExp
  /** Longest match, with what is looked at after it. */
  readonly reach: number
  /** Tells every character that a match, or what is looked at after it, may consist of. */
  readonly mayHold: (code: number) => boolean
  /** Tells the characters that a match may start with. */
  readonly mayStart: (code: number) => boolean
  /** Every place from `from` on where a match may start, in order, found cheaply; absent: any. */
  readonly places?: (text: string, from: number) => readonly number[]
  /** The rule's name and the match's end, or null where it is none after all. */
  readonly judge: (match: string) => { readonly detector: string; readonly length: number } | null
}

const noFindings: readonly GuardFinding[] = []

/** A detector by pattern and check. */
export function patternDetector(options: PatternOptions): Detector {
  const { kind, severity, reach, mayHold, mayStart, judge } = options
  const found = (match: RegExpExecArray): readonly GuardFinding[] => {
    const judged = judge(match[0])
    if (judged === null) return noFindings
    const { index: start } = match
    const { detector, length } = judged
    return [{ kind, detector, severity, start, end: start + length }]
  }
  return {
    find: finder(options, found),
    openFrom: (text, from) => {
      const first = Math.max(from, text.length - reach)
      let at = text.length
      while (at > first && mayHold(text.charCodeAt(at - 1))) at -= 1
      while (at < text.length && !mayStart(text.charCodeAt(at))) at += 1
      return at
    },
  }
}

/** Every place is looked at for itself: those that `places` tells, or all. */
function finder(
  { pattern, places }: Pick<PatternOptions, 'pattern' | 'places'>,
  found: (match: RegExpExecArray) => readonly GuardFinding[],
): Detector['find'] {
  if (places !== undefined) {
    const here = new RegExp(pattern.source, pattern.flags.replace('g', 'y'))
    return (text, from) => {
      const all: GuardFinding[] = []
      for (const place of places(text, from)) {
        here.lastIndex = place
        const match = here.exec(text)
        if (match !== null) all.push(...found(match))
      }
      return all
    }
  }
  return (text, from) => {
    const all: GuardFinding[] = []
    pattern.lastIndex = from
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      all.push(...found(match))
      pattern.lastIndex = match.index + 1
    }
    return all
  }
}

/** Tells the characters of a text, and those from `0` to `9`, `A` to `Z` and `a` to `z`. */
export function charactersOf(
  others: string,
  classes: { readonly digits: boolean; readonly upper: boolean; readonly lower: boolean },
): (code: number) => boolean {
  const known = new Uint8Array(128)
  for (let code = 0; code < 128; code++) {
    const isDigit = code >= 0x30 && code <= 0x39
    const isUpper = code >= 0x41 && code <= 0x5a
    const isLower = code >= 0x61 && code <= 0x7a
    const isIn =
      (isDigit && classes.digits) || (isUpper && classes.upper) || (isLower && classes.lower)
    known[code] = isIn || others.includes(String.fromCharCode(code)) ? 1 : 0
  }
  return (code) => known[code] === 1 // beyond it, and for NaN: undefined
}
