// Inspect
//
// Looks through a whole document, request or answer, and takes out of it what is to be taken out. The same on any
// thread: plain data in, plain data out.
//
// Invariants:
//   I1. Where nothing is found, or all that is found is let pass, the document is the very same.
//   I2. What is taken out of an answer's texts stands in none of its lists of tokens (`logprobs`) either.

import type { Detector } from './detector.ts'
import type { FindingKind, GuardAction, GuardFinding, GuardPlan, Severity } from './guard.ts'
import { jsonTexts, rewriteJsonTexts, withoutTokens } from './json-texts.ts'
import { plainText } from './plain-text.ts'
import { mark, type Originals, placeholderDetector, Redaction } from './redaction.ts'
import { scanText } from './text-scan.ts'

/** What was found of one kind by one rule. */
export interface FindingCount {
  readonly kind: FindingKind
  readonly detector: string
  readonly severity: Severity
  readonly action: GuardAction
  readonly count: number
}

export interface Inspection {
  readonly detectors: readonly Detector[]
  readonly plan: GuardPlan
}

export interface InspectedRequest {
  readonly json: string
  readonly counts: readonly FindingCount[]
  /** What the placeholders stand for; empty where nothing was taken out. */
  readonly originals: Originals
}

export function inspectRequest(json: string, { detectors, plan }: Inspection): InspectedRequest {
  // Also what is written with escapes, or in Base64.
  const redaction = new Redaction(() => [json, ...jsonTexts(json)].join('\n'))
  const counts = new FindingCounts(plan)
  const replace = (finding: GuardFinding, value: string) =>
    counts.add(finding) === 'redact' ? redaction.placeholder(finding.kind, value) : null
  const inspected = rewriteJsonTexts(
    json,
    (text) =>
      replaceIn(text, scanText(text, detectors), {
        isJson: beginsAsJson(text),
        replacement: replace,
      }),
    (what) => {
      if ('file' in plan) counts.add({ kind: 'file', detector: what, severity: 'medium' })
    },
  )
  return { json: inspected, counts: counts.all, originals: redaction.originals }
}

export interface AnswerInspection extends Inspection {
  readonly originals: Originals
}

/**
 * Takes out what the model should not have said and puts back what it was not told, in whole texts
 * or in pieces; lives as long as one answer.
 */
export class AnswerRewrite {
  readonly counts: FindingCounts
  readonly detectors: readonly Detector[]
  readonly #originals: Originals

  constructor({ detectors, plan, originals }: AnswerInspection) {
    this.counts = new FindingCounts(plan)
    this.#originals = originals
    this.detectors =
      originals.size === 0 ? detectors : [placeholderDetector(originals), ...detectors]
  }

  /** A whole JSON document. */
  document(json: string): string {
    const act = (one: GuardFinding) => this.counts.add(one)
    const rewritten = rewriteJsonTexts(json, (text) => this.#rewrite(text, act))
    return rewritten === json ? json : withoutTokens(rewritten) // I2
  }

  /** A text that says again what was counted when it came in pieces. */
  again(text: string): string {
    return this.#rewrite(text, (one) => this.counts.actionOn(one.kind))
  }

  /** What a finding in a piece becomes; null where it stays. */
  replacement(finding: GuardFinding, value: string, isJson: boolean): string | null {
    return this.#replacement(finding, value, { isJson, act: (one) => this.counts.add(one) })
  }

  #rewrite(text: string, act: (finding: GuardFinding) => GuardAction): string {
    if (this.detectors.length === 0) return text
    const of = { isJson: beginsAsJson(text), act }
    const replacement = (finding: GuardFinding, value: string) =>
      this.#replacement(finding, value, of)
    return replaceIn(text, scanText(text, this.detectors), { isJson: of.isJson, replacement })
  }

  #replacement(
    finding: GuardFinding,
    value: string,
    of: { readonly isJson: boolean; readonly act: (finding: GuardFinding) => GuardAction },
  ): string | null {
    const original = this.#originals.get(plainText(value))
    if (finding.detector === 'placeholder' && original !== undefined) {
      return of.isJson ? JSON.stringify(original).slice(1, -1) : original
    }
    return of.act(finding) === 'redact' ? mark(finding.kind) : null
  }
}

/** True for a text that is JSON itself: what is put into it has to be written as JSON has it. */
export function beginsAsJson(text: string): boolean {
  return /^\s*\{/.test(text)
}

/** How often what was found; written by `add`. */
export class FindingCounts {
  readonly #plan: GuardPlan
  readonly #counts = new Map<string, FindingCount>()

  constructor(plan: GuardPlan) {
    this.#plan = plan
  }

  get all(): readonly FindingCount[] {
    return [...this.#counts.values()]
  }

  /** True where something was found that is not let pass. */
  isDenied = false

  has(kind: FindingKind): boolean {
    return this.all.some((one) => one.kind === kind)
  }

  actionOn(kind: FindingKind): GuardAction {
    return this.#plan[kind] ?? 'deny'
  }

  add({ kind, detector, severity }: Omit<GuardFinding, 'start' | 'end'>): GuardAction {
    const action = this.actionOn(kind)
    this.isDenied ||= action === 'deny'
    const count = (this.#counts.get(`${kind} ${detector}`)?.count ?? 0) + 1
    this.#counts.set(`${kind} ${detector}`, { kind, detector, severity, action, count })
    return action
  }
}

interface Replacing {
  readonly isJson: boolean
  /** Null where it stays. */
  readonly replacement: (finding: GuardFinding, value: string) => string | null
}

function replaceIn(
  text: string,
  findings: readonly GuardFinding[],
  { isJson, replacement }: Replacing,
): string {
  const place = isJson ? new JsonPlace() : null
  let replaced = ''
  let from = 0
  let looked = 0
  for (const finding of findings) {
    const { start, end } = finding
    const other = replacement(finding, text.slice(start, end))
    if (other === null) continue
    place?.take(text.slice(looked, start))
    looked = start
    replaced += text.slice(from, start) + (place?.fitting(finding, other) ?? other)
    from = end
  }
  return from === 0 ? text : replaced + text.slice(from) // I1
}

/** Where in a JSON text one is, as it comes in pieces. */
export class JsonPlace {
  #isInString = false
  #isEscaped = false

  take(text: string): void {
    for (const character of text) {
      if (this.#isEscaped) this.#isEscaped = false
      else if (character === '\\') this.#isEscaped = this.#isInString
      else if (character === '"') this.#isInString = !this.#isInString
    }
  }

  /** Outside of strings a number was found: what takes its place is a text. */
  fitting({ detector }: Pick<GuardFinding, 'detector'>, text: string): string {
    return this.#isInString || detector === 'placeholder' ? text : JSON.stringify(text)
  }
}
