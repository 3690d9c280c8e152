import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideRestart, restartPolicy } from './decide-restart.ts'

test('pauses double, and the sixth crash in ten minutes is the last', () => {
  const decisions = [1, 2, 3, 4, 5, 6].map((n) =>
    decideRestart(restartPolicy, Array(n).fill(0), 1_000),
  )
  const pauses = [100, 200, 400, 800, 1_600].map((afterMs) => ({ kind: 'restart', afterMs }))
  expect(decisions).toEqual([...pauses, { kind: 'give-up', crashes: 6 }])
})

test('a model that crashes less often than the window forgives is always started again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 120_000, max: 1e7 }), fc.nat(50), (everyMs, times) => {
      const crashes = Array.from({ length: times + 1 }, (_, i) => i * everyMs)
      const decision = decideRestart(restartPolicy, crashes, times * everyMs)
      expect(decision.kind).toBe('restart')
    }),
  )
})
