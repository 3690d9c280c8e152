// Redaction
//
// What is taken out of a request stands there as a placeholder, e.g. `[CARD_1]`, and is put back where the answer says
// the placeholder. It lives as long as the request: nothing is kept.
//
// Invariants:
//   D1. The same value has the same placeholder everywhere in a request, and no two values share one.
//   D2. No placeholder is one that the request itself says.

import { charactersOf, type Detector } from './detector.ts'
import type { FindingKind, GuardFinding } from './guard.ts'

/** By placeholder, what stood there. */
export type Originals = ReadonlyMap<string, string>

/** Lives as long as one request; written by `placeholder`. */
export class Redaction {
  readonly #allSaid: () => string
  /** Null until something is taken out; written by `#isSaid`. */
  #said: string | null = null
  readonly #originals = new Map<string, string>()
  readonly #placeholders = new Map<string, string>()
  readonly #counts = new Map<FindingKind, number>()

  /** `allSaid` gives all that the request says. */
  constructor(allSaid: () => string) {
    this.#allSaid = allSaid
  }

  get originals(): Originals {
    return this.#originals
  }

  placeholder(kind: FindingKind, value: string): string {
    const known = this.#placeholders.get(value)
    if (known !== undefined) return known // D1
    let count = this.#counts.get(kind) ?? 0
    let placeholder = ''
    do {
      count += 1
      placeholder = `[${kind.toUpperCase()}_${count}]`
    } while (this.#isSaid(placeholder)) // D2
    this.#counts.set(kind, count)
    this.#placeholders.set(value, placeholder)
    this.#originals.set(placeholder, value)
    return placeholder
  }

  #isSaid(placeholder: string): boolean {
    this.#said ??= this.#allSaid()
    return this.#said.includes(placeholder)
  }
}

/** What stands in an answer for what was taken out of it; nobody puts that back. */
export function mark(kind: FindingKind): string {
  return `[${kind.toUpperCase()}]`
}

const placeholderMax = 32
const form = /\[[A-Z]{3,10}_\d{1,9}\]/g
const inPlaceholder = charactersOf('[_]', { digits: true, upper: true, lower: false })

/** Finds the placeholders of a request in its answer. */
export function placeholderDetector(originals: Originals): Detector {
  return {
    find: (text, from) => {
      const found: GuardFinding[] = []
      form.lastIndex = from
      for (let match = form.exec(text); match !== null; match = form.exec(text)) {
        const [name] = match
        if (!originals.has(name)) continue
        const what = { kind: 'blocked', detector: 'placeholder', severity: 'low' } as const
        found.push({ ...what, start: match.index, end: match.index + name.length })
      }
      return found
    },
    openFrom: (text, from) => {
      const first = Math.max(from, text.length - placeholderMax)
      let at = text.length
      while (at > first && inPlaceholder(text.charCodeAt(at - 1))) at -= 1
      const start = text.indexOf('[', at)
      return start === -1 || text.endsWith(']') ? text.length : start
    },
  }
}
