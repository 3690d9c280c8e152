// Directory
//
// The snapshot in the form that requests ask for: keys by hash, routes by name, endpoints by deployment.
// Built once per snapshot and swapped whole; what is on its way keeps the one it began with.

import { createHash } from 'node:crypto'
import { type GuardPlan, type GuardSide, stricter, wantedPlan } from '@tutti/core/governance'
import type { Endpoint, GuardOrder, Snapshot } from '@tutti/core/routing'

export type KeyEntry = Snapshot['keys'][number]
export type RouteEntry = Snapshot['routes'][number]
export type ToolServerEntry = NonNullable<Snapshot['toolServers']>[number]
export type ProviderEntry = Snapshot['providers'][number]
export type BudgetEntry = Snapshot['budgets'][number]

export interface Directory {
  readonly keyOfSecret: (secret: string) => KeyEntry | undefined
  readonly servingToken: string
  readonly route: (project: string, name: string) => RouteEntry | undefined
  readonly routes: (project: string) => readonly RouteEntry[]
  readonly deployment: (
    project: string,
    name: string,
  ) => { readonly serves: string; readonly endpoints: readonly Endpoint[] } | undefined
  readonly provider: (project: string, name: string) => ProviderEntry | undefined
  readonly toolServers: (project: string) => readonly ToolServerEntry[]
  /** True for a node that an endpoint is on. */
  readonly hasNode: (node: string) => boolean
  /** The budgets that a key's call of a route falls under. */
  readonly budgets: (key: KeyEntry, route: RouteEntry) => readonly BudgetEntry[]
  readonly budget: (project: string, name: string) => BudgetEntry | undefined
  /** What is done with what a route's guard finds in a key's calls. */
  readonly guardPlan: (key: KeyEntry, route: RouteEntry, side: GuardSide) => GuardPlan
}

export function makeDirectory(snapshot: Snapshot): Directory {
  const keyOf = ({ project, name }: { project: string; name: string }) => `${project}/${name}`
  const routes = byProject(snapshot.routes)
  const deployments = new Map(snapshot.deployments.map((one) => [keyOf(one), one]))
  const providers = byProject(snapshot.providers)
  const nodes = new Set(
    snapshot.deployments.flatMap(({ endpoints }) => endpoints.map(({ node }) => node)),
  )
  const budgets = byProject(snapshot.budgets)
  return {
    keyOfSecret: keyFinder(snapshot.keys),
    servingToken: snapshot.servingToken,
    route: (project, name) => routes.get(project)?.get(name),
    routes: (project) => snapshot.routes.filter((route) => route.project === project),
    deployment: (project, name) => deployments.get(`${project}/${name}`),
    provider: (project, name) => providers.get(project)?.get(name),
    toolServers: (project) =>
      (snapshot.toolServers ?? []).filter((server) => server.project === project),
    hasNode: (node) => nodes.has(node),
    budgets: budgetFinder(callersBudgets(snapshot)),
    budget: (project, name) => budgets.get(project)?.get(name),
    guardPlan: planFinder(snapshot.guardOrders ?? []),
  }
}

/** By project and name, so that no name has to be put together for a request. */
function byProject<T extends { readonly project: string; readonly name: string }>(
  list: readonly T[],
): ReadonlyMap<string, ReadonlyMap<string, T>> {
  const projects = new Map<string, Map<string, T>>()
  for (const one of list) {
    const names = projects.get(one.project) ?? new Map<string, T>()
    projects.set(one.project, names.set(one.name, one))
  }
  return projects
}

/** What a shadow names pays for shadows alone. */
function callersBudgets({ budgets, routes }: Snapshot): readonly BudgetEntry[] {
  const named = new Set(
    routes.flatMap(({ project, shadow }) =>
      shadow?.budget === undefined ? [] : [`${project}/${shadow.budget}`],
    ),
  )
  return budgets.filter(({ project, name }) => !named.has(`${project}/${name}`))
}

const noBudgets: readonly BudgetEntry[] = []

/** Found once for each key and each route that exists. */
function budgetFinder(budgets: readonly BudgetEntry[]): Directory['budgets'] {
  if (budgets.length === 0) return () => noBudgets
  const found = new WeakMap<KeyEntry, Map<RouteEntry, readonly BudgetEntry[]>>()
  return (key, route) => {
    const routes = found.get(key) ?? new Map<RouteEntry, readonly BudgetEntry[]>()
    const known = routes.get(route)
    if (known !== undefined) return known
    const ofIt = budgets.filter(
      (budget) =>
        budget.project === key.project &&
        (budget.key ?? key.id) === key.id &&
        (budget.route ?? route.name) === route.name,
    )
    found.set(key, routes.set(route, ofIt))
    return ofIt
  }
}

const noPlan: GuardPlan = {}

/** Worked out for each call of a guarded route: a dozen kinds, and most often no orders. */
function planFinder(orders: readonly GuardOrder[]): Directory['guardPlan'] {
  return (key, { project, name, guard }, side) => {
    if (guard === undefined) return noPlan
    const plan: Partial<Record<GuardOrder['kind'], GuardOrder['action']>> = {
      ...wantedPlan(guard, side),
    }
    for (const { kind, action, keys, ...of } of orders) {
      if (of.project !== project || of.route !== name || of.side !== side) continue
      if (keys !== undefined && !keys.includes(key.id)) continue
      plan[kind] = stricter(plan[kind] ?? 'allow', action)
    }
    return plan
  }
}

/**
 * Remembers the secrets of keys that are known, and no others: a hash costs as much as a look-up
 * of ten.
 */
function keyFinder(keys: readonly KeyEntry[]): Directory['keyOfSecret'] {
  const byHash = new Map(keys.map((key) => [key.hash, key]))
  const bySecret = new Map<string, KeyEntry>()
  return (secret) => {
    const known = bySecret.get(secret)
    if (known !== undefined) return known
    const key = byHash.get(`sha256:${createHash('sha256').update(secret).digest('hex')}`)
    if (key !== undefined) bySecret.set(secret, key)
    return key
  }
}
