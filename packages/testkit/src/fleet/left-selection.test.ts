// A node that a deployment does not select any more, and that is told so again before it is done with it.

import { expect, test } from 'vitest'
import { FleetWorld } from './fleet-world.ts'
import { isExact } from './judge-end.ts'
import { releases } from './simulated-releases.ts'

test('I9: what it served it serves no more, however often it is told', async () => {
  const world = new FleetWorld(1, { nodes: 1, regions: 1 })
  const [node] = world.nodes
  const [first, second] = releases.filter(({ quality }) => quality === 'good')
  if (node === undefined || first === undefined || second === undefined) throw new Error('no world')
  const strategy = { canary: { perStratum: 1 }, maxUnavailable: 1, soakMs: 0 }
  const selector = { matchLabels: { region: 'r0' } }
  const deploy = ({ name, spec }: typeof first) => {
    world.commit('Model', 'default', name, spec)
    world.commit('Deployment', 'default', 'parts', { model: name, strategy, selector })
  }
  deploy(first)
  do await world.time.run(world.time.nowMs + 1_000)
  while (!isExact(world))
  deploy(second)
  const phase = () =>
    world.plane.registry?.get(node.id)?.reports.get('default')?.get('parts')?.state.phase
  while (phase() !== 'stage') await world.time.run(world.time.nowMs + 10) // it loads for a while
  const labels = { region: 'r1' }
  world.setNodeSpec(node.id, { labels })
  const declared = JSON.stringify({ type: 'declared', labels, cordoned: false })
  for (let i = 0; i < 3; i++) world.network.inject(node.id, declared)
  await world.time.run(world.time.nowMs + 10_000)
  expect(node.host?.active('parts')).toBe(null)
  expect(node.state.deployments['default/parts']?.committed ?? null).toBe(null)
  world.end()
})
