// A node that was off while its assignment changed: it serves what it committed first, and only then goes on.

import { expect, test } from 'vitest'
import { FleetWorld } from './fleet-world.ts'
import { isExact } from './judge-end.ts'
import { releases } from './simulated-releases.ts'

const [first, second] = releases.filter(({ quality }) => quality === 'good')
const strategy = { canary: { perStratum: 1 }, maxUnavailable: 1, soakMs: 0 }

test.each([1, 2, 3, 4, 5])(
  'I3: what was committed first, then what is wanted now (%i)',
  async (seed) => {
    const world = new FleetWorld(seed, { nodes: 2, regions: 1 })
    const settle = async () => {
      for (let i = 0; i < 300 && !isExact(world); i++) {
        await world.time.run(world.time.nowMs + 1_000)
      }
      expect(isExact(world)).toBe(true)
    }
    const deploy = (release: typeof first) => {
      world.commit('Model', 'default', release?.name ?? '', release?.spec)
      world.commit('Deployment', 'default', 'parts', { model: release?.name, strategy })
    }
    deploy(first)
    await world.time.run(10_000)
    await settle()
    world.nodes[0]?.kill()
    await world.time.run(world.time.nowMs + 1_000)
    deploy(second)
    await world.time.run(world.time.nowMs + 30_000) // the rollout ends without it
    world.nodes[0]?.start()
    await settle()
    expect(world.nodes[0]?.host?.first.get('parts')).toBe(first?.digest)
    expect(world.nodes[0]?.host?.active('parts')).toBe(second?.digest)
    expect(world.violations).toEqual([])
    world.end()
  },
)
