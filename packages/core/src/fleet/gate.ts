// Gate
//
// Is the new release worse than the one it replaces? Compares canaries with concurrent controls of the
// same stratum, for three metrics (errors, latency, accuracy), by an anytime-valid sequential test, so
// that it may look at every heartbeat and still has a bounded false-alarm rate.
//
// For one metric let k events come among n requests, on canaries (c) and controls (0). Where the true
// ratio of rates is at most the tolerance t, the canaries' part of all k events is at most binomial with
// t·nc / (t·nc + n0). For each ratio r of a grid, the likelihood ratio of «r times worse than tolerated»
// against that is a test supermartingale; strata and intervals multiply; the mixture over the grid is an
// e-process, and by Ville's inequality it exceeds 1/α with probability at most α, ever.
// (Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid inference, 2023.)
//
// Invariants:
//   G1. What counts as slow in an interval is fixed by the controls of intervals before it.
//   G2. A stratum or interval without both arms says nothing. Feedback comes when callers learn the truth: of one arm it
//       waits a while for the other's. How long depends on who was judged, never on how.
//   G3. A breach stays a breach.

import {
  countAbove,
  emptySketch,
  mergeSketches,
  quantile,
  type Sketch,
  sketchCount,
} from '../resource/index.ts'
import type { GateSpec } from './deployment.ts'

/** What one arm of one stratum did in one interval. */
export interface ArmSample {
  readonly requests: number
  readonly errors: number
  readonly correct: number
  readonly incorrect: number
  /** Latencies in microseconds of the interval's requests. */
  readonly latency: Sketch
}

export interface StratumSample {
  readonly stratum: string
  /** When it was taken; absent: together with the others. */
  readonly atMs?: number
  readonly canary: ArmSample
  readonly control: ArmSample
}

export const gateMetrics = ['errors', 'latency', 'accuracy'] as const
export type GateMetric = (typeof gateMetrics)[number]

export interface GateState {
  readonly metrics: Readonly<Record<GateMetric, MetricState>>
  /** Evidence that the release fails more often than `errorRateMax`, per ratio of the grid. */
  readonly absolute: readonly number[]
  /** Past latencies of the controls by stratum: they fix what is slow (G1). */
  readonly controlLatency: Readonly<Record<string, Sketch>>
  /** Feedback of one arm alone, by stratum (G2); absent: of a control plane of before. */
  readonly unpaired?: Readonly<Record<string, Unpaired>>
  readonly breach: (GateVerdict & { verdict: 'breach' }) | null
}

interface Unpaired extends Pair {
  readonly sinceMs: number
}

export interface MetricState {
  /** Log-likelihood ratio for each ratio of the grid. */
  readonly logLikelihood: readonly number[]
  readonly canary: Tally
  readonly control: Tally
}

interface Tally {
  readonly events: number
  readonly exposure: number
}

export type GateVerdict =
  | { readonly verdict: 'pass' }
  | { readonly verdict: 'breach'; readonly metric: GateMetric; readonly message: string }

const grid = [1.25, 1.5, 2, 3, 4, 6, 10, 20] // how many times worse than tolerated
const slowQuantile = 0.95
const controlSamplesMin = 50 // fewer do not fix a 95th percentile
const controlSamplesMax = 5_000 // more would not move it
const nobody: Tally = { events: 0, exposure: 0 }
const noPair: Pair = { canary: nobody, control: nobody }
const unpairedMs = 900_000 // 15 min: what is compared was live under the same circumstances
const tests = gateMetrics.length + 1 // each test gets an equal part of alpha (Bonferroni)

export const gateStart: GateState = {
  metrics: { errors: metricStart(), latency: metricStart(), accuracy: metricStart() },
  absolute: grid.map(() => 0),
  controlLatency: {},
  breach: null,
}

/** Takes one interval's samples into the evidence. */
export function updateGate(
  spec: GateSpec,
  state: GateState,
  samples: readonly StratumSample[],
): GateState {
  if (state.breach !== null) return state // G3
  const seen = samples.map((sample) => eventsOf(sample, state.controlLatency[sample.stratum]))
  const judged = pairFeedback(state.unpaired ?? {}, samples)
  const next = {
    metrics: {
      errors: updateMetric(state.metrics.errors, spec.tolerance.errors, pick(seen, 'errors')),
      latency: updateMetric(state.metrics.latency, spec.tolerance.latency, pick(seen, 'latency')),
      accuracy: updateMetric(state.metrics.accuracy, spec.tolerance.accuracy, judged.pairs),
    },
    absolute: updateAbsolute(state.absolute, spec.errorRateMax, samples),
    controlLatency: learnControls(state.controlLatency, samples),
    unpaired: judged.unpaired,
  }
  return { ...next, breach: breachOf(spec, next) }
}

export function gateVerdict(state: GateState): GateVerdict {
  return state.breach ?? { verdict: 'pass' }
}

/** The e-value of a metric: evidence against «not worse than tolerated»; 1 says nothing. */
export function evidenceOf(logLikelihood: readonly number[]): number {
  return Math.exp(logMeanExp(logLikelihood))
}

interface Pair {
  readonly canary: Tally
  readonly control: Tally
}
type Events = Readonly<Record<Exclude<GateMetric, 'accuracy'>, Pair>>

function eventsOf({ canary, control }: StratumSample, past: Sketch | undefined): Events {
  const slowUs =
    past && sketchCount(past) >= controlSamplesMin ? quantile(past, slowQuantile) : null // G1
  const slow = (arm: ArmSample): Tally =>
    slowUs === null
      ? { events: 0, exposure: 0 }
      : { events: countAbove(arm.latency, slowUs), exposure: sketchCount(arm.latency) }
  const failed = (arm: ArmSample): Tally => ({ events: arm.errors, exposure: arm.requests })
  return {
    errors: { canary: failed(canary), control: failed(control) },
    latency: { canary: slow(canary), control: slow(control) },
  }
}

function pick(seen: readonly Events[], metric: keyof Events): Pair[] {
  return seen.map((events) => events[metric]).filter(hasBoth)
}

/** G2. */
function hasBoth({ canary, control }: Pair): boolean {
  return canary.exposure > 0 && control.exposure > 0
}

/** Feedback of both arms, with what waited for it; and what waits from now on. */
function pairFeedback(
  waiting: NonNullable<GateState['unpaired']>,
  samples: readonly StratumSample[],
): { readonly pairs: Pair[]; readonly unpaired: NonNullable<GateState['unpaired']> } {
  const pairs: Pair[] = []
  const unpaired = new Map(Object.entries(waiting))
  for (const { stratum, atMs = 0, ...arms } of samples) {
    const held = unpaired.get(stratum)
    const isHeld = held !== undefined && Math.abs(atMs - held.sinceMs) <= unpairedMs
    const { sinceMs, canary, control } = isHeld ? held : { ...noPair, sinceMs: atMs }
    const pair = {
      canary: plus(canary, judged(arms.canary)),
      control: plus(control, judged(arms.control)),
    }
    unpaired.delete(stratum)
    if (hasBoth(pair)) pairs.push(pair)
    else if (pair.canary.exposure + pair.control.exposure > 0)
      unpaired.set(stratum, { ...pair, sinceMs })
  }
  return { pairs, unpaired: Object.fromEntries(unpaired) }
}

function judged({ correct, incorrect }: ArmSample): Tally {
  return { events: incorrect, exposure: correct + incorrect }
}

function updateMetric(state: MetricState, tolerance: number, pairs: readonly Pair[]): MetricState {
  return {
    logLikelihood: state.logLikelihood.map(
      (sum, i) => sum + pairs.reduce((s, pair) => s + logRatio(pair, tolerance, grid[i] ?? 1), 0),
    ),
    canary: pairs.reduce((total, { canary }) => plus(total, canary), state.canary),
    control: pairs.reduce((total, { control }) => plus(total, control), state.control),
  }
}

/**
 * Log-likelihood ratio of «`ratio` times worse than tolerated» against «just tolerated», one
 * interval.
 */
function logRatio({ canary, control }: Pair, tolerance: number, ratio: number): number {
  const weight = tolerance * canary.exposure
  const shared = Math.log((weight + control.exposure) / (weight * ratio + control.exposure))
  return canary.events * (Math.log(ratio) + shared) + control.events * shared
}

function updateAbsolute(
  logs: readonly number[],
  rateMax: number,
  samples: readonly StratumSample[],
): number[] {
  const requests = samples.reduce((sum, { canary }) => sum + canary.requests, 0)
  const errors = samples.reduce((sum, { canary }) => sum + canary.errors, 0)
  return logs.map((log, i) => {
    const ratio = grid[i] ?? 1
    return log + errors * Math.log(ratio) - (ratio - 1) * rateMax * requests // Poisson
  })
}

function learnControls(
  past: GateState['controlLatency'],
  samples: readonly StratumSample[],
): GateState['controlLatency'] {
  const learned: Record<string, Sketch> = { ...past }
  for (const { stratum, control } of samples) {
    const held = learned[stratum] ?? emptySketch
    if (sketchCount(held) < controlSamplesMax) {
      learned[stratum] = mergeSketches(held, control.latency)
    }
  }
  return learned
}

function breachOf(
  spec: GateSpec,
  state: Omit<GateState, 'breach'>,
): (GateVerdict & { verdict: 'breach' }) | null {
  const threshold = Math.log(tests / spec.alpha)
  for (const metric of gateMetrics) {
    const evidence = state.metrics[metric]
    if (logMeanExp(evidence.logLikelihood) >= threshold) {
      return { verdict: 'breach', metric, message: describe(metric, evidence) }
    }
  }
  if (logMeanExp(state.absolute) >= threshold) {
    const message = `more than ${percent(spec.errorRateMax)} of the new release's requests failed`
    return { verdict: 'breach', metric: 'errors', message }
  }
  return null
}

const eventNames: Readonly<Record<GateMetric, string>> = {
  errors: 'failed',
  latency: "slower than the controls' 95th percentile",
  accuracy: 'wrong by the callers’ feedback',
}

function describe(metric: GateMetric, { canary, control, logLikelihood }: MetricState): string {
  const rate = (tally: Tally) =>
    `${percent(tally.events / Math.max(1, tally.exposure))} (${tally.events} of ${tally.exposure})`
  return (
    `${rate(canary)} ${eventNames[metric]} on the new release, ${rate(control)} on the controls ` +
    `(evidence ${evidenceOf(logLikelihood).toPrecision(2)}:1)`
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function logMeanExp(logs: readonly number[]): number {
  const max = Math.max(...logs)
  return max + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - max), 0) / logs.length)
}

function plus(a: Tally, b: Tally): Tally {
  return { events: a.events + b.events, exposure: a.exposure + b.exposure }
}

function metricStart(): MetricState {
  return { logLikelihood: grid.map(() => 0), ...noPair }
}
