// A node that was off while its assignment changed: it serves what it committed first, and only then goes on.

import { reportOf } from '@tutti/core/fleet'
import { expect, test } from 'vitest'
import { FleetWorld } from './fleet-world.ts'
import { isExact } from './judge-end.ts'
import { releases } from './simulated-releases.ts'

const [first, second] = releases.filter(({ quality }) => quality === 'good')
const strategy = { canary: { perStratum: 1 }, maxUnavailable: 1, soakMs: 0 }

/** Two nodes ran the first release; one is off while the second takes its place. */
async function bootInto(seed: number) {
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
  return { world, settle }
}

test.each([1, 2, 3, 4, 5])(
  'I3: what was committed first, then what is wanted now (%i)',
  async (seed) => {
    const { world, settle } = await bootInto(seed)
    world.nodes[0]?.start()
    await settle()
    expect(world.nodes[0]?.host?.first.get('parts')).toBe(first?.digest)
    expect(world.nodes[0]?.host?.active('parts')).toBe(second?.digest)
    expect(world.violations).toEqual([])
    world.end()
  },
)

test.each([1, 2, 3, 4, 5])(
  'I3: a wish that comes while it resumes waits: it serves, and says so, while the next comes from afar (%i)',
  async (seed) => {
    const { world } = await bootInto(seed)
    const [node] = world.nodes
    if (node === undefined) throw new Error('a world of two nodes has a first')
    node.fetchMsMax = 600_000
    node.start()
    const said = () => {
      const view = world.plane.registry?.get(node.id)
      return view && reportOf(view, { project: 'default', deployment: 'parts' })?.state
    }
    for (let i = 0; i < 200 && said()?.phase !== 'fetch'; i++) {
      await world.time.run(world.time.nowMs + 100)
    }
    expect(said()).toMatchObject({ release: second?.digest, serving: first?.digest })
    expect(node.host?.active('parts')).toBe(first?.digest)
    world.end()
  },
)
