// Bench: gate
//
// Claim: of a release that fails 2 % of its requests where the old one fails 0.5 %, 100 canaries tell
// within 30 s (p50) and 60 s (p95), and a release that is no worse is stopped in at most 0.1 % of rollouts
// of an hour. Monte Carlo over the decision itself: 100 canaries and 100 controls at one request a second,
// heard of every ten seconds, each at its own moment; 1 % of a fleet of 10,000 is exposed meanwhile.

import { type ArmSample, gateSpec, gateStart, gateVerdict, updateGate } from '@tutti/core/fleet'
import { addLatency, newBuckets, takeSketch } from '@tutti/core/resource'
import { report, round } from './report.ts'

const arm = 100
const fleet = 10_000
const heartbeatSeconds = 10
const hourSeconds = 3_600
const badRounds = 2_000
const goodRounds = 3_000 // three stopped are at the bound
const goodRate = 0.005
const badRate = 0.02
const spec = gateSpec.parse({})

export async function gate(): Promise<void> {
  const chance = openChance(20_261_121)
  const caught = Array.from({ length: badRounds }, () => secondsToStop(badRate, 600, chance))
  const stops = Array.from({ length: goodRounds }, () =>
    secondsToStop(goodRate, hourSeconds, chance),
  )
  const falseStops = stops.filter((seconds) => seconds !== null).length
  const seconds = caught.map((one) => one ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const at = (share: number) => seconds[Math.ceil(seconds.length * share) - 1] ?? 0
  const rows = [
    { figure: 'caught, p50 s', value: at(0.5), bound: 30 },
    { figure: 'caught, p95 s', value: at(0.95), bound: 60 },
    { figure: 'false stops, % of rollouts', value: (falseStops / goodRounds) * 100, bound: 0.1 },
    { figure: 'exposed, % of nodes', value: (arm / fleet) * 100, bound: 1 },
  ].map((row) => ({
    ...row,
    value: round(row.value),
    holds: row.value <= row.bound ? 'yes' : 'no',
  }))
  report(rows, {
    ...{ bench: 'gate', metric: '0.5 % to 2 % errors caught, p95', value: at(0.95), unit: 's' },
    ...{ peer: 'bound 60 s', ratio: round(at(0.95) / 60) },
  })
  if (rows.some(({ holds }) => holds === 'no')) process.exitCode = 1
}

/** Seconds of virtual time until the gate stops the release; null where it does not. */
function secondsToStop(rate: number, secondsMax: number, chance: () => number): number | null {
  let state = gateStart
  // Nodes beat at their own moments: in each second a tenth of each arm tells of its last ten.
  for (let second = 1; second <= secondsMax; second++) {
    const canary = sampleOf(rate, chance)
    const control = sampleOf(goodRate, chance)
    state = updateGate(spec, state, [{ stratum: 'all', canary, control }])
    if (gateVerdict(state).verdict === 'breach') return second
  }
  return null
}

/** What the nodes that beat in one second say of their last ten. */
function sampleOf(rate: number, chance: () => number): ArmSample {
  const requests = (arm / heartbeatSeconds) * heartbeatSeconds
  let errors = 0
  for (let i = 0; i < requests; i++) if (chance() < rate) errors += 1
  return { requests, errors, correct: 0, incorrect: 0, latency }
}

const latency = (() => {
  const buckets = newBuckets()
  for (let i = 0; i < arm; i++) addLatency(buckets, 1_000)
  return takeSketch(buckets)
})()

/** xorshift32: the same rounds every time. */
function openChance(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
