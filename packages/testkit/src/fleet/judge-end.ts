// Judge end
//
// How a simulated history must end: every rollout over, every node where its assignment says, and the
// control plane's knowledge of both true.

import { statusOf } from '@tutti/control-plane/simulation'
import { type Assignment, convergenceOf, releaseFor, reportOf } from '@tutti/core/fleet'
import { selects } from '@tutti/core/resource'
import type { FleetWorld } from './fleet-world.ts'
import { releaseByDigest } from './simulated-releases.ts'

const ended = new Set(['done', 'reverted', 'superseded'])

/** Names and phases of the rollouts that go on; one whose nodes are all away need not end (R4). */
export function rolloutsUnderWay(world: FleetWorld): string {
  return world.store
    .all('Rollout')
    .filter((rollout) => {
      const { state, assignment } = statusOf(rollout)
      return !ended.has(state.phase) && isAnybodyThere(world, assignment)
    })
    .map((rollout) => `${rollout.metadata.name} (${statusOf(rollout).state.phase})`)
    .join(', ')
}

function isAnybodyThere({ nodes, network }: FleetWorld, { selector }: Assignment): boolean {
  return nodes.some(
    (node) => node.isUp && !network.isPartitioned(node.id) && selects(selector, node.state.labels),
  )
}

/** Every deployment's newest generation has a rollout, and none goes on. */
export function areRolloutsOver(world: FleetWorld): boolean {
  const { store } = world
  return (
    rolloutsUnderWay(world) === '' &&
    store
      .all('Deployment')
      .every(({ metadata: { name, generation } }) =>
        store.resources.has(`Rollout/default/${name}-g${generation}`),
      )
  )
}

export function isExact(world: FleetWorld): boolean {
  return areRolloutsOver(world) && whyNotExact(world).length === 0
}

/** Every node serves what the newest assignment gives it, and the control plane knows. */
export function whyNotExact(world: FleetWorld): string[] {
  const views = world.plane.registry?.views() ?? []
  return world.assignments().flatMap((assignment) =>
    world.nodes.flatMap((node): string[] => {
      const view = views.find(({ id }) => id === node.id)
      if (view === undefined) return [`${node.id} is unknown`]
      const { fact } = convergenceOf(view, assignment)
      const wanted = releaseFor(view, assignment)?.digest ?? null
      const serving = node.host?.active(assignment.serves) ?? null
      const told = reportOf(view, assignment)?.state.serving ?? null
      if (told !== serving) return [`${node.id} serves ${nameOf(serving)}, says ${nameOf(told)}`]
      if (fact === 'converged' && serving === wanted) return []
      const quality = releaseByDigest.get(wanted ?? '')?.quality ?? 'good'
      const hasCause = quality !== 'good' || node.wounded.has(wanted ?? '') || node.deaths >= 3
      if (fact === 'cannot' && hasCause) return []
      const said = `${assignment.deployment} ${assignment.generation}.${assignment.revision}`
      const does = `is ${fact} (${JSON.stringify(reportOf(view, assignment) ?? null)})`
      return [`${node.id} ${said} ${does}, serves ${nameOf(serving)}, wanted ${nameOf(wanted)}`]
    }),
  )
}

function nameOf(release: string | null): string {
  return releaseByDigest.get(release ?? '')?.name ?? 'nothing'
}
