// Route rules
//
// What a route has beyond targets and a strategy, in the form that requests ask for. Made once for each route of a
// snapshot; most have none, and pay one look-up for it.

import {
  type RouteTarget,
  routeSpec,
  type ScoreWeights,
  type StickySource,
  weightsOf,
} from '@tutti/core/routing'
import { type Condition, compileCondition } from './condition.ts'
import type { RouteEntry } from './directory.ts'

export interface RouteRules {
  /** True where some requests may not be asked of some targets. */
  readonly isFiltering: boolean
  /** Of the smallest of its models; Infinity where all take as much, or nobody says. */
  readonly contextTokensMin: number
  readonly conditions: ReadonlyMap<RouteTarget, Condition>
  /** True where requests are told apart by whose they are. */
  readonly hasSubjects: boolean
  readonly stickyBy: readonly StickySource[]
  /** The shadow's own route. */
  readonly shadow: RouteEntry | null
}

/** For keys that not every target may be asked for. */
export const noRules: RouteRules = {
  isFiltering: false,
  contextTokensMin: Infinity,
  conditions: new Map(),
  hasSubjects: false,
  stickyBy: [],
  shadow: null,
}

const rules = new WeakMap<RouteEntry, RouteRules | null>()
const weights = new WeakMap<RouteEntry, ScoreWeights | null>()

const stickyByDefault: readonly StickySource[] = ['conversation', 'key']

/** Null for a route that has none. */
export function rulesOf(route: RouteEntry): RouteRules | null {
  const known = rules.get(route)
  if (known !== undefined) return known
  const made = makeRules(route)
  rules.set(route, made)
  return made
}

export function weightsOfRoute(route: RouteEntry): ScoreWeights | null {
  const known = weights.get(route)
  if (known !== undefined) return known
  const made = weightsOf(route.strategy, route.weights)
  weights.set(route, made)
  return made
}

function makeRules(route: RouteEntry): RouteRules | null {
  const { targets, experiment, shadow, require } = route
  const conditions = new Map<RouteTarget, Condition>()
  for (const target of targets) {
    if (target.when !== undefined) conditions.set(target, compileCondition(target.when))
  }
  const isFiltering =
    require !== undefined || experiment !== undefined || targets.some(isParticular)
  const hasSubjects = experiment !== undefined || (weightsOfRoute(route)?.sticky ?? 0) > 0
  // Where all take as much, length tells none of them from another.
  const contexts = new Set(targets.map(contextTokensOf))
  const contextTokensMin = contexts.size > 1 ? Math.min(...contexts) : Infinity
  const isPlain = !isFiltering && !hasSubjects && contextTokensMin === Infinity
  if (isPlain && shadow === undefined) return null
  return {
    ...{ isFiltering, contextTokensMin, conditions, hasSubjects },
    ...{ stickyBy: route.stickyBy ?? stickyByDefault, shadow: shadowRouteOf(route) },
  }
}

function isParticular(target: RouteTarget): boolean {
  const { when, arm, capabilities, modalities, weight } = target
  return weight === 0 || [when, arm, capabilities, modalities].some((one) => one !== undefined)
}

function contextTokensOf(target: RouteTarget): number {
  return 'provider' in target ? (target.contextTokens ?? Infinity) : Infinity
}

/** Asked once, and nobody else after it; where answers may come from holds for it too. */
function shadowRouteOf({ name, project, shadow, require }: RouteEntry): RouteEntry | null {
  if (shadow === undefined) return null
  const { target, timeoutMs } = shadow
  const timers = { streamMs: timeoutMs }
  const asked = { targets: [target], attemptsMax: 1, timeoutMs, timers }
  const spec = routeSpec.parse(require === undefined ? asked : { ...asked, require })
  return { name, project, ...spec }
}
