// Simulated node
//
// A machine with a disk that survives, running the real agent: only its socket, its files and its models
// are simulated.

import type { NodeFacts } from '@tutti/core/fleet'
import { wishFor } from '@tutti/core/fleet'
import {
  type AssignmentVerifier,
  type Dial,
  emptyNodeState,
  Failure,
  type ModelStore,
  NodeAgent,
  type NodeIdentity,
  type NodeState,
  Telemetry,
} from '@tutti/node/simulation'
import type { Chance } from './chance.ts'
import { SimulatedHost } from './simulated-host.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { releaseByDigest } from './simulated-releases.ts'
import type { ProcessClock, VirtualTime } from './virtual-time.ts'

export interface NodeWorld {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly network: SimulatedNetwork
  readonly isPlaneUp: () => boolean
  readonly violation: (message: string) => void
  readonly verify: AssignmentVerifier
  /** A step of a node's work is about to be done, or was. */
  readonly onStep: (node: string, what: string) => void
  readonly onSave: (node: string, before: NodeState, next: NodeState) => void
}

interface Process {
  isAlive: boolean
  isBooted: boolean
  readonly host: SimulatedHost
  agent: NodeAgent | null
  /** What was committed when it booted, by the name it serves. */
  readonly atBoot: ReadonlyMap<string, string>
}

const facts: NodeFacts = {
  ...{ version: 'sim', os: 'sim', arch: 'sim', cpus: 4, memoryBytes: 2 ** 33, diskFreeBytes: 1e9 },
  ...{ formats: ['onnx'], runtime: 'sim 1' },
}

const restartMs = 2_000 // who watches over the process starts it again

export class SimulatedNode {
  readonly id: string
  readonly #identity: NodeIdentity
  readonly #world: NodeWorld
  /** On disk: the state as its last atomic write left it, and whole files. */
  #state: NodeState = emptyNodeState
  readonly #files = new Set<string>()
  /** Releases whose files were verified since they were fetched. */
  readonly #verified = new Set<string>()
  /** Releases whose files rotted here at some time: they may be away for as long as a fetch. */
  readonly rotted = new Set<string>()
  /** The running process; `start` and `kill` write. */
  #process: Process | null = null
  /** True where the disk did not take what the process knows: its labels. `#save` writes. */
  isBehind = false
  /** Written by the world. */
  isDiskFull = false
  fetchMsMax = 1_000
  skewMs = 0
  /** Ends of the process; three amid one install look like the model's doing. */
  deaths = 0
  /** Releases that died here by the world's doing. */
  readonly wounded = new Set<string>()

  constructor(identity: NodeIdentity, world: NodeWorld) {
    this.id = identity.name
    this.#identity = identity
    this.#world = world
  }

  get state(): NodeState {
    return this.#state
  }

  get host(): SimulatedHost | null {
    return this.#process?.host ?? null
  }

  get isUp(): boolean {
    return this.#process !== null
  }

  get isBooted(): boolean {
    return this.#process?.isBooted === true
  }

  start(): void {
    if (this.#process !== null) return
    const { time, chance, network } = this.#world
    const isAlive = () => own.isAlive
    const clock = time.process({ isAlive, skewMs: () => this.skewMs })
    const host = this.#newHost(clock, () => own.agent)
    const atBoot = committedOf(this.#state)
    this.isBehind = false
    const own: Process = { isAlive: true, isBooted: false, host, agent: null, atBoot }
    this.#process = own
    const telemetry = new Telemetry()
    const starting = NodeAgent.start({
      ...{ identity: this.#identity, server: host, telemetry, clock },
      state: { load: () => this.#state, save: (state) => this.#save(own, state) },
      models: this.#models(clock),
      dial: this.#watched(network.dialFor(this.id, isAlive)),
      chance: () => chance.next(),
      facts: () => facts,
      load: () => this.#traffic(host, telemetry),
      pinnedPublishers: null,
      verify: this.#world.verify,
      log: () => {},
    })
    void starting.then((agent) => {
      own.agent = agent
      own.isBooted = true
      this.#checkBoot(own)
    })
  }

  kill(): void {
    if (this.#process === null) return
    this.deaths += 1
    this.#process.isAlive = false
    this.#process = null
    this.#world.network.cut(this.id)
  }

  /** The worker of whatever serves under a name dies for good. */
  wound(serves: string): void {
    const release = this.host?.active(serves)
    if (typeof release !== 'string') return
    this.wounded.add(release)
    this.host?.kill(serves, release)
  }

  /** A file of the disk rots: what it verified as yesterday it does not today. */
  rot(): void {
    const [file] = this.#files
    if (file === undefined) return
    this.#files.delete(file)
    this.rotted.add(file)
  }

  /** I3: what was committed before the reboot serves before anything else does. */
  #checkBoot(own: Process): void {
    for (const [serves, release] of own.atBoot) {
      const first = own.host.first.get(serves)
      if (first === release || this.rotted.has(release)) continue
      this.#world.violation(
        `I3: ${this.id}: after a reboot ${serves} is answered by ${first ?? 'nothing'} first`,
      )
    }
  }

  /** I2: a checkpoint that a node says it has seen is on its disk: a crash rolls nothing back. */
  #watched(dial: Dial): Dial {
    return (...call) => {
      const wire = dial(...call)
      const send = (frame: string) => {
        const said = Number(/"checkpointSize":(\d+)/.exec(frame)?.[1] ?? 0)
        const held = this.#state.checkpoint?.size ?? 0
        if (said > held) {
          this.#world.violation(`I2: ${this.id} says checkpoint ${said}, has written down ${held}`)
        }
        return wire.send(frame)
      }
      return { ...wire, send }
    }
  }

  #newHost(clock: ProcessClock, agent: () => NodeAgent | null): SimulatedHost {
    return new SimulatedHost({
      node: this.id,
      pause: (msMax) => this.#pause(clock, msMax),
      onStep: (what) => this.#world.onStep(this.id, what),
      schedule: clock.schedule,
      isVerified: (release) => this.#verified.has(release),
      mustServe: (serves) =>
        !this.isBehind &&
        Object.values(this.#state.deployments).some(({ assignment, committed }) => {
          const { labels, cordoned } = this.#state
          const node = { id: this.id, labels, cordoned }
          const wish = wishFor(node, assignment, committed?.kept ?? null)
          return assignment.serves === serves && wish !== null
        }),
      onDeath: (serves, release) => agent()?.crashed(serves, release, 'the worker died'),
      onFatal: () => {
        this.kill()
        this.#world.time.schedule(restartMs, () => this.start())
      },
      violation: this.#world.violation,
    })
  }

  #save(own: Process, state: NodeState): void {
    this.#world.onStep(this.id, 'before a write')
    if (!own.isAlive) throw new Failure('node/state-unwritable', 'nothing goes on after a kill')
    if (this.isDiskFull) {
      this.isBehind = true
      throw new Failure('node/state-unwritable', 'no space left on device')
    }
    this.#world.onSave(this.id, this.#state, state)
    this.#state = state // the agent never changes a state, it makes the next
    this.isBehind = false
    this.#world.onStep(this.id, 'after a write')
  }

  #models(clock: ProcessClock): ModelStore {
    return {
      fetch: async (release, { source, watch }) => {
        const { digest } = release
        if (this.#files.has(digest)) return
        if (source === null) throw new Failure('node/fetch-failed', 'cut off')
        await this.#pause(clock, this.fetchMsMax)
        watch.onProgress(1, 2)
        await this.#pause(clock, this.fetchMsMax)
        const { network, isPlaneUp } = this.#world
        const isAway = network.isPartitioned(this.id) || !isPlaneUp()
        if (isAway || watch.signal.aborted) throw new Failure('node/fetch-failed', 'it broke off')
        if (this.isDiskFull) throw new Failure('node/disk-full', 'no space left on device')
        if (this.#files.has(digest)) return // another deployment's fetch of it: they share one
        this.#files.add(digest)
        this.#verified.delete(digest)
        this.#world.onStep(this.id, 'fetched')
      },
      verify: async ({ digest }) => {
        await this.#pause(clock, 200)
        const release = releaseByDigest.get(digest)
        if (release === undefined || !this.#files.has(digest)) {
          throw new Failure('node/fetch-failed', `${digest} is not there, or not whole`)
        }
        this.#verified.add(digest)
        this.#world.onStep(this.id, 'verified')
        const [variant] = release.spec.variants
        if (variant === undefined) throw new Error('a simulated release has one variant')
        const golden = {
          comparison: { kind: 'close', absolute: 0, relative: 0 },
          cases: [],
        } as const
        return { spec: release.spec, variant, golden: { ...golden, cases: [] }, entryPath: digest }
      },
      collect: async (keep) => {
        await this.#pause(clock, 2_000) // a slow disk at boot: the control plane answers sooner
        const kept = new Set(keep().map(({ digest }) => digest))
        for (const file of this.#files) if (!kept.has(file)) this.#files.delete(file)
      },
    }
  }

  /** What was asked of each version since the last heartbeat. */
  #traffic(host: SimulatedHost, telemetry: Telemetry) {
    for (const serves of host.names) {
      const release = host.active(serves)
      if (release === null) continue
      const isErring = releaseByDigest.get(release)?.quality === 'erring'
      for (let i = 0; i < 20; i++) {
        const of = { model: serves, release }
        if (isErring && this.#world.chance.hits(0.6)) telemetry.countError(of)
        else telemetry.countAnswer(of, 1_000)
      }
    }
    return { inflight: 0, cpu: 0, memoryUsedBytes: 0 }
  }

  #pause(clock: ProcessClock, msMax: number): Promise<void> {
    return new Promise((resolve) => {
      clock.schedule(1 + this.#world.chance.next() * msMax, resolve)
    })
  }
}

/** What a node would serve after a reboot, by name. */
function committedOf(state: NodeState): ReadonlyMap<string, string> {
  return new Map(
    Object.values(state.deployments).flatMap(({ assignment, committed }) =>
      committed === null ? [] : [[assignment.serves, committed.release] as const],
    ),
  )
}
