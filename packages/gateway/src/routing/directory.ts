// Directory
//
// The snapshot in the form that requests ask for: keys by hash, routes by name, endpoints by deployment.
// Built once per snapshot and swapped whole; what is on its way keeps the one it began with.

import type { Endpoint, Snapshot } from '@tutti/core/routing'

export type KeyEntry = Snapshot['keys'][number]
export type RouteEntry = Snapshot['routes'][number]
export type ProviderEntry = Snapshot['providers'][number]

export interface Directory {
  readonly keys: ReadonlyMap<string, KeyEntry>
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
  const providers = new Map(snapshot.providers.map((one) => [keyOf(one), one]))
  return {
    keys: new Map(snapshot.keys.map((key) => [key.hash, key])),
    servingToken: snapshot.servingToken,
    route: (project, name) => routes.get(`${project}/${name}`),
    routes: (project) => snapshot.routes.filter((route) => route.project === project),
    deployment: (project, name) => deployments.get(`${project}/${name}`),
    provider: (project, name) => providers.get(`${project}/${name}`),
    budgets: (key, route) =>
      snapshot.budgets.filter(
        (budget) =>
          budget.project === key.project &&
          (budget.key ?? key.id) === key.id &&
          (budget.route ?? route) === route,
      ),
  }
}
