// Directory
//
// The snapshot in the form that requests ask for: keys by hash, routes by name, endpoints by deployment.
// Built once per snapshot and swapped whole; what is on its way keeps the one it began with.

import { createHash } from 'node:crypto'
import type { Endpoint, Snapshot } from '@tutti/core/routing'

export type KeyEntry = Snapshot['keys'][number]
export type RouteEntry = Snapshot['routes'][number]
export type ProviderEntry = Snapshot['providers'][number]

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
  /** The budgets that a key's call of a route falls under. */
  readonly budgets: (key: KeyEntry, route: string) => readonly Snapshot['budgets'][number][]
}

export function makeDirectory(snapshot: Snapshot): Directory {
  const keyOf = ({ project, name }: { project: string; name: string }) => `${project}/${name}`
  const routes = new Map(snapshot.routes.map((route) => [keyOf(route), route]))
  const deployments = new Map(snapshot.deployments.map((one) => [keyOf(one), one]))
  const budgets = new Map<string, Snapshot['budgets'][number][]>()
  for (const budget of snapshot.budgets) {
    budgets.set(budget.project, [...(budgets.get(budget.project) ?? []), budget])
  }
  const providers = new Map(snapshot.providers.map((one) => [keyOf(one), one]))
  return {
    keyOfSecret: keyFinder(snapshot.keys),
    servingToken: snapshot.servingToken,
    route: (project, name) => routes.get(`${project}/${name}`),
    routes: (project) => snapshot.routes.filter((route) => route.project === project),
    deployment: (project, name) => deployments.get(`${project}/${name}`),
    provider: (project, name) => providers.get(`${project}/${name}`),
    budgets: (key, route) =>
      (budgets.get(key.project) ?? []).filter(
        (budget) => (budget.key ?? key.id) === key.id && (budget.route ?? route) === route,
      ),
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
