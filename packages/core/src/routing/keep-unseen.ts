// Keep unseen
//
// A control plane that has just started does not know yet which nodes serve, and says of which ones. Until it
// knows, a gateway keeps the endpoints that it had of them: a restart takes no node out of service.

import type { Snapshot } from './snapshot.ts'

/** `next` with the endpoints that `held` had of nodes which `next` has not seen. */
export function keepUnseen(next: Snapshot, held: Snapshot | null): Snapshot {
  if (held === null || isComplete(next)) return next
  const deployments = next.deployments.map((deployment) => {
    const { name, project, endpoints, unseen = [] } = deployment
    const before = held.deployments.find((one) => one.name === name && one.project === project)
    const names = new Set(unseen)
    for (const { node } of endpoints) names.delete(node) // it has said so much already
    const kept = (before?.endpoints ?? []).filter(({ node }) => names.has(node))
    return kept.length === 0 ? deployment : { ...deployment, endpoints: [...endpoints, ...kept] }
  })
  return { ...next, deployments }
}

/** Whether its control plane knew all nodes. */
export function isComplete({ deployments }: Snapshot): boolean {
  return deployments.every(({ unseen = [] }) => unseen.length === 0)
}
