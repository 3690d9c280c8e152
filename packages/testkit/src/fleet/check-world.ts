// Check world
//
// What must hold in a simulated world at every moment, by the invariants' own words; it knows nothing of
// how they are kept.

import { statusOf } from '@tutti/control-plane/simulation'
import {
  type Assignment,
  convergenceOf,
  type NodeView,
  releaseFor,
  wishFor,
} from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import type { NodeState } from '@tutti/node/simulation'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { heartbeatMs, type SimulatedPlane } from './simulated-plane.ts'
import { releaseByDigest } from './simulated-releases.ts'
import { type SimulatedStore, sha256 } from './simulated-store.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What is looked at. */
export interface CheckedWorld {
  readonly time: VirtualTime
  readonly network: SimulatedNetwork
  readonly store: SimulatedStore
  readonly plane: SimulatedPlane
  readonly nodes: readonly SimulatedNode[]
  /** Every release that a node ever committed, by node and served name; `checkSaved` writes. */
  readonly committed: Map<string, Set<string>>
  readonly assignments: () => readonly Assignment[]
  readonly violation: (message: string) => void
}

/** Findings go to the world's violations. */
export function checkWorld(world: CheckedWorld): void {
  checkRecords(world)
  checkServing(world)
  checkPresence(world)
  checkFacts(world)
}

/** I1: every assignment and every phase of a rollout is what its newest record says. */
function checkRecords(world: CheckedWorld): void {
  const { store } = world
  for (const row of store.assignments.values()) {
    const record = store.entries[Number(row.entry)]?.record
    if (record?.digest !== sha256(row.payload)) {
      world.violation(`I1: the assignment of ${row.deployment} has no record`)
    }
  }
  for (const rollout of store.all('Rollout')) {
    const { state, assignment } = statusOf(rollout)
    const name = `Rollout/${rollout.metadata.project}/${rollout.metadata.name}`
    const records = store.entries.filter(({ record }) => record.resource === name)
    if (records.length !== rollout.metadata.generation) {
      world.violation(`I1: ${name} has ${records.length} records of ${rollout.metadata.generation}`)
    }
    const own = records.filter(({ record }) => record.principal.startsWith('Automation'))
    const said = own.at(-1)?.record.summary ?? ''
    if (state.phase !== 'canary' && !said.includes(state.phase)) {
      world.violation(`I1: ${name} is ${state.phase}, its record says: ${said}`)
    }
    const row = store.assignments.get(`${assignment.project}/${assignment.deployment}`)
    if (row !== undefined && row.generation === assignment.generation) {
      const { revision } = JSON.parse(row.payload)
      if (revision !== assignment.revision) world.violation(`I1: ${name} and its assignment differ`)
    }
  }
}

/** I3 and I5: what was committed serves, whatever is under way, unless its worker died. */
function checkServing(world: CheckedWorld): void {
  for (const node of world.nodes) {
    if (!node.isBooted || node.isBehind) continue
    for (const { assignment, committed } of Object.values(node.state.deployments)) {
      const { serves } = assignment
      if (committed === null || node.host?.active(serves) !== null) continue
      if (node.host.died.has(serves) || node.rotted.has(committed.release)) continue
      const { labels, cordoned } = node.state
      const wish = wishFor({ id: node.id, labels, cordoned }, assignment, committed.kept)
      if (wish === null) continue // it is being removed
      world.violation(`I3, I5: ${node.id}: nothing answers ${serves}, ${committed.release} should`)
    }
  }
}

// two heartbeats and a half of silence, up to one more until somebody looks, a slow store, the way
const silenceMsMax = 3.5 * heartbeatMs + 10_000

/** I4: who cannot be reached is not believed to be there. */
function checkPresence(world: CheckedWorld): void {
  const { registry } = world.plane
  for (const node of world.nodes) {
    const isReachable = node.isUp && !world.network.isPartitioned(node.id)
    if (isReachable || registry?.get(node.id)?.connected !== true) continue
    const awayMs = world.time.nowMs - (world.network.lostMs.get(node.id) ?? 0)
    if (awayMs > silenceMsMax) {
      world.violation(`I4: ${node.id} is away for ${awayMs} ms and counts as connected`)
    }
  }
}

/** I9: each fact that is told of a node has a ground in the world. */
function checkFacts(world: CheckedWorld): void {
  const views = world.plane.registry?.views() ?? []
  for (const assignment of world.assignments()) {
    for (const view of views) {
      const node = world.nodes.find(({ id }) => id === view.id)
      if (node === undefined) continue
      const convergence = convergenceOf(view, assignment)
      const complain = (why: string) =>
        world.violation(`I9: ${view.id} is said to be ${convergence.fact}: ${why}`)
      switch (convergence.fact) {
        case 'unreachable':
          if (view.connected) complain('it is connected')
          break
        case 'converged':
          if (!view.connected) complain('nobody can know')
          if (!hasCommitted(world, view, assignment)) complain('it never committed that')
          break
        case 'cannot':
          if (!view.cordoned && convergence.reason === '') complain('without a reason')
          break
        case 'converging':
          if (!view.connected) complain('nobody can know')
      }
    }
  }
}

function hasCommitted(world: CheckedWorld, view: NodeView, assignment: Assignment): boolean {
  const wanted = releaseFor(view, assignment)
  const ever = world.committed.get(`${view.id} ${assignment.serves}`)
  return wanted === null || ever?.has(wanted.digest) === true
}

/** Is the assignment's record under the checkpoint? A node that forgot could be rolled back. */
function isUnder(
  { store }: CheckedWorld,
  payload: string,
  checkpoint: NodeState['checkpoint'],
): boolean {
  const digest = sha256(payload)
  const index = store.entries.findIndex(({ record }) => record.digest === digest)
  return checkpoint !== null && index >= 0 && index < checkpoint.size
}

/** I2 and A3: what a node writes down was issued, is in the log, and is newer than what it had. */
export function checkSaved(
  world: CheckedWorld,
  node: string,
  { before, next }: { readonly before: NodeState; readonly next: NodeState },
): void {
  const { store } = world
  const { checkpoint } = next
  if (checkpoint !== null) {
    const ours = store.checkpoints.find(({ size }) => size === checkpoint.size)
    if (ours?.root !== checkpoint.root) world.violation(`I2: ${node} believes in another ledger`)
    if (checkpoint.size < (before.checkpoint?.size ?? 0)) {
      world.violation(`I2: ${node} let its ledger be rolled back`)
    }
  }
  for (const [key, { assignment, committed }] of Object.entries(next.deployments)) {
    const held = before.deployments[key]
    const isSame =
      held?.assignment.generation === assignment.generation &&
      held.assignment.revision === assignment.revision &&
      held.committed === committed
    if (isSame) continue
    const payload = canonicalJson(assignment)
    if (!store.issued.has(payload)) {
      world.violation(`I2: ${node} obeys an assignment that nobody issued`)
    }
    if (held?.assignment.revision !== assignment.revision && !isUnder(world, payload, checkpoint)) {
      world.violation(`I2: ${node} obeys what no checkpoint that it has written down covers`)
    }
    const isOlder =
      held !== undefined &&
      (held.assignment.generation > assignment.generation ||
        (held.assignment.generation === assignment.generation &&
          held.assignment.revision > assignment.revision))
    if (isOlder) world.violation(`A3: ${node} went back to an older assignment of ${key}`)
    if (committed === null) continue
    const name = `${node} ${assignment.serves}`
    const ever = world.committed.get(name) ?? new Set()
    world.committed.set(name, ever.add(committed.release))
    if (!releaseByDigest.has(committed.release))
      world.violation(`I2: ${node} runs an unknown model`)
  }
}
