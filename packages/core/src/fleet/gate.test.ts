import { describe, expect, test } from 'vitest'
import { addLatency, newBuckets, takeSketch } from '../resource/index.ts'
import { gateSpec } from './deployment.ts'
import { type ArmSample, type GateState, gateStart, gateVerdict, updateGate } from './gate.ts'

const spec = gateSpec.parse({})

/** Mulberry32: a seeded source of chance, so that every run of the test sees the same histories. */
function chanceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function binomial(n: number, p: number, chance: () => number): number {
  let count = 0
  for (let i = 0; i < n; i++) if (chance() < p) count++
  return count
}

const quiet: ArmSample = { requests: 0, errors: 0, correct: 0, incorrect: 0, latency: [] }

function arm(change: Partial<ArmSample>): ArmSample {
  return { ...quiet, ...change }
}

/**
 * Seconds until the gate breaches, or null within `seconds`: n nodes an arm, 1 request/s, 10-s
 * beats.
 */
function secondsToBreach(
  rates: { readonly canary: number; readonly control: number },
  of: { readonly seed: number; readonly nodes: number; readonly seconds: number },
): number | null {
  const chance = chanceOf(of.seed)
  const requests = of.nodes * 10
  let state: GateState = gateStart
  for (let atS = 10; atS <= of.seconds; atS += 10) {
    const canary = arm({ requests, errors: binomial(requests, rates.canary, chance) })
    const control = arm({ requests, errors: binomial(requests, rates.control, chance) })
    state = updateGate(spec, state, [{ stratum: 's', canary, control }])
    if (gateVerdict(state).verdict === 'breach') return atS
  }
  return null
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN

describe('gate', () => {
  test('errors from 0.5 to 2 % at 100 canaries: caught p50 ≤ 30 s, p95 ≤ 60 s', () => {
    const times = Array.from(
      { length: 200 },
      (_, seed) =>
        secondsToBreach({ canary: 0.02, control: 0.005 }, { seed, nodes: 100, seconds: 600 }) ??
        Number.POSITIVE_INFINITY,
    )
    expect(quantile(times, 0.5)).toBeLessThanOrEqual(30)
    expect(quantile(times, 0.95)).toBeLessThanOrEqual(60)
  })

  test('a release as good as the old one is not stopped, though the gate looks at every beat', () => {
    // With α = 1e-3 more than 2 false alarms in 300 rollouts have a chance below 0.004.
    const alarms = Array.from({ length: 300 }, (_, seed) =>
      secondsToBreach({ canary: 0.01, control: 0.01 }, { seed, nodes: 20, seconds: 900 }),
    ).filter((at) => at !== null)
    expect(alarms.length).toBeLessThanOrEqual(2)
  })

  test('a better release is never stopped', () => {
    for (let seed = 0; seed < 50; seed++) {
      const rates = { canary: 0.002, control: 0.02 }
      expect(secondsToBreach(rates, { seed, nodes: 50, seconds: 600 })).toBeNull()
    }
  })

  test('wrong labels are a signal of their own', () => {
    const chance = chanceOf(1)
    let state: GateState = gateStart
    for (let i = 0; i < 20 && gateVerdict(state).verdict === 'pass'; i++) {
      const wrong = binomial(50, 0.3, chance)
      const fine = binomial(50, 0.02, chance)
      state = updateGate(spec, state, [
        {
          stratum: 's',
          canary: arm({ requests: 50, correct: 50 - wrong, incorrect: wrong }),
          control: arm({ requests: 50, correct: 50 - fine, incorrect: fine }),
        },
      ])
    }
    expect(gateVerdict(state)).toMatchObject({ verdict: 'breach', metric: 'accuracy' })
  })

  /** Latencies of 100 requests around a median, as a sketch. */
  function latencies(medianUs: number, chance: () => number) {
    const buckets = newBuckets()
    for (let i = 0; i < 100; i++) addLatency(buckets, medianUs * (0.5 + chance()))
    return takeSketch(buckets)
  }

  function runLatency(canaryUs: number, controlUs: number, beats: number): GateState {
    const chance = chanceOf(2)
    let state: GateState = gateStart
    for (let i = 0; i < beats; i++) {
      state = updateGate(spec, state, [
        {
          stratum: 's',
          canary: arm({ requests: 100, latency: latencies(canaryUs, chance) }),
          control: arm({ requests: 100, latency: latencies(controlUs, chance) }),
        },
      ])
    }
    return state
  }

  test('a slower release is stopped, one as fast is not (G1: the first interval only teaches)', () => {
    expect(gateVerdict(runLatency(3_000, 1_000, 1))).toEqual({ verdict: 'pass' })
    expect(gateVerdict(runLatency(3_000, 1_000, 10))).toMatchObject({ metric: 'latency' })
    expect(gateVerdict(runLatency(1_000, 1_000, 100))).toEqual({ verdict: 'pass' })
  })

  test('equal latencies and equal accuracy give no more alarms than α allows', () => {
    let alarms = 0
    for (let seed = 0; seed < 60; seed++) {
      const chance = chanceOf(seed)
      let state: GateState = gateStart
      const beat = () => {
        const incorrect = binomial(40, 0.1, chance)
        return arm({
          requests: 100,
          correct: 40 - incorrect,
          incorrect,
          latency: latencies(1e3, chance),
        })
      }
      for (let i = 0; i < 60; i++) {
        state = updateGate(spec, state, [{ stratum: 's', canary: beat(), control: beat() }])
      }
      if (gateVerdict(state).verdict === 'breach') alarms++
    }
    expect(alarms).toBeLessThanOrEqual(1) // 60 runs at 1e-3: two have a chance of 0.002
  })

  test('the bound is α itself: at α = 0.4 a fair release is stopped less often than that', () => {
    const loose = { ...spec, alpha: 0.4, tolerance: { ...spec.tolerance, errors: 1 } }
    let alarms = 0
    for (let seed = 0; seed < 200; seed++) {
      const chance = chanceOf(seed + 1_000)
      let state: GateState = gateStart
      for (let i = 0; i < 60; i++) {
        const beat = () => arm({ requests: 50, errors: binomial(50, 0.03, chance) })
        state = updateGate(loose, state, [{ stratum: 's', canary: beat(), control: beat() }])
      }
      if (gateVerdict(state).verdict === 'breach') alarms++
    }
    expect(alarms).toBeGreaterThan(0) // else the gate would be blind, not careful
    expect(alarms).toBeLessThan(80)
  })

  test('G2: without controls nothing is compared; the absolute limit still holds', () => {
    const only = (errors: number) => [
      { stratum: 's', canary: arm({ requests: 100, errors }), control: quiet },
    ]
    let state: GateState = gateStart
    for (let i = 0; i < 50; i++) state = updateGate(spec, state, only(3))
    expect(gateVerdict(state)).toEqual({ verdict: 'pass' })
    for (let i = 0; i < 20; i++) state = updateGate(spec, state, only(20))
    expect(gateVerdict(state)).toMatchObject({ verdict: 'breach', metric: 'errors' })
  })

  test('strata are compared each with its own: a mix of fast and slow hardware is no finding', () => {
    // More canaries stand where failures are common (Simpson's paradox for a gate that pools).
    const chance = chanceOf(3)
    let state: GateState = gateStart
    for (let i = 0; i < 60; i++) {
      state = updateGate(spec, state, [
        {
          stratum: 'weak',
          canary: arm({ requests: 90, errors: binomial(90, 0.04, chance) }),
          control: arm({ requests: 10, errors: binomial(10, 0.04, chance) }),
        },
        {
          stratum: 'strong',
          canary: arm({ requests: 10, errors: binomial(10, 0.001, chance) }),
          control: arm({ requests: 90, errors: binomial(90, 0.001, chance) }),
        },
      ])
    }
    expect(gateVerdict(state)).toEqual({ verdict: 'pass' })
  })

  /** Labels for one arm at a time, `everyMs` apart, of which so many in a hundred are wrong. */
  function labelledApart(wrong: { canary: number; control: number }, everyMs: number, seed = 4) {
    const chance = chanceOf(seed)
    let state: GateState = gateStart
    for (let i = 0; i < 400; i++) {
      const said = (percent: number) => {
        const incorrect = binomial(2, percent / 100, chance)
        return arm({ requests: 10, correct: 2 - incorrect, incorrect })
      }
      const unsaid = arm({ requests: 10 })
      const arms =
        i % 2 === 0
          ? { canary: said(wrong.canary), control: unsaid }
          : { canary: unsaid, control: said(wrong.control) }
      state = updateGate(spec, state, [{ stratum: 's', atMs: i * everyMs, ...arms }])
    }
    return state
  }

  test('G2: feedback that comes for one arm at a time waits for the other’s, and counts', () => {
    const bad = labelledApart({ canary: 60, control: 5 }, 10_000)
    expect(gateVerdict(bad)).toMatchObject({ verdict: 'breach', metric: 'accuracy' })
    const fair = Array.from({ length: 60 }, (_, seed) =>
      labelledApart({ canary: 20, control: 20 }, 10_000, seed),
    )
    const alarms = fair.filter((state) => gateVerdict(state).verdict === 'breach')
    expect(alarms.length).toBeLessThanOrEqual(1)
  })

  test('G2: but not for longer than both are live under the same circumstances', () => {
    const late = labelledApart({ canary: 60, control: 5 }, 3_600_000)
    expect(gateVerdict(late)).toEqual({ verdict: 'pass' })
    expect(Object.keys(late.unpaired ?? {})).toEqual(['s']) // no more than the newest
  })

  test('G3: a breach stays a breach', () => {
    let state: GateState = gateStart
    const bad = [
      { stratum: 's', canary: arm({ requests: 100, errors: 90 }), control: arm({ requests: 100 }) },
    ]
    state = updateGate(spec, state, bad)
    expect(gateVerdict(state).verdict).toBe('breach')
    const good = [{ stratum: 's', canary: arm({ requests: 1e6 }), control: arm({ requests: 1e6 }) }]
    expect(gateVerdict(updateGate(spec, state, good))).toEqual(gateVerdict(state))
  })
})
