// A control plane is upgraded before its nodes: what one of them cannot read, it says.

import { convergenceOf } from '@tutti/core/fleet'
import type { AssignmentVerifier } from '@tutti/node/simulation'
import { expect, test } from 'vitest'
import { FleetWorld } from './fleet-world.ts'
import { areRolloutsOver } from './judge-end.ts'
import { releases } from './simulated-releases.ts'

const strategy = { canary: { perStratum: 3 }, maxUnavailable: 1, soakMs: 0 }

/** Knows nothing of a second generation, until it is upgraded. */
function olderThan(proven: AssignmentVerifier, isUpgraded: () => boolean): AssignmentVerifier {
  const assignment: AssignmentVerifier['assignment'] = (trust, checkpoint, signed) => {
    const verdict = proven.assignment(trust, checkpoint, signed)
    if (isUpgraded() || !verdict.ok || verdict.assignment.generation === 1) return verdict
    return { ok: false, reason: 'the assignment: a key it does not know', head: verdict.assignment }
  }
  return { ...proven, assignment }
}

test('I9: a node that refuses an assignment cannot, says why, and serves what it has; upgraded, it obeys', async () => {
  let isUpgraded = false
  const world = new FleetWorld(1, {
    ...{ nodes: 3, regions: 1 },
    verifierOf: (id, proven) => (id === 'n1' ? olderThan(proven, () => isUpgraded) : proven),
  })
  const good = releases.filter(({ quality }) => quality === 'good').slice(0, 2)
  for (const { name, spec } of good) {
    world.commit('Model', 'default', name, spec)
    world.commit('Deployment', 'default', 'parts', { model: name, strategy })
    do await world.time.run(world.time.nowMs + 1_000)
    while (!areRolloutsOver(world))
  }
  const [before, after] = good.map(({ digest }) => digest)
  const convergence = () => {
    const [assignment] = world.assignments()
    const view = world.plane.registry?.views().find(({ id }) => id === 'n1')
    if (view === undefined || assignment === undefined) throw new Error('it is known')
    return convergenceOf(view, assignment)
  }
  const served = () => world.nodes.map(({ host }) => host?.active('parts'))
  expect(served()).toEqual([after, before, after])
  const reason = 'the assignment: a key it does not know'
  expect(convergence()).toEqual({ fact: 'cannot', reason })
  isUpgraded = true
  world.nodes[1]?.kill()
  world.nodes[1]?.start()
  do await world.time.run(world.time.nowMs + 1_000)
  while (convergence().fact !== 'converged')
  expect(served()).toEqual([after, after, after])
  expect(world.violations).toEqual([])
  world.end()
})
