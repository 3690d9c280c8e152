// Pick canaries
//
// A random 1 % sees a fault that strikes 1 % of the fleet in one case of four; a stratified choice always
// does. So every stratum (runtime × hardware × region) sends some of its nodes first.

import { positionOf } from './assignment.ts'
import type { NodeView } from './node.ts'

/**
 * Ids of the canaries, sorted: from every stratum the `perStratum` reachable nodes that come
 * first in this
 * generation's order, or all of a stratum that has fewer.
 */
export function pickCanaries(
  nodes: readonly NodeView[],
  perStratum: number,
  salt: { readonly uid: string; readonly generation: number },
): string[] {
  const strata = new Map<string, NodeView[]>()
  for (const node of nodes) {
    if (!node.connected || node.cordoned) continue
    const members = strata.get(node.stratum)
    if (members) members.push(node)
    else strata.set(node.stratum, [node])
  }
  return [...strata.values()].flatMap((members) => firstOf(members, perStratum, salt)).sort()
}

function firstOf(
  members: readonly NodeView[],
  count: number,
  salt: { readonly uid: string; readonly generation: number },
): string[] {
  return members
    .map(({ id }) => ({ id, position: positionOf(id, salt) }))
    .sort((a, b) => a.position - b.position || (a.id < b.id ? -1 : 1))
    .slice(0, count)
    .map(({ id }) => id)
}
