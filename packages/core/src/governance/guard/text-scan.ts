// Text scan
//
// Finds things in a text that comes in pieces, and says how much of it is decided. What is found does not depend on
// where the text was cut.
//
// Invariants:
//   S1. However a text is cut, the findings are those of the whole text.
//   S2. What is held back is at most the reach of the longest detector, and nothing where no finding can begin.

import { contextMax, type Detector } from './detector.ts'
import type { GuardFinding } from './guard.ts'
import { plainText } from './plain-text.ts'

export interface Scanned {
  /** New ones, in order, without overlaps; places count from the beginning of the whole text. */
  readonly findings: readonly GuardFinding[]
  /** What each of them is, in plain letters and digits. */
  readonly values: readonly string[]
  /** All before this place is decided. */
  readonly decided: number
}

/** Lives as long as one text; written by `push` and `end`. */
export class TextScan {
  readonly #detectors: readonly Detector[]
  /** What is not decided, after up to `contextMax` characters of what is. */
  #text = ''
  /** Where `#text` begins in the whole. */
  #base: number
  #decided: number

  /** `start` is the place of its first character. */
  constructor(detectors: readonly Detector[], start = 0) {
    this.#detectors = detectors
    this.#base = start
    this.#decided = start
  }

  push(text: string): Scanned {
    this.#text += plainText(text)
    const from = this.#decided - this.#base
    let open = this.#text.length
    for (const detector of this.#detectors) {
      open = Math.min(open, detector.openFrom(this.#text, from))
    }
    return this.#decide(from, open)
  }

  /** Nothing more comes. */
  end(): Scanned {
    return this.#decide(this.#decided - this.#base, this.#text.length)
  }

  /** As if nothing more came, of a text that may go on. */
  ended(): Scanned {
    const from = this.#decided - this.#base
    const standing = this.#standing(from, this.#text.length)
    return { ...this.#placed(standing), decided: this.#base + this.#text.length }
  }

  #standing(from: number, open: number): readonly GuardFinding[] {
    const found = this.#detectors.flatMap((detector) => detector.find(this.#text, from))
    return apart(found, from, open)
  }

  #decide(from: number, open: number): Scanned {
    const standing = this.#standing(from, open)
    const decided = Math.max(open, standing.at(-1)?.end ?? from)
    const found = this.#placed(standing)
    const kept = Math.max(0, decided - contextMax)
    this.#decided = this.#base + decided
    this.#text = this.#text.slice(kept)
    this.#base += kept
    return { ...found, decided: this.#decided }
  }

  #placed(found: readonly GuardFinding[]): Pick<Scanned, 'findings' | 'values'> {
    const base = this.#base
    return {
      findings: found.map((one) => ({ ...one, start: one.start + base, end: one.end + base })),
      values: found.map(({ start, end }) => this.#text.slice(start, end)),
    }
  }
}

/** S1: what starts before `open` stands, and hides what starts within it. */
function apart(
  found: readonly GuardFinding[],
  from: number,
  open: number,
): readonly GuardFinding[] {
  if (found.length === 0) return found
  const standing: GuardFinding[] = []
  let over = from
  for (const one of [...found].sort(byPlace)) {
    if (one.start >= open) break
    if (one.start < over) continue
    standing.push(one)
    over = one.end
  }
  return standing
}

/** The leftmost first, then the longest; detectors stand in order of their weight. */
function byPlace(a: GuardFinding, b: GuardFinding): number {
  return a.start - b.start || b.end - a.end
}

/** All findings of a whole text. */
export function scanText(text: string, detectors: readonly Detector[]): readonly GuardFinding[] {
  const plain = plainText(text)
  const found = detectors.flatMap((detector) => detector.find(plain, 0))
  return apart(found, 0, text.length)
}
