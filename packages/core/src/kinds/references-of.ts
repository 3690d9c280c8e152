// References of
//
// What a declared resource names in its Project. It has to be there when the resource is declared, so that a name that is
// wrong is heard at once.

import { deploymentSpec } from '../fleet/index.ts'
import type { Kind } from '../resource/index.ts'
import { budgetSpec, keySpec, providerSpec, routeSpec, splitToolName } from '../routing/index.ts'

export interface Reference {
  readonly path: string
  /** One of them is enough: a Deployment without a Route of its name is called by its own. */
  readonly kinds: readonly [Kind, ...Kind[]]
  readonly name: string
  /** A Provider whose tools are called; of any other its models are. */
  readonly isForTools?: boolean
}

/** What cannot be read as its kind, an earlier version's, names nothing. */
export function referencesOf(declared: {
  readonly kind: string
  readonly spec: unknown
}): readonly Reference[] {
  const { kind, spec } = declared
  switch (kind) {
    case 'Deployment':
      return named('spec.model', ['Model'], deploymentSpec.safeParse(spec).data?.model)
    case 'Provider':
      return ofProvider(spec)
    case 'Route':
      return ofRoute(spec)
    case 'Budget':
      return ofBudget(spec)
    case 'Key':
      return ofKey(spec)
    default:
      return []
  }
}

function ofProvider(spec: unknown): readonly Reference[] {
  const { secret, mcp } = providerSpec.safeParse(spec).data ?? {}
  const judge = mcp?.guard?.classifier?.route
  return [
    ...named('spec.secret', ['Secret'], secret),
    ...named('spec.mcp.guard.classifier.route', callable, judge),
  ]
}

function ofRoute(spec: unknown): readonly Reference[] {
  const { targets = [], shadow, guard, cache } = routeSpec.safeParse(spec).data ?? {}
  return [
    ...targets.flatMap((target, i) => ofTarget(`spec.targets.${i}`, target)),
    ...(shadow === undefined ? [] : ofTarget('spec.shadow.target', shadow.target)),
    ...named('spec.shadow.budget', ['Budget'], shadow?.budget),
    ...named('spec.guard.classifier.route', callable, guard?.classifier?.route),
    ...named('spec.cache.semantic.route', callable, cache?.semantic?.route),
  ]
}

function ofTarget(
  path: string,
  target: { readonly deployment: string } | { readonly provider: string },
): readonly Reference[] {
  return 'deployment' in target
    ? named(`${path}.deployment`, ['Deployment'], target.deployment)
    : named(`${path}.provider`, ['Provider'], target.provider)
}

function ofBudget(spec: unknown): readonly Reference[] {
  const { key, route } = budgetSpec.safeParse(spec).data ?? {}
  const server = /^mcp\/(.+)$/.exec(route ?? '')?.[1]
  return [
    ...named('spec.key', ['Key'], key),
    ...(server === undefined
      ? named('spec.route', callable, route)
      : toolsOf('spec.route', server)),
  ]
}

function ofKey(spec: unknown): readonly Reference[] {
  const { routes = [], tools = [] } = keySpec.safeParse(spec).data ?? {}
  return [
    ...routes.flatMap((route, i) => named(`spec.routes.${i}`, callable, route)),
    ...tools.flatMap((pattern, i) => {
      const server = splitToolName(pattern)?.server // a star may stand for some of them
      return server === undefined ? [] : toolsOf(`spec.tools.${i}`, server)
    }),
  ]
}

const callable = ['Route', 'Deployment'] as const

function toolsOf(path: string, name: string): readonly Reference[] {
  return [{ path, kinds: ['Provider'], name, isForTools: true }]
}

function named(
  path: string,
  kinds: Reference['kinds'],
  name: string | undefined,
): readonly Reference[] {
  return name === undefined ? [] : [{ path, kinds, name }]
}
