// Registry
//
// What this process knows of the fleet right now: who is connected and what each node last said. It lives
// in memory and costs no database write per heartbeat; facts are saved to the Node resource when they
// change. After a restart every node is unreachable until it has reported.

import {
  type ArmSample,
  type DeploymentReport,
  emptySketch,
  mergeSketches,
  type NodeFacts,
  type NodeView,
  type ReleaseTelemetry,
  stratumOf,
} from '@tutti/core/fleet'

export interface NodeEntry {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly cordoned: boolean
  readonly connected: boolean
  readonly facts: NodeFacts | null
  readonly reports: ReadonlyMap<string, DeploymentReport>
  readonly seenMs: number
  readonly load: {
    readonly inflight: number
    readonly cpu: number
    readonly memoryUsedBytes: number
  } | null
}

/** Telemetry of one release in one stratum since it was last taken. */
export type StratumArms = ReadonlyMap<string, ReadonlyMap<string, ArmSample>>

/** Whether what a stratum has gathered since `sinceMs` may be taken now. */
export type ReadyRule = (arms: ReadonlyMap<string, ArmSample>, sinceMs: number) => boolean

interface Gathered {
  readonly sinceMs: number
  readonly arms: Map<string, ArmSample>
}

export interface Registry {
  readonly get: (id: string) => NodeEntry | undefined
  readonly all: () => Iterable<NodeEntry>
  readonly declare: (
    node: Pick<NodeEntry, 'id' | 'labels' | 'cordoned'>,
    facts: NodeFacts | null,
  ) => void
  readonly forget: (id: string) => void
  readonly connect: (id: string, nowMs: number) => void
  readonly disconnect: (id: string) => void
  readonly report: (id: string, status: Report) => void
  readonly heartbeat: (id: string, beat: Beat) => void
  readonly views: () => NodeView[]
  /**
   * Telemetry by stratum and release digest for one deployment, of the strata that are `ready`;
   * what is
   * taken starts anew, the rest waits: two arms that report at different moments are compared
   * together.
   */
  readonly takeTelemetry: (deployment: string, ready: ReadyRule) => StratumArms
  /** Requests that a release has answered in all since the node or this process started. */
  readonly totals: (deployment: string, release: string) => ReleaseTotals
}

export interface Report {
  readonly full: boolean
  readonly facts: NodeFacts | undefined
  readonly reports: readonly DeploymentReport[]
  readonly nowMs: number
}

export interface Beat {
  readonly load: NonNullable<NodeEntry['load']>
  readonly telemetry: readonly ReleaseTelemetry[]
  readonly nowMs: number
}

export interface ReleaseTotals {
  readonly requests: number
  readonly errors: number
  readonly correct: number
  readonly incorrect: number
}

/** The name under which a deployment's reports and telemetry are kept. */
export function deploymentKey(of: {
  readonly project: string
  readonly deployment: string
}): string {
  return `${of.project}/${of.deployment}`
}

const nothing: ArmSample = {
  requests: 0,
  errors: 0,
  correct: 0,
  incorrect: 0,
  latency: emptySketch,
}

export function openRegistry(): Registry {
  const nodes = new Map<string, NodeEntry>() // written by the functions below alone
  const pending = new Map<string, Map<string, Gathered>>() // by deployment and stratum
  const totals = new Map<string, ReleaseTotals>()

  const update = (id: string, change: Partial<NodeEntry>) => {
    const held = nodes.get(id)
    if (held !== undefined) nodes.set(id, { ...held, ...change })
  }

  return {
    get: (id) => nodes.get(id),
    all: () => nodes.values(),
    declare: (node, facts) => {
      const held = nodes.get(node.id)
      if (held === undefined) nodes.set(node.id, { ...unseen, ...node, facts })
      else nodes.set(node.id, { ...held, ...node })
    },
    forget: (id) => nodes.delete(id),
    connect: (id, nowMs) => update(id, { connected: true, seenMs: nowMs }),
    disconnect: (id) => update(id, { connected: false, load: null }),
    report: (id, status) => {
      const held = nodes.get(id)
      if (held === undefined) return
      const reports = new Map(status.full ? [] : held.reports)
      for (const report of status.reports) reports.set(deploymentKey(report), report)
      update(id, { reports, facts: status.facts ?? held.facts, seenMs: status.nowMs })
    },
    heartbeat: (id, beat) => {
      const held = nodes.get(id)
      if (held === undefined) return
      update(id, { load: beat.load, seenMs: beat.nowMs })
      for (const one of beat.telemetry)
        takeIn(pending, totals, { stratum: stratumOfEntry(held), one, nowMs: beat.nowMs })
    },
    views: () => [...nodes.values()].map(viewOf),
    takeTelemetry: (deployment, ready) => {
      const strata = pending.get(deployment) ?? new Map<string, Gathered>()
      const taken = [...strata].filter(([, { arms, sinceMs }]) => ready(arms, sinceMs))
      for (const [stratum] of taken) strata.delete(stratum)
      return new Map(taken.map(([stratum, { arms }]) => [stratum, arms]))
    },
    totals: (deployment, release) => totals.get(`${deployment}@${release}`) ?? nothing,
  }
}

const unseen = {
  connected: false,
  facts: null,
  reports: new Map<string, DeploymentReport>(),
  seenMs: 0,
  load: null,
} as const

function viewOf(entry: NodeEntry): NodeView {
  return {
    id: entry.id,
    labels: entry.labels,
    cordoned: entry.cordoned,
    connected: entry.connected,
    stratum: stratumOfEntry(entry),
    reports: [...entry.reports.values()],
  }
}

function stratumOfEntry({ labels, facts }: NodeEntry): string {
  return facts === null ? 'unknown' : stratumOf(labels, facts)
}

function takeIn(
  pending: Map<string, Map<string, Gathered>>,
  totals: Map<string, ReleaseTotals>,
  at: { readonly stratum: string; readonly one: ReleaseTelemetry; readonly nowMs: number },
): void {
  const { stratum, one, nowMs } = at
  const key = deploymentKey(one)
  const strata = pending.get(key) ?? new Map<string, Gathered>()
  const gathered = strata.get(stratum) ?? { sinceMs: nowMs, arms: new Map<string, ArmSample>() }
  const { arms } = gathered
  const held = arms.get(one.release) ?? nothing
  const latency = mergeSketches(held.latency, one.latency)
  arms.set(one.release, { ...plus(held, one), latency })
  strata.set(stratum, gathered)
  pending.set(key, strata)
  const total = `${key}@${one.release}`
  totals.set(total, plus(totals.get(total) ?? nothing, one))
}

function plus(a: ReleaseTotals, b: ReleaseTotals): ReleaseTotals {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    correct: a.correct + b.correct,
    incorrect: a.incorrect + b.incorrect,
  }
}
