// Somebody who has all keys, or a control plane that was put back, tells a node what was assigned long ago.

import { expect, test } from 'vitest'
import { FleetWorld } from './fleet-world.ts'
import { isExact } from './judge-end.ts'
import { releases } from './simulated-releases.ts'

test('A3: a past assignment, signed and proven as ever, is not obeyed again', async () => {
  const world = new FleetWorld(1, { nodes: 1, regions: 1 })
  const good = releases.filter(({ quality }) => quality === 'good').slice(0, 2)
  const strategy = { canary: { perStratum: 1 }, maxUnavailable: 1, soakMs: 0 }
  for (const { name, spec } of good) {
    world.commit('Model', 'default', name, spec)
    world.commit('Deployment', 'default', 'parts', { model: name, strategy })
    do await world.time.run(world.time.nowMs + 1_000)
    while (!isExact(world))
  }
  const [node] = world.nodes
  const [first] = world.store.issued.values()
  if (node === undefined || first === undefined) throw new Error('a release was assigned to a node')
  const saved = JSON.stringify(node.state.deployments)
  const frame = await world.store.frameOf(first, node.state.checkpoint?.size ?? 0)
  world.network.inject(node.id, frame ?? '')
  await world.time.run(world.time.nowMs + 5_000)
  expect(JSON.parse(frame ?? '').assignments).toHaveLength(1)
  expect(JSON.stringify(node.state.deployments)).toBe(saved)
  expect(node.host?.active('parts')).toBe(good[1]?.digest)
  world.end()
})
