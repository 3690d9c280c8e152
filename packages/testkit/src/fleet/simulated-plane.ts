// Simulated plane
//
// A control plane's process: the real hub, registry, loops and reconciler over a simulated store and
// network. It may be killed at any moment and started again.

import {
  declareNodes,
  openHub,
  openRegistry,
  type Registry,
  type RunningLoops,
  reconcileRollouts,
  redeclareNode,
  startLoops,
} from '@tutti/control-plane/simulation'
import { nodeSpec } from '@tutti/core/fleet'
import type { SimulatedKeys } from './simulated-keys.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { type SimulatedStore, type StoreNews, sha256 } from './simulated-store.ts'
import type { ProcessClock, VirtualTime } from './virtual-time.ts'

export interface PlaneWorld {
  readonly time: VirtualTime
  readonly network: SimulatedNetwork
  readonly store: SimulatedStore
  readonly keys: SimulatedKeys
  readonly violation: (message: string) => void
}

interface Process {
  isAlive: boolean
  readonly registry: Registry
  readonly loops: RunningLoops
}

export const heartbeatMs = 10_000
const engine = {
  digest: sha256('no policies'),
  answer: () => ({ allowed: true, determining: [], errors: [] }),
  permits: () => true,
  forbids: () => false,
  likenessOf: () => '',
  asksFindings: false,
}

export class SimulatedPlane {
  readonly #world: PlaneWorld
  /** The running process; `start` and `kill` write. */
  #process: Process | null = null
  /** Written by the world. */
  skewMs = 0

  constructor(world: PlaneWorld) {
    this.#world = world
  }

  get isUp(): boolean {
    return this.#process !== null
  }

  /** What the running process knows of the fleet. */
  get registry(): Registry | null {
    return this.#process?.registry ?? null
  }

  start(): void {
    if (this.#process !== null) return
    const { time, network, store, keys } = this.#world
    const isAlive = () => own.isAlive
    const clock = time.process({ isAlive, skewMs: () => this.skewMs })
    const registry = openRegistry()
    const rows = store.rolloutStore(clock)
    const load = async (name: string) => {
      const node = await rows.load({ kind: 'Node', project: '', name })
      return node === null ? null : nodeSpec.parse(node.spec)
    }
    declareNodes(store.all('Node'), registry)
    const hub = openHub({
      ...{ registry, heartbeatMs, clock, identity: keys },
      feed: store.assignmentFeed(clock),
      loadNode: load,
      log: { info: () => {}, warn: () => {} },
      onChange: () => own.loops.wake('rollouts'),
      onFacts: (name, status) => {
        const key = { kind: 'Node', project: '', name }
        const generation = store.resources.get(`Node/${name}`)?.metadata.generation ?? 0
        void rows.saveStatus(key, { generation, status, nowMs: clock.nowMs() })
      },
    })
    const own: Process = { isAlive: true, registry, loops: this.#loops(clock, registry, hub.push) }
    this.#process = own
    network.listen(hub.accept, isAlive)
    store.onNews = (news) =>
      this.#hear(own, news, (name) =>
        load(name).then((spec) => redeclareNode({ registry, hub }, name, spec)),
      )
  }

  kill(): void {
    if (this.#process === null) return
    this.#process.isAlive = false
    this.#process = null
    this.#world.store.onNews = () => {}
    this.#world.network.planeDied()
  }

  #hear(own: Process, news: StoreNews, redeclare: (node: string) => Promise<void>): void {
    if (!own.isAlive) return
    if (news === 'ledger') return own.loops.wake('ledger')
    if (news === 'checkpoint') return own.loops.wake('push')
    own.loops.wake('rollouts')
    const [kind, , name = ''] = news.resource.split('/')
    if (kind === 'Node') void redeclare(name)
  }

  #loops(clock: ProcessClock, registry: Registry, push: () => Promise<void>): RunningLoops {
    const { store } = this.#world
    const ports = {
      ...{ store: store.rolloutStore(clock), registry, heartbeatMs, nowMs: clock.nowMs },
      policies: async () => engine,
      log: {
        info: () => {},
        error: (fields: object, message: string) =>
          this.#world.violation(`plan: ${message}: ${JSON.stringify(fields)}`),
      },
    }
    const table = [
      { name: 'ledger', everyMs: 1_000, gatherMs: 5, turn: () => store.sequenceFor(clock) },
      { name: 'rollouts', everyMs: 2_000, gatherMs: 50, turn: () => reconcileRollouts(ports) },
      { name: 'push', everyMs: 2_000, gatherMs: 1, turn: push },
    ]
    return startLoops(
      table,
      (loop, error) => this.#world.violation(`loop: ${loop} failed: ${String(error)}`),
      clock,
    )
  }
}
