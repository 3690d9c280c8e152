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
} from '@tutti/core/fleet'
import type { RouteEntry } from '../routing/index.ts'
import type { SideFinding } from './call-guard.ts'
import type { Tally } from './tally.ts'

/** Of one arm of an experiment. */
interface ArmCounts {
  readonly statuses: Map<number, number>
  micros: number
  costNanos: number
}

interface RouteCounts {
  readonly statuses: Map<number, number>
  attempts: number
  inputTokens: number
  outputTokens: number
  costNanos: number
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
    const lines = ['# TYPE tutti_gateway_requests_total counter']
    for (const [route, { statuses }] of this.#routes) {
      for (const [status, count] of statuses) {
        lines.push(`tutti_gateway_requests_total{route="${route}",status="${status}"} ${count}`)
      }
    }
    lines.push('# TYPE tutti_gateway_attempts_total counter')
    for (const [route, { attempts }] of this.#routes) {
      lines.push(`tutti_gateway_attempts_total{route="${route}"} ${attempts}`)
    }
    lines.push('# TYPE tutti_gateway_tokens_total counter')
    lines.push('# TYPE tutti_gateway_cost_dollars_total counter')
    for (const [route, { inputTokens, outputTokens, costNanos }] of this.#routes) {
      const tokens = `tutti_gateway_tokens_total{route="${route}"`
      lines.push(
        `${tokens},type="input"} ${inputTokens}`,
        `${tokens},type="output"} ${outputTokens}`,
      )
      lines.push(`tutti_gateway_cost_dollars_total{route="${route}"} ${costNanos / 1e9}`)
    }
    lines.push(...this.#armLines())
    if (this.#cached.size > 0) lines.push('# TYPE tutti_gateway_cache_hits_total counter')
    for (const [labels, count] of this.#cached) {
      lines.push(`tutti_gateway_cache_hits_total{${labels}} ${count}`)
    }
    if (this.#findings.size > 0) lines.push('# TYPE tutti_gateway_findings_total counter')
    for (const [labels, count] of this.#findings) {
      lines.push(`tutti_gateway_findings_total{${labels}} ${count}`)
    }
    lines.push('# TYPE tutti_gateway_request_seconds summary')
    for (const [route, counts] of this.#routes) {
      counts.latency = mergeSketches(counts.latency, takeSketch(counts.buckets))
      for (const q of [0.5, 0.95, 0.99]) {
        const seconds = quantile(counts.latency, q) / 1e6
        lines.push(`tutti_gateway_request_seconds{route="${route}",quantile="${q}"} ${seconds}`)
      }
      lines.push(
        `tutti_gateway_request_seconds_count{route="${route}"} ${sketchCount(counts.latency)}`,
      )
    }
    return `${lines.join('\n')}\n`
  }

  #armLines(): string[] {
    const lines: string[] = []
    for (const [route, { arms }] of this.#routes) {
      for (const [arm, { statuses, micros, costNanos }] of arms) {
        const of = `{route="${route}",arm="${arm}"`
        for (const [status, count] of statuses) {
          lines.push(`tutti_gateway_arm_requests_total${of},status="${status}"} ${count}`)
        }
        lines.push(`tutti_gateway_arm_request_seconds_total${of}} ${micros / 1e6}`)
        lines.push(`tutti_gateway_arm_cost_dollars_total${of}} ${costNanos / 1e9}`)
      }
    }
    return lines
  }
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
    ...{ arms: new Map(), buckets: newBuckets(), latency: [] },
  }
}
