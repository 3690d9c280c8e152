// Gathered telemetry
//
// What nodes said that their releases did, since the gate of a rollout took it last, and in all. Nodes are believed what
// they count, but not to be many things at once: what they can make this process hold is bounded.

import type { ArmSample, ReleaseTelemetry } from '@tutti/core/fleet'
import { emptySketch, mergeSketches } from '@tutti/core/resource'

/** Telemetry of one release in one stratum since it was last taken. */
export type StratumArms = ReadonlyMap<string, ReadonlyMap<string, ArmSample>>

/** Whether what a stratum has gathered since `sinceMs` may be taken now. */
export type ReadyRule = (arms: ReadonlyMap<string, ArmSample>, sinceMs: number) => boolean

interface Counts {
  readonly requests: number
  readonly errors: number
  readonly correct: number
  readonly incorrect: number
}

/** What one release of a deployment did on all nodes. */
export interface ReleaseTotals extends Counts {
  readonly project: string
  readonly deployment: string
  readonly release: string
}

interface Gathered {
  readonly sinceMs: number
  readonly arms: Map<string, ArmSample>
}

interface Deployment {
  /** By stratum. */
  readonly pending: Map<string, Gathered>
  /** By release, the one that was heard of last at the end. */
  readonly totals: Map<string, ReleaseTotals>
}

const none = { requests: 0, errors: 0, correct: 0, incorrect: 0 }

// A rollout is about two; more are of nodes that were away for long.
const releasesMax = 64
const strataMax = 1_024 // hardware × runtime × region

/** The name under which a deployment's telemetry is kept. */
export function deploymentKey(of: {
  readonly project: string
  readonly deployment: string
}): string {
  return `${of.project}/${of.deployment}`
}

export class GatheredTelemetry {
  /** By key; `add` and `keep` write. */
  readonly #deployments = new Map<string, Deployment>()

  add(
    one: ReleaseTelemetry,
    { stratum, nowMs }: { readonly stratum: string; readonly nowMs: number },
  ): void {
    const key = deploymentKey(one)
    const { pending, totals } = this.#deployments.get(key) ?? {
      pending: new Map(),
      totals: new Map(),
    }
    this.#deployments.set(key, { pending, totals })
    const gathered = pending.get(stratum) ?? { sinceMs: nowMs, arms: new Map<string, ArmSample>() }
    put({ into: pending, max: strataMax }, stratum, gathered)
    const held = gathered.arms.get(one.release)
    const latency = mergeSketches(held?.latency ?? emptySketch, one.latency)
    const sample = { ...plus(held ?? none, one), latency }
    put({ into: gathered.arms, max: releasesMax }, one.release, sample)
    const { project, deployment, release } = one
    const total = plus(totals.get(release) ?? none, one)
    put({ into: totals, max: releasesMax }, release, { project, deployment, release, ...total })
  }

  take(deployment: string, ready: ReadyRule): StratumArms {
    const pending = this.#deployments.get(deployment)?.pending ?? new Map<string, Gathered>()
    const taken = [...pending].filter(([, { arms, sinceMs }]) => ready(arms, sinceMs))
    for (const [stratum] of taken) pending.delete(stratum)
    return new Map(taken.map(([stratum, { arms }]) => [stratum, arms]))
  }

  totals(): readonly ReleaseTotals[] {
    return [...this.#deployments.values()].flatMap(({ totals }) => [...totals.values()])
  }

  /** Forgets all but these. */
  keep(deployments: ReadonlySet<string>): void {
    for (const key of this.#deployments.keys()) {
      if (!deployments.has(key)) this.#deployments.delete(key)
    }
  }
}

/** At the end; the one that was put there longest ago makes room. */
function put<T>(
  { into, max }: { readonly into: Map<string, T>; readonly max: number },
  key: string,
  value: T,
): void {
  into.delete(key)
  into.set(key, value)
  if (into.size <= max) return
  const [oldest] = into.keys()
  if (oldest !== undefined) into.delete(oldest)
}

function plus(a: Counts, b: Counts): Counts {
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    correct: a.correct + b.correct,
    incorrect: a.incorrect + b.incorrect,
  }
}
