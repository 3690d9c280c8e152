// Node agent
//
// What makes a machine a node: it takes in assignments that it has verified, works out what it must run,
// has installers do it, and reports. Cut off, it goes on with what it last committed (I3).

import {
  type Assignment,
  type AssignmentHead,
  type DeploymentReport,
  type InstallState,
  type NodeFacts,
  type Release,
  type ReleaseTelemetry,
  type SignedAssignment,
  supersedes,
  type ToControlPlane,
  type ToNode,
  wishFor,
} from '@tutti/core/fleet'
import type { Checkpoint } from '@tutti/ledger'
import { parseVerifierKey } from '@tutti/ledger'
import type { Clock } from '@tutti/machine'
import { messageOf } from '../failure.ts'
import {
  type AssignmentRefusal,
  type AssignmentVerifier,
  assignmentVerifier,
  type Trust,
} from '../governance/index.ts'
import type { ModelHost, Telemetry } from '../serving/index.ts'
import type { BlobSource } from './blob-wish.ts'
import { Connection } from './connection.ts'
import { Installer, type InstallerPorts } from './installer.ts'
import type { ModelStore } from './model-store.ts'
import { keyOf, type NodeIdentity } from './node-identity.ts'
import type { DeploymentState, NodeState, StateStore } from './node-state.ts'
import type { Dial } from './wire.ts'

export interface AgentPorts {
  readonly identity: NodeIdentity
  readonly state: StateStore
  readonly server: ModelHost
  readonly telemetry: Telemetry
  readonly models: ModelStore
  readonly dial: Dial
  readonly clock: Clock
  /** A number from 0 to below 1. */
  readonly chance: () => number
  readonly facts: () => NodeFacts
  readonly load: () => Extract<ToControlPlane, { type: 'heartbeat' }>['load']
  readonly pinnedPublishers: readonly string[] | null
  /** A simulation remembers verdicts: the same frame goes to many nodes. */
  readonly verify?: AssignmentVerifier
  /** Connected, or (null) not any more: what may be asked of the control plane is asked of it. */
  readonly onSession?: (session: string | null) => void
  readonly log: (event: string, fields: Readonly<Record<string, unknown>>) => void
}

const againBeatsMax = 64 // a node whose ledger was forked asks every ten minutes, not every beat

export class NodeAgent {
  readonly #ports: AgentPorts
  readonly #trust: Trust
  readonly #verify: AssignmentVerifier
  readonly #connection: Connection
  readonly #installers = new Map<string, Installer>()
  /** Written by `#save` and `#declared`. */
  #state: NodeState
  /** Where files come from while connected; written by `#welcomed` and `#down`. */
  #source: BlobSource | null = null
  /** Takes back the next heartbeat; written by `#beat` and `#down`. */
  #forgetBeat: () => void = () => {}
  /** Assign frames in a row that could not be taken in; written by `#takeIn`. */
  #refusals = 0
  /** Heartbeats until it asks for all assignments again; 0 where it need not. */
  #beatsToAgain = 0
  /** Number of the next message; starts anew with every connection. */
  #sequence = 0
  /** Assignments that are not obeyed, newer than what is; written by `#obey` and `#refuse`. */
  readonly #refused = new Map<string, Refused>()
  /** Deployments whose state has changed since it was last reported. */
  readonly #changed = new Set<string>()

  private constructor(ports: AgentPorts) {
    this.#ports = ports
    this.#verify = ports.verify ?? assignmentVerifier
    const { identity, dial, clock, chance } = ports
    this.#trust = { controlPlane: identity.controlPlane, ledger: identity.ledger }
    this.#state = ports.state.load()
    parseVerifierKey(identity.ledger) // a broken pin is said at the start, not at the first update
    this.#connection = new Connection({
      ...{ dial, clock, chance },
      url: identity.url,
      node: identity.name,
      key: keyOf(identity),
      controlPlane: identity.controlPlane,
      checkpointSize: () => this.#state.checkpoint?.size ?? 0,
      onWelcome: (welcome) => this.#welcomed(welcome),
      onMessage: (message) => this.#receive(message),
      onDown: (reason) => this.#down(reason),
    })
  }

  /** Starts serving what was committed, then goes on with what is wanted. */
  static async start(ports: AgentPorts): Promise<NodeAgent> {
    const agent = new NodeAgent(ports)
    await agent.#collect() // what is needed is known before anything new is fetched
    const resumed = Object.entries(agent.#state.deployments).map(
      async ([key, { assignment, committed }]) => {
        const installer = agent.#newInstaller(key, assignment, committed)
        await installer.resume()
        agent.#want(installer) // perhaps a newer assignment than the one it began with
      },
    )
    // Only now: what comes in meets the installers that resume, and makes no others beside them (I3).
    agent.#connection.open()
    await Promise.all(resumed)
    return agent
  }

  /** A version has died for good: its deployment decides what serves instead. */
  crashed(serves: string, release: string, message: string): void {
    for (const installer of this.#installers.values()) {
      if (installer.assignment.serves === serves) installer.crashed(release, message)
    }
  }

  async stop(): Promise<void> {
    this.#forgetBeat()
    this.#sendHeartbeat()
    this.#connection.stop()
    await Promise.all([...this.#installers.values()].map((installer) => installer.stop()))
  }

  #welcomed(welcome: Extract<ToNode, { type: 'welcome' }>): void {
    const url = `${this.#ports.identity.url}/api/v1/blobs`
    this.#source = { url, bearer: welcome.session }
    this.#ports.onSession?.(welcome.session)
    this.#sequence = 0
    this.#declared(welcome)
    this.#reportFull()
    this.#beatsToAgain = 0 // all assignments come with the welcome
    this.#beat(welcome.heartbeatMs)
    for (const installer of this.#installers.values()) installer.retryNow()
    this.#ports.log('connected', { url: this.#ports.identity.url })
  }

  #beat(everyMs: number): void {
    this.#forgetBeat()
    this.#forgetBeat = this.#ports.clock.schedule(everyMs, () => {
      this.#beat(everyMs)
      this.#sendHeartbeat()
      this.#askAgain()
    })
  }

  #down(reason: string): void {
    this.#source = null
    this.#ports.onSession?.(null)
    this.#forgetBeat()
    this.#ports.log('cut off: serving on what was committed', { reason })
  }

  #receive(message: ToNode): void {
    if (message.type === 'assign') this.#takeIn(message)
    if (message.type === 'declared') this.#declared(message)
    if (message.type === 'report-full') this.#reportFull()
  }

  #takeIn(message: Extract<ToNode, { type: 'assign' }>): void {
    const reason = this.#whyNotTakenIn(message)
    if (reason === null) this.#refusals = 0
    else {
      this.#refusals += 1
      // A frame that is taken in later does not make up for this one: it carries what is new since.
      if (this.#beatsToAgain === 0) {
        this.#beatsToAgain = Math.min(againBeatsMax, 2 ** Math.min(10, this.#refusals - 1))
      }
      this.#ports.log('refused an assignment', { reason })
    }
    this.#reportChanged()
    void this.#collect()
  }

  /** Obeys what is new and proven; the answer says why the frame must come again, or null. */
  #whyNotTakenIn(message: Extract<ToNode, { type: 'assign' }>): string | null {
    const seen = this.#seenCheckpoint()
    const offered = { note: message.checkpoint, consistency: message.consistency }
    const verdict = this.#verify.checkpoint(this.#trust, seen, offered)
    if (!verdict.ok) return verdict.reason
    const { origin, size, root } = verdict.checkpoint
    const checkpoint = {
      ...{ origin, size, note: message.checkpoint },
      root: Buffer.from(root).toString('base64'),
    }
    try {
      this.#save({ ...this.#state, checkpoint }) // seen before anything is obeyed under it
      for (const signed of message.assignments) this.#obey(signed, verdict.checkpoint)
      return null
    } catch (thrown) {
      return messageOf(thrown) // a full disk: what is not written down is not obeyed
    }
  }

  #obey(signed: SignedAssignment, checkpoint: Checkpoint): void {
    const verdict = this.#verify.assignment(this.#trust, checkpoint, signed)
    if (!verdict.ok) return this.#refuse(verdict)
    const { assignment } = verdict
    const key = `${assignment.project}/${assignment.deployment}`
    const held = this.#state.deployments[key]
    if (!supersedes(assignment, held?.assignment ?? null)) return // A3: old news, or a replay
    const known = this.#installers.get(key)
    const committed = known?.committed ?? held?.committed ?? null
    const trial = held?.trial ?? null
    const deployments = { ...this.#state.deployments, [key]: { assignment, committed, trial } }
    this.#save({ ...this.#state, deployments })
    this.#refused.delete(key)
    const installer = known ?? this.#newInstaller(key, assignment, committed)
    this.#changed.add(key)
    installer.take(assignment)
    this.#want(installer)
  }

  /** What is not obeyed is said to who signed it. */
  #refuse({ reason, head }: AssignmentRefusal): void {
    this.#ports.log('refused an assignment', { reason })
    if (head === null) return
    const key = `${head.project}/${head.deployment}`
    if (!supersedes(head, this.#state.deployments[key]?.assignment ?? null)) return // A3
    this.#refused.set(key, { head, reason })
    this.#changed.add(key)
  }

  #newInstaller(
    key: string,
    assignment: Assignment,
    committed: NodeState['deployments'][string]['committed'],
  ): Installer {
    const { server, models, facts, pinnedPublishers, clock } = this.#ports
    const ports: InstallerPorts = {
      ...{ server, models, pinnedPublishers, clock },
      fit: () => {
        const { formats, memoryBytes } = facts()
        const freeBytes = Math.max(0, memoryBytes - this.#claimedBesides(key))
        return { formats, memoryBytes: freeBytes, labels: this.#state.labels }
      },
      source: () => this.#source,
      onState: () => this.#stateChanged(key),
      commit: (next) => this.#commit(key, next),
      trial: {
        held: () => this.#state.deployments[key]?.trial ?? null,
        note: (trial) => this.#noteTrial(key, trial),
      },
    }
    const installer = new Installer(assignment, committed, ports)
    this.#installers.set(key, installer)
    return installer
  }

  /** Memory that the other deployments of this node take. */
  #claimedBesides(key: string): number {
    const others = [...this.#installers].filter(([other]) => other !== key)
    return others.reduce((sum, [, { claimedBytes }]) => sum + claimedBytes, 0)
  }

  #stateChanged(key: string): void {
    this.#changed.add(key)
    this.#reportChanged()
    const state = this.#installers.get(key)?.state
    if (state?.phase === 'failed') {
      this.#ports.log('an install failed', { deployment: key, ...state })
    }
  }

  #commit(key: string, committed: NodeState['deployments'][string]['committed']): void {
    const held = this.#state.deployments[key]
    if (held === undefined) return
    // What serves again after a reboot says nothing of what a life before has tried.
    const isOver = committed === null || committed.release === held.trial?.release
    const trial = isOver ? null : held.trial
    this.#save({
      ...this.#state,
      deployments: { ...this.#state.deployments, [key]: { ...held, committed, trial } },
    })
    if (committed !== null) this.#ports.log('committed', { deployment: key, ...committed.kept })
    // Once the installer has noted it too.
    queueMicrotask(() => {
      for (const [other, one] of this.#installers) if (other !== key) one.retryForRoom()
    })
  }

  /** One that begins and cannot be written down does not begin; one that ends has ended. */
  #noteTrial(key: string, trial: DeploymentState['trial']): void {
    const held = this.#state.deployments[key]
    if (held === undefined) return
    const next = {
      ...this.#state,
      deployments: { ...this.#state.deployments, [key]: { ...held, trial } },
    }
    try {
      this.#save(next)
    } catch (thrown) {
      if (trial !== null) throw thrown
      this.#state = next // written with the next thing that is
    }
  }

  #declared({ labels, cordoned }: Pick<NodeState, 'labels' | 'cordoned'>): void {
    const isSame = JSON.stringify(labels) === JSON.stringify(this.#state.labels)
    if (isSame && cordoned === this.#state.cordoned) return
    const next = { ...this.#state, labels: { ...labels }, cordoned }
    try {
      this.#save(next)
    } catch (thrown) {
      this.#state = next // it holds until a reboot, and is written with the next thing that is
      this.#ports.log('not written down', { reason: messageOf(thrown) })
    }
    for (const installer of this.#installers.values()) this.#want(installer)
  }

  /** Tells an installer what its assignment gives this node, as this node is now. */
  #want(installer: Installer): void {
    const { labels, cordoned } = this.#state
    const node = { id: this.#ports.identity.name, labels, cordoned }
    installer.want(wishFor(node, installer.assignment, installer.kept))
  }

  #seenCheckpoint(): Checkpoint | null {
    const held = this.#state.checkpoint
    if (held === null) return null
    const { origin, size, root } = held
    return { origin, size, root: Buffer.from(root, 'base64'), extensions: [] }
  }

  #save(state: NodeState): void {
    this.#ports.state.save(state)
    this.#state = state
  }

  #reportFull(): void {
    this.#changed.clear()
    this.#send({
      type: 'status',
      sequence: this.#sequence,
      full: true,
      facts: this.#ports.facts(),
      reports: this.#reports(new Set([...this.#installers.keys(), ...this.#refused.keys()])),
      checkpointSize: this.#state.checkpoint?.size ?? 0,
    })
  }

  #reportChanged(): void {
    if (!this.#connection.isUp) return // the next welcome is followed by a full report
    const reports = this.#reports(this.#changed)
    this.#changed.clear()
    this.#send({
      type: 'status',
      sequence: this.#sequence,
      full: false,
      reports,
      checkpointSize: this.#state.checkpoint?.size ?? 0,
    })
  }

  #reports(keys: ReadonlySet<string>): DeploymentReport[] {
    return [...keys].flatMap((key) => {
      const installer = this.#installers.get(key)
      const refused = this.#refused.get(key)
      if (refused !== undefined) return refusalOf(refused, installer)
      return installer === undefined ? [] : reportOf(installer)
    })
  }

  #sendHeartbeat(): void {
    if (!this.#connection.isUp) return // counts stay where they are until somebody hears them
    const taken = this.#ports.telemetry.take()
    const message: ToControlPlane = {
      type: 'heartbeat',
      sequence: this.#sequence,
      load: this.#ports.load(),
      telemetry: taken.flatMap((counts) => this.#telemetryOf(counts)),
    }
    if (!this.#send(message)) this.#ports.telemetry.giveBack(taken)
  }

  /** A frame that could not be taken in is asked for again, at growing distances. */
  #askAgain(): void {
    if (this.#beatsToAgain === 0) return
    this.#beatsToAgain -= 1
    if (this.#beatsToAgain > 0) return
    const checkpointSize = this.#state.checkpoint?.size ?? 0
    this.#send({ type: 'assign-again', sequence: this.#sequence, checkpointSize })
  }

  #telemetryOf(counts: ReturnType<Telemetry['take']>[number]): ReleaseTelemetry[] {
    const { model, release, requests, errors, correct, incorrect, latency } = counts
    const owner = [...this.#installers.values()].find(
      ({ assignment }) => assignment.serves === model,
    )
    if (owner === undefined) return []
    const { deployment, project } = owner.assignment
    return [{ deployment, project, release, requests, errors, correct, incorrect, latency }]
  }

  #send(message: ToControlPlane): boolean {
    const isSent = this.#connection.send(message)
    if (isSent) this.#sequence += 1
    return isSent
  }

  /** Says which releases are needed: what is assigned, and what is committed. */
  async #collect(): Promise<void> {
    try {
      await this.#ports.models.collect(() => neededReleases(this.#state))
    } catch (error) {
      this.#ports.log('files were not collected', { reason: String(error) })
    }
  }
}

function neededReleases({ deployments }: NodeState): Release[] {
  return Object.values(deployments).flatMap(({ assignment, committed }) => {
    const { mode, target, baseline } = assignment
    const assigned = mode === 'remove' ? [] : [target, ...(baseline === null ? [] : [baseline])]
    return committed === null ? assigned : [...assigned, committed.kept]
  })
}

interface Refused extends Pick<AssignmentRefusal, 'reason'> {
  readonly head: AssignmentHead
}

/** What it served before it goes on serving. */
function refusalOf({ head, reason }: Refused, installer: Installer | undefined): DeploymentReport {
  const { deployment, project, generation, revision, target } = head
  const serving = installer?.state.serving ?? null
  const about = { release: target.digest, serving, reason: 'assignment-invalid' } as const
  const message = reason.slice(0, 2_000)
  const state: InstallState = { phase: 'failed', ...about, message }
  return { deployment, project, generation, revision, state }
}

function reportOf({ assignment, state }: Installer): DeploymentReport {
  const { deployment, project, generation, revision } = assignment
  return { deployment, project, generation, revision, state }
}
