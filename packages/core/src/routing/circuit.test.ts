import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Circuit,
  circuitAfterBeginning,
  circuitAfterFailure,
  circuitAfterStart,
  circuitAfterSuccess,
  circuitStart,
  mayPass,
} from './circuit.ts'

const events = fc.array(
  fc.record({ kind: fc.constantFrom('ask', 'ok', 'fail'), ms: fc.nat(60_000) }),
  { maxLength: 60 },
)

describe('circuit', () => {
  test('C1: an open circuit lets one through at a time, and not before its time', () => {
    fc.assert(
      fc.property(events, (steps) => {
        let circuit: Circuit = circuitStart
        let nowMs = 0
        for (const step of steps) {
          nowMs += step.ms
          if (step.kind === 'ok') circuit = circuitAfterSuccess()
          if (step.kind === 'fail') circuit = circuitAfterFailure(circuit, nowMs)
          if (step.kind === 'ask' && mayPass(circuit, nowMs)) {
            if (circuit.phase === 'open') expect(nowMs).toBeGreaterThanOrEqual(circuit.untilMs)
            circuit = circuitAfterStart(circuit)
            if (circuit.phase !== 'closed') expect(mayPass(circuit, nowMs)).toBe(false)
          }
        }
      }),
    )
  })

  test('while it is being answered all may ask, and one failure opens it for longer (C3)', () => {
    const open: Circuit = { phase: 'open', untilMs: 500, opened: 1 }
    const begun = circuitAfterBeginning(circuitAfterStart(open))
    expect(mayPass(begun, 500)).toBe(true)
    expect(circuitAfterFailure(begun, 500)).toEqual({ phase: 'open', untilMs: 1_500, opened: 2 })
    expect(circuitAfterBeginning(open)).toEqual(open) // what was on its way before it opened
  })

  test('three failures in a row open it, one success closes it (C2)', () => {
    let circuit: Circuit = circuitStart
    for (let i = 0; i < 3; i++) circuit = circuitAfterFailure(circuit, 0)
    expect(mayPass(circuit, 499)).toBe(false)
    expect(mayPass(circuit, 500)).toBe(true)
    expect(mayPass(circuitAfterSuccess(), 0)).toBe(true)
  })

  test('what was on its way before it opened opens it no longer', () => {
    const open: Circuit = { phase: 'open', untilMs: 500, opened: 1 }
    expect(circuitAfterFailure(open, 400)).toEqual(open)
  })

  test('two failures in a row are chance, and a success between them is the end of the first', () => {
    const twice = circuitAfterFailure(circuitAfterFailure(circuitStart, 0), 0)
    expect(twice).toEqual({ phase: 'closed', failures: 2 })
    expect(circuitAfterFailure(twice, 7)).toEqual({ phase: 'open', untilMs: 507, opened: 1 })
  })

  test('whatever came before, it opens for a quarter of a minute at most', () => {
    const often: Circuit = { phase: 'half-open', opened: 1_000 }
    expect(circuitAfterFailure(often, 0)).toEqual({ phase: 'open', untilMs: 15_000, opened: 1_001 })
  })

  test('it stays open longer each time that a try fails', () => {
    const open: Circuit = { phase: 'open', untilMs: 500, opened: 1 }
    const again = circuitAfterFailure(circuitAfterStart(open), 500)
    expect(again).toEqual({ phase: 'open', untilMs: 1_500, opened: 2 })
  })
})
