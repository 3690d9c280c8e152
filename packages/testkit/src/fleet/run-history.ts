// Run history
//
// One random history of a simulated fleet, all of it from its seed: some time in which anything may befall
// it, then peace with a part of the nodes away, in which every rollout must end; then everybody comes back
// and must be exactly where the assignments say.

import { deploy, happenings, pauseAll } from './befall.ts'
import { FleetWorld } from './fleet-world.ts'
import { areRolloutsOver, isExact, rolloutsUnderWay, whyNotExact } from './judge-end.ts'
import type { SimulatedNode } from './simulated-node.ts'

export interface History {
  readonly seed: number
  readonly violations: readonly string[]
  /** What happened, line by line. */
  readonly told: readonly string[]
}

const checkEveryMs = 2_000
const troubleMs = 40_000
// retries of a machine's fault come five minutes apart at most, and a rollout has a few stages
const peaceMsMax = 3_600_000

export async function runHistory(seed: number): Promise<History> {
  const world = new FleetWorld(seed, shapeOf(seed))
  const { chance, time } = world
  scheduleTrouble(world)
  const checks = checkOften(world)
  await time.run(troubleMs)

  const away = world.nodes.filter(() => chance.hits(0.35)).slice(0, world.nodes.length - 1)
  makePeace(world, away)
  await time.run(time.nowMs + peaceMsMax, () => checks.isDue() && areRolloutsOver(world))
  if (!areRolloutsOver(world)) {
    world.violation(`I4: with ${away.length} away, ${rolloutsUnderWay(world)} never ended`)
    for (const why of whyNotExact(world)) world.tell(why)
  }
  makePeace(world, [])
  await time.run(time.nowMs + peaceMsMax, () => checks.isDue() && isExact(world))
  for (const why of whyNotExact(world)) world.violation(`I4, I9: never converged: ${why}`)
  world.check()
  checks.stop()
  world.end()
  return { seed, violations: world.violations, told: world.told }
}

function shapeOf(seed: number) {
  // Most faults need two or three machines; some need more.
  return { nodes: seed % 10 === 0 ? 6 : 2 + (seed % 3), regions: 1 + (seed % 2) }
}

function scheduleTrouble(world: FleetWorld): void {
  const { chance, time } = world
  world.tell(deploy(world))
  const count = chance.between(1, 8)
  for (let i = 0; i < count; i++) {
    time.schedule(chance.between(0, troubleMs), () => {
      const befalls = chance.pick(happenings)
      world.tell(befalls(world, chance.pick(world.nodes)))
    })
  }
}

/** Looks at the world every two seconds; `isDue` is true right after a look. */
function checkOften(world: FleetWorld) {
  let forget = () => {}
  let lookedMs = 0
  const look = () => {
    world.check()
    lookedMs = world.time.nowMs
    forget = world.time.schedule(checkEveryMs, look)
  }
  look()
  return { stop: () => forget(), isDue: () => lookedMs === world.time.nowMs }
}

/** No more trouble: everything runs and everybody is let go, but for those who are away. */
function makePeace(world: FleetWorld, away: readonly SimulatedNode[]): void {
  world.tell(away.length === 0 ? 'peace' : `peace; away: ${away.map(({ id }) => id).join(' ')}`)
  world.network.delayMsMax = 40
  world.store.delayMsMax = 10
  world.plane.start()
  pauseAll(world, false)
  for (const node of world.nodes) {
    node.isDiskFull = false
    node.fetchMsMax = 1_000
    world.setNodeSpec(node.id, { cordoned: false })
    if (away.includes(node)) leaveAway(world, node)
    else {
      if (world.network.isPartitioned(node.id)) world.network.heal(node.id)
      node.start()
    }
  }
}

/** Somebody who is away is off, or there and not to be reached. */
function leaveAway(world: FleetWorld, node: SimulatedNode): void {
  if (world.chance.hits(0.5)) node.kill()
  else world.network.partition(node.id)
}
