import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planAdmissions } from './plan-admissions.ts'

const free = { concurrency: null, everyMs: null }

test('runs are admitted in their order, until one may not', () => {
  const waiting = [
    { run: 'a', ...free },
    { run: 'b', concurrency: 2, everyMs: null },
    { run: 'c', concurrency: 1, everyMs: null },
    { run: 'd', ...free },
  ]
  expect(planAdmissions({ running: 0, nextAtMs: 0 }, waiting, 5).admitted).toEqual(['a', 'b'])
  expect(planAdmissions({ running: 2, nextAtMs: 0 }, waiting, 5).admitted).toEqual(['a'])
})

test('property Q1, Q2: never more at once than allowed, never more in any time than the rate gives', () => {
  const steps = fc.array(fc.record({ afterMs: fc.nat(3_000), ends: fc.nat(3) }), { maxLength: 40 })
  const limits = fc.record({
    concurrency: fc.integer({ min: 1, max: 8 }),
    everyMs: fc.integer({ min: 10, max: 5_000 }),
  })
  fc.assert(
    fc.property(limits, steps, ({ concurrency, everyMs }, turns) => {
      let [running, nextAtMs, nowMs] = [0, 0, 1_000_000]
      const begun: number[] = []
      for (const { afterMs, ends } of turns) {
        nowMs += afterMs
        running = Math.max(0, running - ends)
        const waiting = Array.from({ length: 20 }, (_, i) => ({
          run: `${i}`,
          concurrency,
          everyMs,
        }))
        const plan = planAdmissions({ running, nextAtMs }, waiting, nowMs)
        nextAtMs = plan.nextAtMs
        running += plan.admitted.length
        begun.push(...plan.admitted.map(() => nowMs))
        expect(running).toBeLessThanOrEqual(concurrency)
      }
      for (const [i, from] of begun.entries()) {
        for (const [j, until] of begun.entries()) {
          if (j < i) continue
          const most = Math.floor((until - from + 1_000) / everyMs) + 1
          expect(j - i + 1).toBeLessThanOrEqual(most)
        }
      }
    }),
  )
})
