// Filter targets
//
// Which targets of a route may answer one request at all: before any is scored, and with the filter that took each
// of the others out.
//
// Invariants:
//   F1. Every target is either kept or removed by exactly one named filter.
//   F2. What policies or a Route rule out (by weight, condition, arm, region, price cap) is never asked, even if nobody
//       else is left.
//   F3. The length of a prompt is a guess: it removes nobody where nobody else would be left.

import type { RequestFacts } from './request-facts.ts'
import type { RouteTarget } from './route.ts'

export const targetFilters = [
  'policy',
  'weight',
  'condition',
  'arm',
  'region',
  'capability',
  'modality',
  'price-cap',
  'context-length',
] as const
export type TargetFilter = (typeof targetFilters)[number]

/** A target with what the filters look at. */
export interface FilterView {
  readonly target: RouteTarget
  /** How a refusal names it. */
  readonly name: string
  /** Where it can answer; empty where nobody knows. */
  readonly regions: readonly string[]
  /** The most that the request can cost there; Infinity where nobody knows. */
  readonly worstNanos: number
  /** What came of its condition; `none` where it has none. */
  readonly condition: 'none' | 'holds' | 'fails' | 'broken'
  /** True where the policies keep the caller's key from it. */
  readonly isRefused: boolean
}

export interface FilterRules {
  /** Where answers may come from; absent: from anywhere. */
  readonly regions?: readonly string[] | undefined
  readonly costNanosMax?: number | undefined
  /** The arm of the experiment that the request is in; null where there is none. */
  readonly arm: string | null
}

export interface Removed {
  readonly name: string
  readonly filter: TargetFilter
  readonly why: string
}

export interface Filtered {
  readonly kept: readonly RouteTarget[]
  readonly removed: readonly Removed[]
}

export function filterTargets(
  views: readonly FilterView[],
  request: RequestFacts,
  rules: FilterRules,
): Filtered {
  const removed: Removed[] = []
  const able = views.filter((view) => {
    const found = whyNot(view, request, rules)
    if (found !== null) removed.push({ name: view.name, ...found }) // F1
    return found === null
  })
  const fitting = able.filter(({ target }) => !isTooLong(target, request))
  const kept = fitting.length > 0 ? fitting : largestOf(able)
  for (const view of able) {
    if (kept.includes(view)) continue
    removed.push({ name: view.name, filter: 'context-length', why: tooLong(view.target, request) })
  }
  return { kept: kept.map(({ target }) => target), removed }
}

type Why = Omit<Removed, 'name'>

function whyNot(view: FilterView, request: RequestFacts, rules: FilterRules): Why | null {
  const { target, condition, isRefused } = view
  if (isRefused) return { filter: 'policy', why: 'the policies do not let this key use it' }
  if (target.weight === 0) return { filter: 'weight', why: 'its weight is 0' }
  if (condition === 'fails') return { filter: 'condition', why: 'its condition does not hold' }
  if (condition === 'broken') return { filter: 'condition', why: 'its condition has no answer' }
  if (target.arm !== undefined && rules.arm !== null && target.arm !== rules.arm) {
    return { filter: 'arm', why: `the request is in arm ${rules.arm}` }
  }
  return whyNotThere(view, rules.regions) ?? whyNotAble(target, request) ?? whyTooDear(view, rules)
}

function whyNotThere({ regions }: FilterView, allowed: FilterRules['regions']): Why | null {
  if (allowed === undefined || regions.some((region) => allowed.includes(region))) return null
  const where = regions.length === 0 ? 'nobody knows where it is' : `it is in ${regions.join(', ')}`
  return { filter: 'region', why: where }
}

function whyNotAble(target: RouteTarget, request: RequestFacts): Why | null {
  const missing = request.capabilities.find(
    (wanted) => target.capabilities !== undefined && !target.capabilities.includes(wanted),
  )
  if (missing !== undefined) return { filter: 'capability', why: `it has no ${missing}` }
  const unseen = request.modalities.find(
    (wanted) => target.modalities !== undefined && !target.modalities.includes(wanted),
  )
  return unseen === undefined ? null : { filter: 'modality', why: `it takes no ${unseen}` }
}

function whyTooDear({ worstNanos }: FilterView, { costNanosMax }: FilterRules): Why | null {
  if (costNanosMax === undefined || worstNanos <= costNanosMax) return null
  const cost = Number.isFinite(worstNanos)
    ? `it may cost ${(worstNanos / 1e9).toPrecision(3)} dollars`
    : 'nobody knows its price'
  return { filter: 'price-cap', why: cost }
}

// A token of usual text is three to five characters: what has more than so many tokens by this
// measure is longer for any tokenizer, but for texts of blanks.
export const charactersPerToken = 8

function isTooLong(target: RouteTarget, { textLength, outputTokens }: RequestFacts): boolean {
  const tokens = Math.floor(textLength / charactersPerToken) + (outputTokens ?? 0)
  return tokens > contextTokensOf(target)
}

function contextTokensOf(target: RouteTarget): number {
  return 'provider' in target ? (target.contextTokens ?? Infinity) : Infinity
}

/** F3: the largest of those that seem too small. */
function largestOf(views: readonly FilterView[]): readonly FilterView[] {
  const largest = Math.max(...views.map(({ target }) => contextTokensOf(target)))
  return views.filter(({ target }) => contextTokensOf(target) === largest)
}

function tooLong(target: RouteTarget, { textLength, outputTokens }: RequestFacts): string {
  const asked = `${textLength} characters and ${outputTokens ?? 0} tokens of answer`
  return `it takes ${contextTokensOf(target)} tokens, not ${asked}`
}
