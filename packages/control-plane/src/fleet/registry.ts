// Registry
//
// What this process knows of the fleet right now: who is connected and what each node last said. It lives
// in memory and costs no database write per heartbeat; facts are saved to the Node resource when they
// change. After a restart every node is unreachable until it has reported.

import {
  allReports,
  type DeploymentReport,
  type NodeFacts,
  type NodeReports,
  type NodeView,
  type ReleaseTelemetry,
  reportsOf,
  stratumOf,
} from '@tutti/core/fleet'
import { canonicalJson } from '@tutti/core/resource'
import {
  GatheredTelemetry,
  type ReadyRule,
  type ReleaseTotals,
  type StratumArms,
} from './gathered-telemetry.ts'

/** One node as it is right now: a look at the registry's own record, not a copy of it. */
export interface NodeEntry extends NodeView {
  readonly facts: NodeFacts | null
  /** Whether it has said what it serves since this process started. */
  readonly hasReported: boolean
  readonly load: {
    readonly inflight: number
    readonly cpu: number
    readonly memoryUsedBytes: number
  } | null
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
  /** True where the node's facts say something new that is worth keeping. */
  readonly report: (id: string, status: Report) => boolean
  readonly heartbeat: (id: string, beat: Beat) => void
  readonly views: () => readonly NodeView[]
  /** Grows whenever anything changes besides loads, counts and times. */
  readonly version: () => number
  /**
   * Telemetry by stratum and release digest for one deployment, of the strata that are `ready`;
   * what is taken starts anew, the rest waits: two arms that report at different moments are
   * compared together.
   */
  readonly takeTelemetry: (deployment: string, ready: ReadyRule) => StratumArms
  /** What each release did since this process started, as far as nodes have said. */
  readonly totals: () => readonly ReleaseTotals[]
  /** Forgets the telemetry of all but these deployments. */
  readonly keepTelemetry: (deployments: ReadonlySet<string>) => void
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

/** A node's record; the registry alone writes it. */
type Held = { -readonly [Key in keyof NodeEntry]: NodeEntry[Key] }

export function openRegistry(): Registry {
  const nodes = new Map<string, Held>() // written by the functions below alone
  const gathered = new GatheredTelemetry()
  let version = 0

  const update = (id: string, change: Partial<NodeEntry>) => {
    const held = nodes.get(id)
    if (held === undefined) return
    Object.assign(held, change)
    held.stratum = stratumOfEntry(held)
    version += 1
  }

  return {
    get: (id) => nodes.get(id),
    all: () => nodes.values(),
    declare: (node, facts) => {
      if (nodes.has(node.id)) return update(node.id, node)
      nodes.set(node.id, { ...unseen, ...node, facts })
      update(node.id, {})
    },
    forget: (id) => {
      if (nodes.delete(id)) version += 1
    },
    connect: (id, nowMs) => update(id, { connected: true, seenMs: nowMs }),
    disconnect: (id) => update(id, { connected: false, load: null }),
    report: (id, status) => {
      const held = nodes.get(id)
      if (held === undefined) return false
      const { facts } = held
      const reports = status.full ? reportsOf(status.reports) : merge(held, status.reports)
      const isFirst = !status.full && !held.hasReported // changes say nothing of the rest
      const said = { reports, facts: status.facts ?? facts, seenMs: status.nowMs }
      update(id, { ...said, hasReported: !isFirst })
      return status.facts !== undefined && areNew(status.facts, facts)
    },
    heartbeat: (id, beat) => {
      const held = nodes.get(id)
      if (held === undefined) return
      // In its place: an object of each heartbeat would live just long enough to be costly to collect.
      if (held.load === null) held.load = { ...beat.load }
      else Object.assign(held.load, beat.load)
      held.seenMs = beat.nowMs
      for (const one of beat.telemetry) {
        // Of what it does not serve it has nothing to say.
        if (held.reports.get(one.project)?.has(one.deployment) !== true) continue
        gathered.add(one, { stratum: held.stratum, nowMs: beat.nowMs })
      }
    },
    views: () => [...nodes.values()],
    version: () => version,
    takeTelemetry: (deployment, ready) => gathered.take(deployment, ready),
    totals: () => gathered.totals(),
    keepTelemetry: (deployments) => gathered.keep(deployments),
  }
}

const unseen = {
  connected: false,
  stratum: 'unknown',
  facts: null,
  reports: reportsOf([]),
  seenMs: 0,
  hasReported: false,
  load: null,
} as const

/** What was reported before, with what is new in its place. */
function merge(held: NodeView, next: readonly DeploymentReport[]): NodeReports {
  return reportsOf([...allReports(held), ...next])
}

/** Free disk space is different every time; a tenth of it is worth a write. */
function areNew(next: NodeFacts, held: NodeFacts | null): boolean {
  if (held === null) return true
  const { diskFreeBytes: nextFree, ...nextRest } = next
  const { diskFreeBytes: heldFree, ...heldRest } = held
  if (Math.abs(nextFree - heldFree) > heldFree / 10) return true
  return canonicalJson(nextRest) !== canonicalJson(heldRest)
}

function stratumOfEntry({ labels, facts }: NodeEntry): string {
  return facts === null ? 'unknown' : stratumOf(labels, facts)
}
