// Crash matrix
//
// One story of a fleet (a first rollout, an upgrade, a bad release that is taken back, a removal) told once
// to find every moment at which a process could die: each write of the control plane's store, each write
// and step of a node. Then once more for each of these moments, with the process killed there. However it
// was interrupted, the story must end in the same way.

import { statusOf } from '@tutti/control-plane/simulation'
import { FleetWorld } from './fleet-world.ts'
import { isExact, whyNotExact } from './judge-end.ts'
import { releases, type SimulatedRelease } from './simulated-releases.ts'

export type Victim = 'control plane' | 'node'

export interface Crash {
  readonly victim: Victim
  /** Number of the moment, from 1; 0 kills nobody. */
  readonly at: number
}

export interface Told {
  /** Every moment at which the victim could have died. */
  readonly moments: readonly string[]
  /** What came of each generation of the deployment. */
  readonly ends: readonly string[]
  readonly violations: readonly string[]
}

const actMsMax = 1_200_000
const restartMs = 700

export async function tellWithCrash(crash: Crash): Promise<Told> {
  const world = new FleetWorld(1, { nodes: 3, regions: 1 })
  const moments: string[] = []
  const passes = (victim: Victim, what: string): boolean => {
    if (victim !== crash.victim) return true
    moments.push(what)
    if (moments.length !== crash.at) return true
    kill(world, victim)
    return false
  }
  world.store.onWrite = (what) => passes('control plane', what)
  world.onStep = (node, what) => {
    if (node === 'n0') passes('node', what)
  }
  for (const model of [goodOf(0), goodOf(1), badOne(), goodOf(2)]) await playAct(world, model)
  await playAct(world, null)
  world.check()
  const ends = world.store
    .all('Rollout')
    .map((rollout) => `${rollout.metadata.name} ${statusOf(rollout).state.phase}`)
    .sort()
  world.end()
  return { moments, ends, violations: world.violations }
}

function kill(world: FleetWorld, victim: Victim): void {
  const dead = victim === 'node' ? world.nodes[0] : world.plane
  dead?.kill()
  world.time.schedule(restartMs, () => dead?.start())
}

/** Somebody wants another release, or none, and waits until the fleet is there. */
async function playAct(world: FleetWorld, release: SimulatedRelease | null): Promise<void> {
  if (release !== null) world.commit('Model', 'default', release.name, release.spec)
  const strategy = {
    canary: { perStratum: 1 },
    waves: [0.5, 1],
    maxUnavailable: 0.5,
    soakMs: 1_000,
  }
  const spec = release === null ? null : { model: release.name, strategy }
  world.commit('Deployment', 'default', 'parts', spec)
  const untilMs = world.time.nowMs + actMsMax
  let isOver = false
  while (!isOver && world.time.nowMs < untilMs) {
    await world.time.run(world.time.nowMs + 1_000)
    world.check()
    isOver = isExact(world) && (release !== null || isRemoved(world))
  }
  if (isOver) return
  for (const why of whyNotExact(world)) world.violation(`never ended: ${why}`)
  if (whyNotExact(world).length === 0) world.violation('never ended: a rollout goes on')
}

function isRemoved(world: FleetWorld): boolean {
  return world.assignments().every(({ mode }) => mode === 'remove')
}

function goodOf(index: number): SimulatedRelease {
  return pick(releases.filter(({ quality }) => quality === 'good')[index])
}

function badOne(): SimulatedRelease {
  return pick(releases.find(({ quality }) => quality === 'refused'))
}

function pick(release: SimulatedRelease | undefined): SimulatedRelease {
  if (release === undefined) throw new Error('the simulated releases are others now')
  return release
}
