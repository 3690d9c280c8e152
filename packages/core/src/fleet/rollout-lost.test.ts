// A release that ends the process that tries it, as native code can: how many nodes it takes with it, and that
// power cuts are not taken for it (R7).

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Assignment, releaseFor } from './assignment.ts'
import { checkPlan } from './check-plan.ts'
import { strategy as strategySchema } from './deployment.ts'
import { backWithinMs, isAwaited } from './lost-in-trial.ts'
import { type NodeView, reportsOf } from './node.ts'
import { planRollout, type RolloutState, startRollout } from './rollout.ts'

const releaseOf = (version: string) => ({
  digest: `sha256:${version.padStart(64, '0')}`,
  ...{ model: 'parts', version, specBytes: 100 },
})
const target = releaseOf('2')
const baseline = releaseOf('1')
const turnMs = 10_000
const turnsMax = 200

function assignmentOf(cohort: Assignment['cohort']): Assignment {
  return {
    ...{ format: 'tutti/assignment/v1', deployment: 'parts', project: 'default', uid: 'u' },
    ...{ generation: 2, revision: 1, serves: 'parts', selector: { matchLabels: {} } },
    ...{ target, baseline, mode: 'advance', cohort },
    ...{ soakMs: 0, publishers: [], issuedAtMs: 0 },
  }
}

/** Until when each node that died stays away, and how often it has died. */
interface Fate {
  readonly deaths: number
  readonly backAtMs: number
}

interface Fleet {
  readonly count: number
  readonly strata: number
  readonly perStratum: number
  /** Which nodes die when they try the target, and for how long they are away then. */
  readonly dies: (id: string) => boolean
  readonly awayMs: number
}

/** Plays a rollout to its end; gives how it ended, and who died. */
function play({ count, strata, perStratum, dies, awayMs }: Fleet) {
  const died = new Map<string, Fate>()
  const stateOf = (release: string) =>
    ({ phase: 'committed', release, serving: release, variant: '' }) as const
  const about = { deployment: 'parts', project: 'default', generation: 1, revision: 1 }
  let nodes: NodeView[] = Array.from({ length: count }, (_, i) => ({
    ...{ id: `n${i}`, labels: {}, cordoned: false, connected: true, seenMs: 0 },
    stratum: `s${i % strata}`,
    reports: reportsOf([{ ...about, state: stateOf(baseline.digest) }]),
  }))
  const turn = (node: NodeView, assignment: Assignment, nowMs: number): NodeView => {
    const fate = died.get(node.id) ?? { deaths: 0, backAtMs: 0 }
    if (nowMs < fate.backAtMs) return node
    const here = { ...node, connected: true, seenMs: nowMs }
    const release = releaseFor(node, assignment)?.digest ?? ''
    const tell = (state: Parameters<typeof reportsOf>[0][number]['state']) =>
      reportsOf([{ ...about, generation: 2, state }])
    if (release !== target.digest || !dies(node.id)) {
      return { ...here, reports: tell(stateOf(release)) }
    }
    const serving = baseline.digest
    if (fate.deaths === 3) {
      const failed = { phase: 'failed', release, serving, reason: 'crashed', message: 'x' } as const
      return { ...here, reports: tell(failed) }
    }
    died.set(node.id, { deaths: fate.deaths + 1, backAtMs: nowMs + awayMs })
    return { ...here, connected: false, reports: tell({ phase: 'probe', release, serving }) }
  }
  const strategy = strategySchema.parse({ soakMs: 10, canary: { perStratum } })
  const start = startRollout(strategy, nodes, { uid: 'u', generation: 2 })
  let state: RolloutState = start.state
  let assignment = assignmentOf(start.cohort)
  for (let i = 1; i < turnsMax && state.phase !== 'done' && state.phase !== 'reverted'; i++) {
    const nowMs = i * turnMs
    nodes = nodes.map((node) => turn(node, assignment, nowMs))
    const view = { nodes, gate: { verdict: 'pass' } as const, targetRequests: 0, paused: false }
    const spec = { strategy, waves: start.waves }
    const plan = planRollout(spec, state, { assignment, view, nowMs })
    expect(checkPlan(spec, state, plan, { assignment, view, nowMs })).toEqual([])
    state = plan.state
    if (plan.change !== null) {
      assignment = { ...assignment, ...plan.change, revision: assignment.revision + 1 }
    }
  }
  return { state, died }
}

const shape = {
  count: fc.integer({ min: 4, max: 40 }),
  strata: fc.integer({ min: 1, max: 3 }),
  perStratum: fc.integer({ min: 1, max: 3 }),
}

test('R7: where processes are started again, it takes down the canaries and nobody else', () => {
  const fleets = fc.record({ ...shape, awayMs: fc.integer({ min: 1, max: backWithinMs - turnMs }) })
  fc.assert(
    fc.property(fleets, (fleet) => {
      const { state, died } = play({ ...fleet, dies: () => true })
      expect(state).toMatchObject({ phase: 'reverted', cause: { kind: 'node' } })
      expect(died.size).toBeLessThanOrEqual(fleet.strata * fleet.perStratum)
    }),
  )
})

test('R7: where nobody starts them again, two nodes of a stratum are enough to go back', () => {
  fc.assert(
    fc.property(fc.record(shape), (fleet) => {
      fc.pre(fleet.count >= 2 * fleet.strata)
      const awayMs = Number.POSITIVE_INFINITY
      const { state, died } = play({ ...fleet, awayMs, dies: () => true })
      expect(state.phase).toBe('reverted')
      expect(died.size).toBeLessThanOrEqual(fleet.strata * Math.max(2, fleet.perStratum))
    }),
  )
})

test('R7: a stratum that it takes down goes back, however well the others are', () => {
  const awayMs = Number.POSITIVE_INFINITY
  const dies = (id: string) => Number(id.slice(1)) % 3 === 2
  const { state, died } = play({ count: 60, strata: 3, perStratum: 1, awayMs, dies })
  expect(state.phase).toBe('reverted')
  expect(died.size).toBe(2)
})

test('R7: machines that are lost here and there do not speak against it', () => {
  const awayMs = Number.POSITIVE_INFINITY
  const tenth = (id: string) => Number(id.slice(1)) % 10 === 3
  const wide = play({ count: 100, strata: 1, perStratum: 3, awayMs, dies: tenth })
  expect(wide.state.phase).toBe('done')
  expect(wide.died.size).toBe(10)
  const alone = (id: string) => Number(id.slice(1)) < 2 // of a stratum of their own each
  const narrow = play({ count: 4, strata: 4, perStratum: 1, awayMs, dies: alone })
  expect(narrow.state.phase).toBe('done')
})

test('R7: who is cordoned is not waited for, nor is anybody because a clock was set back', () => {
  const seenMs = 1_000_000
  const trial = { phase: 'probe', release: target.digest, serving: baseline.digest } as const
  const head = { deployment: 'parts', project: 'default', generation: 2, revision: 1 }
  const reports = reportsOf([{ ...head, state: trial }])
  const node = {
    id: 'n',
    labels: {},
    cordoned: false,
    connected: false,
    stratum: 's',
    seenMs,
    reports,
  }
  const assignment = assignmentOf({ canaries: ['n'], share: 0 })
  expect(isAwaited(node, assignment, seenMs)).toBe(true)
  expect(isAwaited({ ...node, cordoned: true }, assignment, seenMs)).toBe(false)
  expect(isAwaited(node, assignment, seenMs + backWithinMs)).toBe(false)
  expect(isAwaited(node, assignment, seenMs - backWithinMs)).toBe(false)
})

test('R3, R7, I4: one machine that is gone for good does not end a rollout, nor hold it for long', () => {
  const awayMs = Number.POSITIVE_INFINITY
  fc.assert(
    fc.property(fc.record({ ...shape, victim: fc.nat(39) }), ({ victim, ...fleet }) => {
      const dies = (id: string) => id === `n${victim % fleet.count}`
      const { state, died } = play({ ...fleet, awayMs, dies })
      expect(state.phase).toBe('done')
      expect(died.size).toBe(1)
    }),
  )
})
