// Befall
//
// Everything that may happen to a simulated fleet, each by its name: people who change their minds,
// machines that die, networks that part, clocks that leap, and somebody who says what is not true.

import { rolloutResourceSpec, type SignedAssignment, toNode } from '@tutti/core/fleet'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { type FleetWorld, stranger } from './fleet-world.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { releases } from './simulated-releases.ts'

export type Happening = (world: FleetWorld, node: SimulatedNode) => string

const outageMsMax = 40_000
const deployments = ['parts', 'scrap']

/** By name; those that are said twice happen twice as often. */
export const happenings: readonly Happening[] = [
  deploy,
  deploy,
  deploy,
  withdraw,
  pause,
  cordon,
  relabel,
  killNode,
  killNode,
  partition,
  partition,
  cut,
  cutAll,
  killPlane,
  killPlane,
  woundWorker,
  fillDisk,
  rotFile,
  slowNetwork,
  slowStore,
  leapNode,
  leapPlane,
  sayAgain,
  sayPast,
  forge,
  fork,
]

export function deploy(world: FleetWorld): string {
  const { chance } = world
  const release = chance.pick(releases)
  const strategy = {
    canary: { perStratum: chance.between(1, 2) },
    maxUnavailable: chance.pick([0.5, 1, 1]),
    soakMs: chance.pick([0, 0, 3_000, 15_000]),
  }
  const isKnown = world.store.resources.has(`Model/default/${release.name}`)
  if (!isKnown) world.commit('Model', 'default', release.name, release.spec)
  const name = chance.pick(deployments)
  const selector = chance.hits(0.2) ? { matchLabels: { region: 'r0' } } : { matchLabels: {} }
  world.commit('Deployment', 'default', name, { model: release.name, strategy, selector })
  return `${name} shall run ${release.name} (${release.quality})`
}

function withdraw(world: FleetWorld): string {
  const name = world.chance.pick(deployments)
  const held = world.store.all('Deployment').find(({ metadata }) => metadata.name === name)
  if (held === undefined || !world.chance.hits(0.4)) return deploy(world)
  world.commit('Deployment', 'default', name, null)
  return `${name} is deleted`
}

function pause(world: FleetWorld): string {
  const paused = world.chance.hits(0.5)
  pauseAll(world, paused)
  return paused ? 'rollouts are paused' : 'rollouts go on'
}

export function pauseAll(world: FleetWorld, paused: boolean): void {
  for (const { metadata, spec } of world.store.all('Rollout')) {
    const held = rolloutResourceSpec.parse(spec)
    if (held.paused === paused) continue
    world.commit('Rollout', 'default', metadata.name, { ...held, paused })
  }
}

function cordon(world: FleetWorld, node: SimulatedNode): string {
  const cordoned = world.chance.hits(0.7)
  world.setNodeSpec(node.id, { cordoned })
  return `${node.id} is ${cordoned ? 'cordoned' : 'let go'}`
}

function relabel(world: FleetWorld, node: SimulatedNode): string {
  const region = world.chance.pick(['r0', 'r1'])
  world.setNodeSpec(node.id, { labels: { region } })
  return `${node.id} moves to ${region}`
}

function killNode(world: FleetWorld, node: SimulatedNode): string {
  node.kill()
  const backMs = world.chance.between(100, outageMsMax)
  world.time.schedule(backMs, () => node.start())
  return `${node.id} is killed, back in ${backMs} ms`
}

function partition(world: FleetWorld, node: SimulatedNode): string {
  world.network.partition(node.id)
  const backMs = world.chance.between(100, outageMsMax)
  world.time.schedule(backMs, () => world.network.heal(node.id))
  return `${node.id} is cut off without a word for ${backMs} ms`
}

function cut(world: FleetWorld, node: SimulatedNode): string {
  world.network.cut(node.id)
  return `the connection of ${node.id} breaks`
}

function cutAll(world: FleetWorld): string {
  for (const { id } of world.nodes) world.network.cut(id)
  return 'every connection breaks'
}

function killPlane(world: FleetWorld): string {
  world.plane.kill()
  const backMs = world.chance.between(10, outageMsMax)
  world.time.schedule(backMs, () => world.plane.start())
  return `the control plane is killed, back in ${backMs} ms`
}

function woundWorker(world: FleetWorld, node: SimulatedNode): string {
  const serves = world.chance.pick(deployments)
  node.wound(serves)
  return `what serves ${serves} on ${node.id} dies`
}

function fillDisk(world: FleetWorld, node: SimulatedNode): string {
  node.isDiskFull = true
  world.time.schedule(world.chance.between(1_000, outageMsMax), () => {
    node.isDiskFull = false
  })
  return `the disk of ${node.id} is full for a while`
}

function rotFile(_: FleetWorld, node: SimulatedNode): string {
  node.rot()
  return `a file on ${node.id} rots`
}

function slowNetwork(world: FleetWorld, node: SimulatedNode): string {
  world.network.delayMsMax = world.chance.pick([5, 40, 3_000])
  node.fetchMsMax = world.chance.pick([100, 1_000, 20_000])
  const way = `${world.network.delayMsMax} ms a way`
  return `the network takes up to ${way}, ${node.id} fetches in ${node.fetchMsMax} ms`
}

function slowStore(world: FleetWorld): string {
  world.store.delayMsMax = world.chance.pick([1, 10, 1_500])
  return `the store answers within ${2 * world.store.delayMsMax} ms`
}

const leapMsMax = 3_600_000

function leapNode(world: FleetWorld, node: SimulatedNode): string {
  node.skewMs = world.chance.between(-leapMsMax, leapMsMax)
  return `the clock of ${node.id} leaps to ${node.skewMs} ms`
}

function leapPlane(world: FleetWorld): string {
  world.plane.skewMs = world.chance.between(-leapMsMax, leapMsMax)
  return `the clock of the control plane leaps to ${world.plane.skewMs} ms`
}

/** An old frame once more: a replay, or a network that repeats itself. */
function sayAgain(world: FleetWorld, node: SimulatedNode): string {
  const heard = world.network.heardBy(node.id)
  if (heard.length === 0) return deploy(world)
  world.network.inject(node.id, world.chance.pick(heard))
  return `${node.id} hears an old frame again`
}

/** What was assigned once, as true as ever and under the checkpoint that the node has seen (A3). */
function sayPast(world: FleetWorld, node: SimulatedNode): string {
  const issued = [...world.store.issued.values()]
  if (issued.length === 0) return deploy(world)
  const row = world.chance.pick(issued)
  void world.store.frameOf(row, node.state.checkpoint?.size ?? 0).then((frame) => {
    if (frame !== null) world.network.inject(node.id, frame)
  })
  return `${node.id} hears of revision ${row.revision} of generation ${row.generation} again`
}

/** The last assignments, changed, and signed by somebody else or not at all. */
function forge(world: FleetWorld, node: SimulatedNode): string {
  const frame = lastAssign(world, node)
  if (frame === null) return deploy(world)
  const isSigned = world.chance.hits(0.5)
  const assignments = frame.assignments.map((signed) => forged(world, signed, isSigned))
  world.network.inject(node.id, JSON.stringify({ ...frame, assignments }))
  return `${node.id} hears a forged assignment`
}

function forged(world: FleetWorld, signed: SignedAssignment, isSigned: boolean): SignedAssignment {
  const held = JSON.parse(signed.payload)
  const payload = canonicalJson({
    ...held,
    revision: held.revision + 1,
    target: { ...held.target, digest: world.chance.pick(releases).digest },
  })
  if (!isSigned) return { ...signed, payload }
  return { ...signed, payload, signature: stranger.sign(signingPrefix.assignment, payload) }
}

/** What the control plane really signed, under the checkpoint of another ledger. */
function fork(world: FleetWorld, node: SimulatedNode): string {
  const frame = lastAssign(world, node)
  // Who could not write one down yet believes the first that the pinned keys have signed.
  if (frame === null || node.state.checkpoint === null) return deploy(world)
  const checkpoint = world.forkedCheckpoint()
  world.network.inject(node.id, JSON.stringify({ ...frame, checkpoint }))
  return `${node.id} hears of a forked ledger`
}

function lastAssign(world: FleetWorld, node: SimulatedNode) {
  const heard = world.network.heardBy(node.id)
  for (const text of [...heard].reverse()) {
    const frame = toNode.parse(JSON.parse(text))
    if (frame.type === 'assign' && frame.assignments.length > 0) return frame
  }
  return null
}
