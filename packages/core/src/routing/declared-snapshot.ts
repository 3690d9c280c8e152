// Declared snapshot
//
// The snapshot of a gateway without a control plane: from the same resources that one would be told of. Nobody else
// decides who may call: a key may call the routes of its project, or those that it names. Whether all is there that they name is for
// `checkNamed` to say.

import { budgetSpec } from './budget.ts'
import { checkRoute } from './check-route.ts'
import { keySpec } from './key.ts'
import { providerSpec } from './provider.ts'
import { routeSpec } from './route.ts'
import type { Snapshot } from './snapshot.ts'
import { snapshotProvider } from './snapshot-provider.ts'

/** A resource whose spec its kind has found valid. */
export interface DeclaredResource {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly project: string }
  readonly spec: unknown
}

export interface DeclaredContext {
  /** The value of a Secret, undefined where nobody knows it. */
  readonly secretOf: (project: string, name: string) => string | undefined
  /** Where that is given. */
  readonly secretPlace: (name: string) => string
  /** What is wrong with a condition of a Route, or null. */
  readonly whyNoCondition: (text: string) => string | null
  readonly sequence: number
  readonly nowMs: number
}

export type DeclaredSnapshot =
  | { readonly ok: true; readonly snapshot: Snapshot }
  | { readonly ok: false; readonly problems: readonly string[] }

const none: Snapshot = {
  ...{ format: 'tutti/snapshot/v1', sequence: 1, issuedAtMs: 0, servingToken: '' },
  ...{ keys: [], routes: [], deployments: [], providers: [], budgets: [] },
}

export function declaredSnapshot(
  resources: readonly DeclaredResource[],
  { secretOf, secretPlace, whyNoCondition, sequence, nowMs }: DeclaredContext,
): DeclaredSnapshot {
  const problems: string[] = [...declaredTwice(resources)]
  const snapshot = { ...none, sequence, issuedAtMs: nowMs }
  const keys: Snapshot['keys'] = []
  const routes: Snapshot['routes'] = []
  const providers: Snapshot['providers'] = []
  const budgets: Snapshot['budgets'] = []
  const toolServers: NonNullable<Snapshot['toolServers']> = []
  for (const { kind, metadata, spec } of resources) {
    const { name, project } = metadata
    if (kind === 'Budget') budgets.push({ name, project, ...budgetSpec.parse(spec) })
    else if (kind === 'Route') routes.push({ name, project, ...routeSpec.parse(spec) })
    else if (kind === 'Key') keys.push(keyOf(metadata, spec))
    else if (kind === 'Provider') {
      const { secret } = providerSpec.parse(spec)
      const apiKey = secret === undefined ? undefined : secretOf(project, secret)
      if (secret !== undefined && apiKey === undefined) {
        const hint = `give it as ${secretPlace(secret)}`
        problems.push(`Provider ${name}: there is no value for its secret ${secret}: ${hint}`)
      }
      const made = snapshotProvider(metadata, spec, apiKey)
      if (made.kind === 'tools') toolServers.push(made.entry)
      else providers.push(made.entry)
    } else {
      const hint = kind === 'Secret' ? `: give its value as ${secretPlace(name)}` : ''
      problems.push(`${kind} ${name}: a gateway without a control plane has no ${kind}${hint}`)
    }
  }
  problems.push(...toDeployments(routes))
  for (const route of routes) {
    if (route.bodies !== undefined) {
      const why = 'only a control plane keeps them, and knows who may read them'
      problems.push(`Route ${route.name}: bodies: ${why}`)
    }
    for (const { path, message } of checkRoute(route, whyNoCondition)) {
      problems.push(`Route ${route.name}: ${path}: ${message}`)
    }
  }
  if (problems.length > 0) return { ok: false, problems }
  const tools = toolServers.length === 0 ? {} : { toolServers }
  return { ok: true, snapshot: { ...snapshot, keys, routes, providers, budgets, ...tools } }
}

/** Which of the two would hold is not for us to say. */
function declaredTwice(resources: readonly DeclaredResource[]): readonly string[] {
  const seen = new Set<string>()
  return resources.flatMap(({ kind, metadata: { project, name } }) => {
    const key = `${kind}/${project}/${name}`
    if (seen.has(key)) return [`${kind} ${name} is declared twice: leave one of them out`]
    seen.add(key)
    return []
  })
}

function keyOf(
  { name, project }: DeclaredResource['metadata'],
  spec: unknown,
): Snapshot['keys'][number] {
  const { hash, owner, routes, tools, expiresAtMs, limits } = keySpec.parse(spec)
  return {
    ...{ id: name, hash, project, owner },
    ...(routes === undefined ? {} : { routes }),
    ...(tools === undefined ? {} : { tools }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(limits === undefined ? {} : { limits }),
  }
}

function toDeployments(routes: Snapshot['routes']): readonly string[] {
  return routes.flatMap(({ name, targets, shadow }) =>
    [...targets, ...(shadow === undefined ? [] : [shadow.target])].flatMap((target) =>
      'deployment' in target
        ? [`Route ${name}: a gateway without a control plane has no Deployments`]
        : [],
    ),
  )
}
