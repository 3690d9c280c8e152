// Nodes that stay away, or are cordoned, for long or to the very end: R3 and R4 together, and I4.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Assignment, releaseFor } from './assignment.ts'
import { checkPlan } from './check-plan.ts'
import { strategy as strategySchema } from './deployment.ts'
import { type NodeView, reportOf, reportsOf } from './node.ts'
import { planRollout, type RolloutState, startRollout, wavesOf } from './rollout.ts'

const releaseOf = (version: string) => ({
  digest: `sha256:${version.padStart(64, '0')}`,
  ...{ model: 'parts', version, specBytes: 100 },
})
const parts = { deployment: 'parts', project: 'default' }
const target = releaseOf('2')
const baseline = releaseOf('1')

function nodeOf(id: string, stratum: string): NodeView {
  const reports = reportsOf([])
  return { id, labels: {}, cordoned: false, connected: true, seenMs: 0, stratum, reports }
}

function obeyed(node: NodeView, assignment: Assignment): NodeView {
  const release = releaseFor(node, assignment)?.digest
  if (!node.connected || release === undefined) return node
  const state = { phase: 'committed', release, serving: release, variant: '' } as const
  const { deployment, project, generation, revision } = assignment
  return { ...node, reports: reportsOf([{ deployment, project, generation, revision, state }]) }
}

const step = fc.record({
  node: fc.nat(11),
  change: fc.constantFrom(
    { connected: false },
    { connected: true },
    { cordoned: true },
    { cordoned: false },
  ),
})

test('R3, R4, I4: whoever is away or cordoned for good, the rollout ends without them', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.array(step, { maxLength: 4 }), { maxLength: 12 }),
      fc.constantFrom(undefined, [0.01, 1], [0.01, 0.02, 0.5]),
      (count, turns, waves) => {
        let nodes = Array.from({ length: count }, (_, i) => nodeOf(`n${i}`, `s${i % 3}`))
        const strategy = strategySchema.parse({
          ...{ soakMs: 10, canary: { perStratum: 1 } },
          ...(waves === undefined ? {} : { waves }),
        })
        const start = startRollout(strategy, nodes, { uid: 'u', generation: 2 })
        const spec = { strategy, waves: start.waves }
        let state: RolloutState = start.state
        let assignment: Assignment = {
          ...{ format: 'tutti/assignment/v1', deployment: 'parts', project: 'default', uid: 'u' },
          ...{ generation: 2, revision: 1, serves: 'parts', selector: { matchLabels: {} } },
          ...{ target, baseline, mode: 'advance', cohort: start.cohort },
          ...{ soakMs: 0, publishers: [], issuedAtMs: 0 },
        }
        const quiet = Array.from({ length: 150 }, () => [])
        const isThere = (one: NodeView) => one.connected && !one.cordoned
        const first = [{ node: 0, change: { connected: true, cordoned: false } }]
        const all = [...turns, ...quiet, first, ...quiet]
        for (const [turn, changes] of all.entries()) {
          if (changes === first && nodes.some(isThere)) expect(state.phase).toBe('done') // I4
          for (const { node, change } of changes) {
            const id = `n${node % count}`
            nodes = nodes.map((one) => (one.id === id ? { ...one, ...change } : one))
          }
          const view = { nodes, gate: { verdict: 'pass' } as const, targetRequests: 0 }
          const at = { assignment, view: { ...view, paused: false }, nowMs: turn * 10 }
          const plan = planRollout(spec, state, at)
          expect(checkPlan(spec, state, plan, at)).toEqual([])
          const isProven = nodes.some(
            (one) => one.connected && reportOf(one, parts)?.state.serving === target.digest,
          )
          const advances = (plan.change?.cohort.share ?? 0) > assignment.cohort.share
          if (advances) expect(isProven).toBe(true) // R4
          state = plan.state
          if (plan.change !== null) {
            assignment = { ...assignment, ...plan.change, revision: assignment.revision + 1 }
          }
          nodes = nodes.map((node) => obeyed(node, assignment))
        }
        expect(state.phase).toBe('done')
      },
    ),
    { numRuns: 300 },
  )
})

test('a tiny disruption budget is refused: its waves could not be counted', () => {
  expect(strategySchema.safeParse({ maxUnavailable: 1e-9 }).success).toBe(false)
  const least = strategySchema.parse({ maxUnavailable: 0.001 })
  expect(wavesOf(least, 0).length).toBeLessThanOrEqual(1_001)
})
