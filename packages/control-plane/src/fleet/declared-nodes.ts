// Declared nodes
//
// Brings what the store says of nodes (labels, cordon, that they exist) to the registry and, where it has
// changed, to the node itself.

import { type NodeSpec, nodeFacts, nodeSpec } from '@tutti/core/fleet'
import { canonicalJson, type Resource } from '@tutti/core/resource'
import type { Hub } from './hub.ts'
import type { Registry } from './registry.ts'

/** All nodes at the start: unreachable until they connect. */
export function declareNodes(nodes: readonly Resource[], registry: Registry): void {
  for (const { metadata, spec, status } of nodes) {
    const { labels, cordoned } = nodeSpec.parse(spec)
    const facts = nodeFacts.safeParse(status)
    registry.declare({ id: metadata.name, labels, cordoned }, facts.success ? facts.data : null)
  }
}

/** Takes in that a node's resource has changed; `spec` is null where it is gone. */
export function redeclareNode(
  { registry, hub }: { readonly registry: Registry; readonly hub: NodeLine },
  name: string,
  spec: NodeSpec | null,
): void {
  if (spec === null) {
    hub.disconnect(name) // also where another control plane took the order
    registry.forget(name)
    return
  }
  const { labels, cordoned } = spec
  const held = registry.get(name)
  const before = held && canonicalJson({ labels: held.labels, cordoned: held.cordoned })
  registry.declare({ id: name, labels, cordoned }, null) // `held` says this from here on
  if (before !== undefined && before !== canonicalJson({ labels, cordoned })) {
    hub.sendDeclared(name, { labels, cordoned })
  }
}

/** What reaches a connected node. */
export type NodeLine = Pick<Hub, 'sendDeclared' | 'disconnect'>
