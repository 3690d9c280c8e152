// References of
//
// What a declared resource names in its Project: it has to be there when the resource is declared, and stays as long.

import { deploymentSpec } from '@tutti/core/fleet'
import type { Kind } from '@tutti/core/kinds'
import { providerSpec, routeSpec } from '@tutti/core/routing'

export interface Reference {
  readonly path: string
  /** One of them is enough: a Deployment without a Route of its name is called by its own. */
  readonly kinds: readonly [Kind, ...Kind[]]
  readonly name: string
}

/** The kinds that others name. */
export const namedKinds: ReadonlySet<string> = new Set<Kind>([
  ...(['Budget', 'Deployment', 'Model', 'Provider', 'Route', 'Secret'] as const),
])

/** The kinds that name others. */
export const namingKinds = ['Deployment', 'Provider', 'Route'] as const satisfies readonly Kind[]

/** What cannot be read as its kind, an earlier version's, names nothing. */
export function referencesOf(declared: {
  readonly kind: string
  readonly spec: unknown
}): readonly Reference[] {
  const { kind, spec } = declared
  if (kind === 'Deployment') {
    return named('spec.model', ['Model'], deploymentSpec.safeParse(spec).data?.model)
  }
  if (kind === 'Provider') return ofProvider(spec)
  return kind === 'Route' ? ofRoute(spec) : []
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

const callable = ['Route', 'Deployment'] as const

function named(
  path: string,
  kinds: Reference['kinds'],
  name: string | undefined,
): readonly Reference[] {
  return name === undefined ? [] : [{ path, kinds, name }]
}
