// Build snapshot
//
// All that gateways need, from what is declared and what nodes report: the keys that may call, the routes,
// and for every deployment the endpoints where a release answers right now.

import { deploymentSpec, reportOf, servedName } from '@tutti/core/fleet'
import { sealedSecretSpec } from '@tutti/core/governance'
import { type Resource, selects, signingPrefix } from '@tutti/core/resource'
import {
  budgetSpec,
  keySpec,
  providerSpec,
  relayScheme,
  routeSpec,
  type ServingClaims,
  type Snapshot,
  type SnapshotProvider,
  snapshotProvider,
  toolRoute,
} from '@tutti/core/routing'
import type { NodeEntry, Registry } from '../fleet/index.ts'
import {
  emptyContext,
  type Identity,
  type PolicyEngine,
  principalOfKey,
} from '../governance/index.ts'
import { allResources, type Sql } from '../store/index.ts'
import { type Guarded, guardOrders } from './guard-orders.ts'

export interface SnapshotPorts {
  readonly sql: Sql
  readonly identity: Identity
  readonly registry: Registry
  readonly policies: () => Promise<PolicyEngine>
  readonly nowMs: () => number
}

/** A snapshot without its number and time: the same text means that nothing has changed. */
export type SnapshotBody = Omit<Snapshot, 'sequence' | 'issuedAtMs' | 'servingToken'>

// a gateway outlives a control plane that is away for a month
const servingTokenMs = 30 * 86_400_000

/** `isSettling`: nodes that were not heard yet may well be there. */
export async function buildSnapshot(
  ports: SnapshotPorts,
  { isSettling }: { readonly isSettling: boolean },
): Promise<SnapshotBody> {
  const kinds = ['Key', 'Route', 'Deployment', 'Provider', 'Secret', 'Budget'] as const
  const [keys, routes, deployments, providers, secrets, budgets] = await Promise.all(
    kinds.map((kind) => allResources(ports.sql, kind)),
  )
  const nodes = [...ports.registry.all()]
  const callable = routesOf(routes ?? [], deployments ?? [])
  const engine = await ports.policies()
  const callers = (keys ?? []).flatMap((key) => {
    const principal = principalOfKey(key, 0)
    return principal === null ? [] : [{ key: key.metadata.name, principal }]
  })
  const made = (providers ?? []).map((one) => providerOf(ports.identity, one, secrets ?? []))
  const toolServers = made.flatMap((one) => (one.kind === 'tools' ? [one.entry] : []))
  const isTools = ({ spec }: Resource) => providerSpec.parse(spec).dialect === 'mcp'
  const servers = (providers ?? []).filter(isTools).map(({ metadata }) => metadata)
  const models = (providers ?? []).filter((one) => !isTools(one))
  const targets = [...models, ...(deployments ?? [])]
  const orders = guardOrders(engine, guardedOf(callable, toolServers, servers), callers)
  return {
    format: 'tutti/snapshot/v1',
    ...(orders.length === 0 ? {} : { guardOrders: [...orders] }),
    keys: (keys ?? []).flatMap((key) => keyOf(engine, key, { routes: callable, servers, targets })),
    routes: callable.map(({ labels: _, ...route }) => route),
    deployments: (deployments ?? []).map((one) => deploymentOf(one, nodes, isSettling)),
    providers: made.flatMap((one) => (one.kind === 'models' ? [one.entry] : [])),
    ...(toolServers.length === 0 ? {} : { toolServers }),
    budgets: (budgets ?? []).map(({ metadata, spec }) => ({
      ...{ name: metadata.name, project: metadata.project },
      ...budgetSpec.parse(spec),
    })),
  }
}

/** A bearer token that every node of this control plane accepts. */
export function servingToken(identity: Identity, subject: string, nowMs: number): string {
  const expiresAtMs = nowMs + servingTokenMs
  const claims: ServingClaims = { format: 'tutti/serving/v1', subject, expiresAtMs }
  const text = JSON.stringify(claims)
  const signature = identity.sign(signingPrefix.serving, text)
  const parts = [Buffer.from(text), Buffer.from(signature, 'base64')]
  return parts.map((part) => part.toString('base64url')).join('.')
}

type CallableRoute = Snapshot['routes'][number] & {
  readonly labels: Readonly<Record<string, string>>
}

type Named = Pick<CallableRoute, 'name' | 'project' | 'labels'>

/** What the policies decide about. */
interface Reachable {
  readonly routes: readonly CallableRoute[]
  readonly servers: readonly Named[]
  /** Providers of models, and Deployments: what Routes ask. */
  readonly targets: readonly Pick<Resource, 'kind' | 'metadata'>[]
}

/** What has a guard that policies may make stricter. */
function guardedOf(
  routes: readonly CallableRoute[],
  toolServers: NonNullable<Snapshot['toolServers']>,
  providers: readonly Named[],
): Guarded[] {
  const ofRoutes = routes.map(({ name, project, labels, guard }) => {
    return { kind: 'Route', resource: name, name, project, labels, guard } as const
  })
  const ofTools = toolServers.map(({ name, project, guard }) => {
    const own = providers.find((one) => one.project === project && one.name === name)
    const labels = own?.labels ?? {}
    return {
      kind: 'Provider',
      resource: name,
      name: toolRoute(name),
      project,
      labels,
      guard,
    } as const
  })
  return [...ofRoutes, ...ofTools]
}

/** A key with the routes that the policies let it call; none, and it is left out. */
function keyOf(
  engine: PolicyEngine,
  key: Resource,
  { routes, servers, targets }: Reachable,
): Snapshot['keys'] {
  const { metadata } = key
  const spec = keySpec.parse(key.spec)
  const { hash, owner, expiresAtMs, limits } = spec
  // Its end is the gateway's to see: the snapshot may be read for weeks.
  const principal = principalOfKey(key, 0)
  if (principal === null) return []
  const question = ({ name, project, labels }: Named, kind: string) => {
    const resource = { kind, name, project, labels }
    return { principal, action: 'infer', resource, context: emptyContext } as const
  }
  const mayInfer = (of: Named, kind = 'Route') => engine.permits(question(of, kind))
  const own = routes.filter(({ project }) => project === metadata.project)
  const permitted = own.filter((route) => mayInfer(route))
  // A project without routes is asked about as such: the key is known there, and told what is missing.
  const isCaller = own.length === 0 ? mayInfer({ ...metadata, name: '', labels: {} }) : false
  if (permitted.length === 0 && !isCaller) return []
  const names = permitted.map(({ name }) => name)
  const isRestricted = spec.routes !== undefined || names.length < own.length
  const allowed = names.filter((name) => spec.routes?.includes(name) ?? true)
  const ownServers = servers.filter(({ project }) => project === metadata.project)
  const callable = ownServers.filter((server) => mayInfer(server, 'Provider'))
  const isFenced = callable.length < ownServers.length
  const refused = targets
    .filter((target) => target.metadata.project === metadata.project)
    .filter((target) => engine.forbids(question(target.metadata, target.kind)))
    .map((target) => `${target.kind}/${target.metadata.name}`)
  return [
    {
      id: metadata.name,
      hash,
      project: metadata.project,
      owner,
      ...(isRestricted ? { routes: allowed } : {}),
      ...(refused.length === 0 ? {} : { refused }),
      ...(isFenced ? { servers: callable.map(({ name }) => name) } : {}),
      ...(spec.tools === undefined ? {} : { tools: spec.tools }),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      ...(limits === undefined ? {} : { limits }),
    },
  ]
}

/** Declared routes, and one by its own name for every deployment that has none. */
function routesOf(routes: readonly Resource[], deployments: readonly Resource[]): CallableRoute[] {
  const declared = routes.map(({ metadata, spec }) => {
    const { name, project, labels } = metadata
    return { name, project, labels, ...routeSpec.parse(spec) }
  })
  const taken = new Set(declared.map(({ project, name }) => `${project}/${name}`))
  const implied = deployments
    .filter(({ metadata }) => !taken.has(`${metadata.project}/${metadata.name}`))
    .map(({ metadata: { name, project, labels } }) => {
      return { name, project, labels, ...routeSpec.parse({ targets: [{ deployment: name }] }) }
    })
  return [...declared, ...implied]
}

function deploymentOf(
  { metadata, spec }: Resource,
  nodes: readonly NodeEntry[],
  isSettling: boolean,
): Snapshot['deployments'][number] {
  const { selector } = deploymentSpec.parse(spec)
  const { project, name } = metadata
  const selected = nodes.filter((node) => !node.cordoned && selects(selector, node.labels))
  const endpoints = selected
    .filter((node) => node.connected)
    .flatMap((node) => {
      const { facts } = node
      const release = reportOf(node, { project, deployment: name })?.state.serving
      if (!facts || !release) return []
      const url = facts.endpoint ?? `${relayScheme}//${node.id}` // it dials gateways itself
      return [{ node: node.id, url, region: node.labels['region'] ?? '', release }]
    })
  const unseen = isSettling ? selected.filter(({ hasReported }) => !hasReported) : []
  return {
    ...{ name, project, serves: servedName({ project, name }), endpoints },
    ...(unseen.length === 0 ? {} : { unseen: unseen.map(({ id }) => id) }),
  }
}

function providerOf(
  identity: Identity,
  { metadata, spec }: Resource,
  secrets: readonly Resource[],
): SnapshotProvider {
  const { secret } = providerSpec.parse(spec)
  const { project, name } = metadata
  const sealed = secrets.find((s) => s.metadata.project === project && s.metadata.name === secret)
  const value = sealed === undefined ? undefined : sealedSecretSpec.parse(sealed.spec).value
  return snapshotProvider({ name, project }, spec, value && identity.decrypt(value))
}
