// Select targets
//
// Which of a route's targets one request may be asked of, and whose it is: what `filterTargets` and `pickArm` decide,
// with what a gateway knows of the world.

import { hash32 } from '@tutti/core/resource'
import {
  charactersPerToken,
  type FilterView,
  filterTargets,
  pickArm,
  type RouteTarget,
} from '@tutti/core/routing'
import type { Bounds, Selection } from './call.ts'
import type { Cashier } from './cashier.ts'
import { type Asker, conditionContext } from './condition.ts'
import type { Directory, KeyEntry, RouteEntry } from './directory.ts'
import type { RouteRules } from './route-rules.ts'

export interface SelectPorts {
  readonly directory: Directory
  readonly cashier: Cashier
}

export function selectTargets(
  ports: SelectPorts,
  { route, rules }: { readonly route: RouteEntry; readonly rules: RouteRules },
  { asker, bounds }: { readonly asker: Asker; readonly bounds: Bounds | null },
): Selection {
  const { experiment, require, targets } = route
  const subject = rules.hasSubjects ? subjectOf(rules, asker) : ''
  const arm = experiment === undefined ? null : pickArm(experiment, subject)
  const { refused } = asker.key
  if (!rules.isFiltering && refused === undefined && !mayBeTooLong(rules, bounds)) {
    return { targets, removed: [], arm, subject }
  }
  const context = rules.conditions.size > 0 ? conditionContext(asker) : {}
  const views = targets.map((target): FilterView => {
    const isCapped = require?.costDollarsMax !== undefined
    return {
      target,
      name: nameOf(target),
      regions: require?.regions === undefined ? [] : regionsOf(ports.directory, route, target),
      worstNanos: isCapped ? worstOf(ports, { route, target, bounds }) : 0,
      condition: rules.conditions.get(target)?.(context) ?? 'none',
      isRefused: refused?.includes(idOf(target)) ?? false,
    }
  })
  const { kept, removed } = filterTargets(views, asker.facts(), {
    regions: require?.regions,
    costNanosMax: require?.costDollarsMax === undefined ? undefined : require.costDollarsMax * 1e9,
    arm,
  })
  return { targets: kept, removed, arm, subject }
}

/** Bytes are no fewer than characters: most requests need not be read to see that they fit. */
export function mayBeTooLong({ contextTokensMin }: RouteRules, bounds: Bounds | null): boolean {
  if (bounds === null) return false
  const { inputTokens, outputTokens } = bounds
  if (inputTokens === null) return contextTokensMin < Infinity
  return inputTokens / charactersPerToken + (outputTokens ?? 0) > contextTokensMin
}

/** The first that the request has of what the route tells requests apart by. */
function subjectOf({ stickyBy }: RouteRules, asker: Asker): string {
  for (const source of stickyBy) {
    const found = subjectBy(source, asker)
    if (found !== '') return `${source} ${found}`
  }
  return `request ${asker.requestId}`
}

function subjectBy(source: string, { header, key, facts }: Asker): string {
  if (source.startsWith('header:')) return header(source.slice('header:'.length))
  if (source === 'user') return facts().user
  if (source === 'key') return key.id
  const { opening } = facts()
  return opening === '' ? '' : String(hash32(opening))
}

/** False where the policies keep the key from all that could answer it. */
export function mayAsk({ refused }: KeyEntry, { targets }: Pick<RouteEntry, 'targets'>): boolean {
  return refused === undefined || targets.some((target) => !refused.includes(idOf(target)))
}

function idOf(target: RouteTarget): string {
  return 'provider' in target ? `Provider/${target.provider}` : `Deployment/${target.deployment}`
}

function nameOf(target: RouteTarget): string {
  return 'provider' in target ? `${target.provider}/${target.model}` : target.deployment
}

/** Endpoints elsewhere are left out of a deployment that has some where it may answer. */
function regionsOf(directory: Directory, { project }: RouteEntry, target: RouteTarget): string[] {
  if (target.region !== undefined) return [target.region]
  if ('provider' in target) {
    const { region } = directory.provider(project, target.provider) ?? {}
    return region === undefined ? [] : [region]
  }
  const endpoints = directory.deployment(project, target.deployment)?.endpoints ?? []
  return [...new Set(endpoints.map(({ region }) => region))].filter((region) => region !== '')
}

function worstOf(
  { directory, cashier }: SelectPorts,
  of: {
    readonly route: RouteEntry
    readonly target: RouteTarget
    readonly bounds: Bounds | null
  },
): number {
  const { route, target, bounds } = of
  if (!('provider' in target)) return cashier.worst({ bounds }, { target, provider: null })
  const provider = directory.provider(route.project, target.provider)
  if (provider === undefined) return 0 // it is not asked at all
  const { contextTokens } = target
  const longest = contextTokens === undefined ? {} : { contextTokens }
  return cashier.worst({ bounds }, { target, provider, ...longest })
}
