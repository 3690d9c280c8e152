// Fleet world
//
// A control plane, its store, a network and some nodes, all simulated but for what decides; and everything
// that may befall them. `check` says what must hold at any moment.

import { type Assignment, nodeSpec } from '@tutti/core/fleet'
import { formatCheckpoint, signNote } from '@tutti/ledger'
import type { AssignmentVerifier, NodeState } from '@tutti/node/simulation'
import { Chance } from './chance.ts'
import { checkSaved, checkWorld } from './check-world.ts'
import { rememberVerdicts } from './remember-verdicts.ts'
import { makeKeys, makeNodeKey } from './simulated-keys.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { SimulatedNode } from './simulated-node.ts'
import { SimulatedPlane } from './simulated-plane.ts'
import { SimulatedStore, sha256 } from './simulated-store.ts'
import { VirtualTime } from './virtual-time.ts'

export interface FleetShape {
  readonly nodes: number
  readonly regions: number
  /** What nodes believe; absent: what is proven, as always. */
  readonly verifierOf?: (node: string, proven: AssignmentVerifier) => AssignmentVerifier
}

const keys = makeKeys('sim/ledger')
/** Somebody who would like to be the control plane. */
export const stranger = makeKeys('sim/stranger')
const nodeKeys = Array.from({ length: 8 }, makeNodeKey)
const violationsMax = 5 // the first says it; the rest are its children

export class FleetWorld {
  readonly time = new VirtualTime()
  readonly chance: Chance
  readonly network: SimulatedNetwork
  readonly store: SimulatedStore
  readonly plane: SimulatedPlane
  readonly nodes: readonly SimulatedNode[]
  /** What happened and what must not have, in order. */
  readonly told: string[] = []
  readonly violations: string[] = []

  /** Every release that a node ever committed, by node and served name. */
  readonly committed = new Map<string, Set<string>>()

  /** Told of every step of a node's work; a crash matrix listens. */
  onStep: (node: string, what: string) => void = () => {}
  readonly #verify = rememberVerdicts()
  readonly #parsed = new Map<string, Assignment>()

  constructor(seed: number, shape: FleetShape) {
    this.chance = new Chance(seed)
    const { time, chance } = this
    this.network = new SimulatedNetwork(time, chance)
    this.store = new SimulatedStore(keys, chance)
    const violation = (message: string) => this.violation(message)
    const { network, store } = this
    this.plane = new SimulatedPlane({ time, network, store, keys, violation })
    this.nodes = Array.from({ length: shape.nodes }, (_, i) => this.#makeNode(i, shape))
    this.plane.start()
    for (const node of this.nodes) node.start()
  }

  tell(what: string): void {
    this.told.push(`${(this.time.nowMs / 1000).toFixed(2).padStart(8)} s  ${what}`)
  }

  violation(message: string): void {
    if (this.violations.length >= violationsMax || this.violations.includes(message)) return
    this.violations.push(message)
    this.tell(`!! ${message}`)
  }

  check(): void {
    checkWorld(this)
  }

  /** Somebody declares a resource; null takes it away. */
  commit(kind: string, project: string, name: string, spec: unknown): void {
    const key = { kind, project, name }
    const held = this.store.all(kind).find(({ metadata }) => metadata.name === name)
    const baseGeneration = held?.metadata.generation ?? 0
    const head = { labels: {}, annotations: {}, policies: [], approvals: [] }
    const { labels, annotations, ...rest } = head
    this.store.commit(
      { key, baseGeneration, labels, annotations, spec },
      {
        ...rest,
        ...{ atMs: this.time.nowMs, principal: 'User::"sim"', policySet: sha256('') },
        action: spec === null ? 'delete' : baseGeneration === 0 ? 'create' : 'update',
        digest: sha256(JSON.stringify(spec)),
        summary: `${kind} ${name}`,
      },
    )
  }

  /** The newest assignment of every deployment. */
  assignments(): Assignment[] {
    return [...this.store.assignments.values()].map(({ payload }) => {
      const known = this.#parsed.get(payload)
      if (known !== undefined) return known
      const parsed: Assignment = JSON.parse(payload)
      this.#parsed.set(payload, parsed)
      return parsed
    })
  }

  setNodeSpec(id: string, change: { cordoned?: boolean; labels?: Record<string, string> }): void {
    const held = this.store.all('Node').find(({ metadata }) => metadata.name === id)
    if (held !== undefined) this.commit('Node', '', id, { ...nodeSpec.parse(held.spec), ...change })
  }

  /** Ends every process. */
  end(): void {
    this.plane.kill()
    for (const node of this.nodes) node.kill()
  }

  /** A checkpoint by the ledger's own key, as large as the newest, of a tree that never was. */
  forkedCheckpoint(): string {
    const size = (this.store.checkpoints.at(-1)?.size ?? 0) + this.chance.between(0, 2)
    const root = Buffer.alloc(32, this.chance.between(0, 255))
    const head = { origin: keys.log.verifier.name, size: Math.max(1, size), root, extensions: [] }
    return signNote(formatCheckpoint(head), [keys.log])
  }

  #makeNode(i: number, { regions, verifierOf }: FleetShape): SimulatedNode {
    const id = `n${i}`
    const key = nodeKeys[i]
    if (key === undefined) throw new Error(`at most ${nodeKeys.length} nodes`)
    const labels = { region: `r${i % regions}` }
    this.commit('Node', '', id, { publicKey: key.did, labels, cordoned: false })
    const identity = {
      ...{ name: id, privateKey: key.pem, url: 'http://plane', localKey: 'k' },
      ...{ controlPlane: keys.did, ledger: keys.verifier },
    }
    return new SimulatedNode(identity, {
      ...{ time: this.time, chance: this.chance, network: this.network },
      verify: verifierOf?.(id, this.#verify) ?? this.#verify,
      isPlaneUp: () => this.plane.isUp,
      violation: (message) => this.violation(message),
      onStep: (node, what) => this.onStep(node, what),
      onSave: (node, before: NodeState, next: NodeState) =>
        checkSaved(this, node, { before, next }),
    })
  }
}
