// Metrics
//
// What this gateway did, in the Prometheus text format (0.0.4).

import {
  addLatency,
  mergeSketches,
  newBuckets,
  quantile,
  type Sketch,
  type SketchBuckets,
  sketchCount,
  takeSketch,
} from '@tutti/core/resource'
import type { RouteEntry } from '../routing/index.ts'
import { formatFamily, formatSeries, type Series } from '../telemetry/index.ts'
import type { SideFinding } from './call-guard.ts'
import type { Tally } from './tally.ts'

/** Of one arm of an experiment; a route counts the same, and more. */
interface ArmCounts {
  readonly statuses: Map<number, number>
  micros: number
  costNanos: number
}

interface RouteCounts extends ArmCounts {
  attempts: number
  inputTokens: number
  outputTokens: number
  readonly arms: Map<string, ArmCounts>
  readonly buckets: SketchBuckets
  latency: Sketch
}

const routesMax = 10_000 // more names than one gateway serves; a bound on hostile names

export class Metrics {
  /** By project/route; written by `count`. */
  readonly #routes = new Map<string, RouteCounts>()
  /** By labels; written by `countFindings`. */
  readonly #findings = new Map<string, number>()
  /** By labels; written by `countCached`. */
  readonly #cached = new Map<string, number>()
  /** The same by entry of a snapshot: names need not be put together for every request. */
  readonly #byEntry = new WeakMap<RouteEntry, RouteCounts>()

  count(
    route: RouteEntry,
    status: number,
    of: {
      readonly attempts: number
      readonly micros: number
      readonly tally: Tally
      /** Null where the route has no experiment. */
      readonly arm: string | null
    },
  ): void {
    const counts = this.#byEntry.get(route) ?? this.#of(route)
    if (counts === null) return
    counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1)
    counts.attempts += of.attempts
    counts.inputTokens += of.tally.inputTokens
    counts.outputTokens += of.tally.outputTokens
    counts.costNanos += of.tally.costNanos ?? 0
    counts.micros += of.micros
    addLatency(counts.buckets, of.micros)
    if (of.arm !== null) countArm(counts.arms, of.arm, { status, ...of })
  }

  /** What a guard found; by rule and not by what it says, so that names stay few. */
  countFindings(route: RouteEntry, findings: readonly SideFinding[]): void {
    for (const { side, kind, action, count } of findings) {
      const labels = `route="${route.project}/${route.name}",side="${side}",kind="${kind}"`
      const name = `${labels},action="${action}"`
      if (!this.#findings.has(name) && this.#findings.size >= routesMax) continue
      this.#findings.set(name, (this.#findings.get(name) ?? 0) + count)
    }
  }

  /** An answer that was given again. */
  countCached(route: RouteEntry, how: 'exact' | 'semantic'): void {
    const name = `route="${route.project}/${route.name}",how="${how}"`
    if (!this.#cached.has(name) && this.#cached.size >= routesMax) return
    this.#cached.set(name, (this.#cached.get(name) ?? 0) + 1)
  }

  #of(route: RouteEntry): RouteCounts | null {
    const name = `${route.project}/${route.name}`
    const known = this.#routes.get(name)
    if (known === undefined && this.#routes.size >= routesMax) return null
    const counts = known ?? newCounts()
    this.#routes.set(name, counts)
    this.#byEntry.set(route, counts)
    return counts
  }

  format(): string {
    return [
      formatFamily('requests_total', this.#byRoute(requestSeries)),
      formatFamily('attempts_total', this.#byRoute(attemptSeries)),
      formatFamily('tokens_total', this.#byRoute(tokenSeries)),
      formatFamily('cost_dollars_total', this.#byRoute(costSeries)),
      formatFamily('arm_requests_total', this.#byArm(requestSeries)),
      formatFamily('arm_request_seconds_total', this.#byArm(secondSeries)),
      formatFamily('arm_cost_dollars_total', this.#byArm(costSeries)),
      formatFamily('cache_hits_total', [...this.#cached]),
      formatFamily('findings_total', [...this.#findings]),
      this.#formatSeconds(),
    ].join('')
  }

  #byRoute(seriesOf: (counts: RouteCounts) => readonly Series[]): Series[] {
    return [...this.#routes].flatMap(([route, counts]) =>
      seriesOf(counts).map(([labels, value]) => [labelled(`route="${route}"`, labels), value]),
    )
  }

  #byArm(seriesOf: (counts: ArmCounts) => readonly Series[]): Series[] {
    return this.#byRoute(({ arms }) =>
      [...arms].flatMap(([arm, counts]) =>
        seriesOf(counts).map(
          ([labels, value]) => [labelled(`arm="${arm}"`, labels), value] as const,
        ),
      ),
    )
  }

  #formatSeconds(): string {
    for (const counts of this.#routes.values()) {
      counts.latency = mergeSketches(counts.latency, takeSketch(counts.buckets))
    }
    const name = 'request_seconds'
    const counts = this.#byRoute(({ latency }) => [['', sketchCount(latency)]])
    return [
      formatFamily(name, this.#byRoute(quantileSeries)),
      formatSeries(`${name}_sum`, this.#byRoute(secondSeries)),
      formatSeries(`${name}_count`, counts),
    ].join('')
  }
}

const requestSeries = ({ statuses }: Pick<RouteCounts, 'statuses'>): Series[] =>
  [...statuses].map(([status, count]) => [`status="${status}"`, count])
const attemptSeries = ({ attempts }: RouteCounts): Series[] => [['', attempts]]
const tokenSeries = ({ inputTokens, outputTokens }: RouteCounts): Series[] => [
  ['type="input"', inputTokens],
  ['type="output"', outputTokens],
]
const costSeries = ({ costNanos }: ArmCounts): Series[] => [['', costNanos / 1e9]]
const secondSeries = ({ micros }: ArmCounts): Series[] => [['', micros / 1e6]]
const quantileSeries = ({ latency }: RouteCounts): Series[] =>
  [0.5, 0.95, 0.99].map((q) => [`quantile="${q}"`, quantile(latency, q) / 1e6])

function labelled(label: string, labels: string): string {
  return labels === '' ? label : `${label},${labels}`
}

function countArm(
  arms: Map<string, ArmCounts>,
  arm: string,
  of: { readonly status: number; readonly micros: number; readonly tally: Tally },
): void {
  const counts = arms.get(arm) ?? { statuses: new Map(), micros: 0, costNanos: 0 }
  arms.set(arm, counts)
  counts.statuses.set(of.status, (counts.statuses.get(of.status) ?? 0) + 1)
  counts.micros += of.micros
  counts.costNanos += of.tally.costNanos ?? 0
}

function newCounts(): RouteCounts {
  return {
    ...{ statuses: new Map(), attempts: 0, inputTokens: 0, outputTokens: 0, costNanos: 0 },
    ...{ micros: 0, arms: new Map(), buckets: newBuckets(), latency: [] },
  }
}
