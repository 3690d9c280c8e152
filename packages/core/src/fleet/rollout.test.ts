import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Assignment, isInCohort, releaseFor, supersedes } from './assignment.ts'
import { checkPlan } from './check-plan.ts'
import { strategy as strategySchema } from './deployment.ts'
import type { GateVerdict } from './gate.ts'
import type { InstallState } from './install-state.ts'
import { type NodeView, reportOf, reportsOf } from './node.ts'
import { pickCanaries } from './pick-canaries.ts'
import {
  planRollout,
  type RolloutState,
  type RolloutView,
  startRollout,
  wavesOf,
} from './rollout.ts'

const release = (version: string) => ({
  digest: `sha256:${version.padStart(64, '0')}`,
  model: 'parts',
  version,
  specBytes: 100,
})
const target = release('2')
const baseline = release('1')
const parts = { deployment: 'parts', project: 'default' }
const pass: GateVerdict = { verdict: 'pass' }

function nodeOf(id: string, change: Partial<NodeView> = {}): NodeView {
  const state: InstallState = {
    phase: 'committed',
    release: baseline.digest,
    serving: baseline.digest,
    variant: 'fp32',
  }
  return {
    id,
    labels: {},
    cordoned: false,
    connected: true,
    seenMs: 0,
    stratum: `s${id.charCodeAt(1) % 3}`,
    reports: reportsOf([
      { deployment: 'parts', project: 'default', generation: 1, revision: 1, state },
    ]),
    ...change,
  }
}

function assignmentOf(
  cohort: Assignment['cohort'],
  mode: Assignment['mode'] = 'advance',
): Assignment {
  return {
    format: 'tutti/assignment/v1',
    ...{ deployment: 'parts', project: 'default', uid: 'u', generation: 2, revision: 1 },
    serves: 'parts',
    selector: { matchLabels: {} },
    ...{ target, baseline, mode, cohort, soakMs: 0, publishers: [], issuedAtMs: 0 },
  }
}

/** A fleet that obeys each assignment at once, unless told that a node fails or is away. */
class Fleet {
  nodes: NodeView[]
  assignment: Assignment
  state: RolloutState
  readonly spec
  nowMs = 0
  gate: GateVerdict = pass
  paused = false
  readonly failing = new Set<string>()

  constructor(ids: readonly string[], options: object = {}) {
    this.nodes = ids.map((id) => nodeOf(id))
    const strategy = strategySchema.parse({ soakMs: 10, canary: { perStratum: 1 }, ...options })
    const start = startRollout(strategy, this.nodes, { uid: 'u', generation: 2 })
    this.assignment = assignmentOf(start.cohort)
    this.state = start.state
    this.spec = { strategy, waves: start.waves }
  }

  get view(): RolloutView {
    return { nodes: this.nodes, gate: this.gate, targetRequests: 1e9, paused: this.paused }
  }

  obey(): void {
    this.nodes = this.nodes.map((node) => {
      if (!node.connected) return node
      const wanted = releaseFor(node, this.assignment)
      const isFailing = wanted?.digest === target.digest && this.failing.has(node.id)
      const serving = isFailing ? baseline.digest : (wanted?.digest ?? null)
      const state: InstallState = isFailing
        ? {
            phase: 'failed',
            release: target.digest,
            serving,
            reason: 'probe-refused',
            message: 'golden labels differ',
          }
        : serving === null
          ? { phase: 'idle', serving: null }
          : { phase: 'committed', release: serving, serving, variant: 'fp32' }
      const { deployment, project, generation, revision } = this.assignment
      return { ...node, reports: reportsOf([{ deployment, project, generation, revision, state }]) }
    })
  }

  /** One turn of the loop; throws where the independent check finds something. */
  turn(ms = 10): void {
    this.nowMs += ms
    const at = { assignment: this.assignment, view: this.view, nowMs: this.nowMs }
    const plan = planRollout(this.spec, this.state, at)
    expect(checkPlan(this.spec, this.state, plan, at)).toEqual([])
    this.state = plan.state
    if (plan.change === null) return
    const before = this.assignment
    this.assignment = { ...before, ...plan.change, revision: before.revision + 1 }
  }

  run(turns = 60): void {
    for (let i = 0; i < turns && !['done', 'reverted'].includes(this.state.phase); i++) {
      this.turn()
      this.obey()
    }
  }

  set(id: string, change: Partial<NodeView>): void {
    this.nodes = this.nodes.map((node) => (node.id === id ? { ...node, ...change } : node))
  }
}

const ids = (count: number) => Array.from({ length: count }, (_, i) => `n${i}`)

describe('rollout', () => {
  test('takes every node to the target', () => {
    const fleet = new Fleet(ids(40))
    fleet.run()
    expect(fleet.state.phase).toBe('done')
    expect(fleet.nodes.every((n) => reportOf(n, parts)?.state.serving === target.digest)).toBe(true)
  })

  test('R1: a wave starts only after the cohort before has soaked', () => {
    const fleet = new Fleet(ids(40), { soakMs: 1_000 })
    fleet.obey()
    fleet.turn(1)
    fleet.turn(999)
    expect(fleet.state.phase).toBe('canary')
    fleet.turn(1)
    expect(fleet.state).toMatchObject({ phase: 'wave', wave: 0 })
  })

  test('R2: once it reverts it never advances again', () => {
    const fleet = new Fleet(ids(40))
    fleet.obey()
    fleet.turn()
    fleet.gate = { verdict: 'breach', metric: 'errors', message: 'too many' }
    fleet.turn()
    expect(fleet.state).toMatchObject({ phase: 'reverting', cause: { kind: 'gate' } })
    fleet.gate = pass
    fleet.run()
    expect(fleet.state.phase).toBe('reverted')
    expect(fleet.nodes.every((n) => reportOf(n, parts)?.state.serving === baseline.digest)).toBe(
      true,
    )
  })

  test('R3, I4: nodes that are away neither hold it up nor count', () => {
    const fleet = new Fleet(ids(40))
    for (const id of ids(16)) fleet.set(id, { connected: false })
    fleet.run()
    expect(fleet.state.phase).toBe('done')
    expect(
      fleet.nodes.filter((n) => reportOf(n, parts)?.state.serving === target.digest),
    ).toHaveLength(24)
  })

  test('R4: it does not advance on silence: canaries that go away are replaced', () => {
    const fleet = new Fleet(ids(40))
    for (const id of fleet.assignment.cohort.canaries) fleet.set(id, { connected: false })
    const first = fleet.assignment.cohort.canaries.length
    fleet.turn()
    fleet.turn()
    expect(fleet.state.phase).toBe('canary')
    expect(fleet.assignment.cohort.canaries.length).toBeGreaterThan(first)
    fleet.run()
    expect(fleet.state.phase).toBe('done')
  })

  test('R4: while nobody can be reached it waits, for the first who can', () => {
    const fleet = new Fleet(ids(10))
    fleet.obey()
    const here = fleet.nodes
    fleet.nodes = here.map((node) => ({ ...node, connected: false }))
    fleet.run()
    expect(fleet.state.phase).toBe('canary')
    fleet.nodes = here
    fleet.run()
    expect(fleet.state.phase).toBe('done')
  })

  test('R4: one that selects no node has nothing to wait for', () => {
    const fleet = new Fleet([])
    fleet.run()
    expect(fleet.state.phase).toBe('done')
  })

  test('R4: canaries that all fail by the fault of their machines prove nothing', () => {
    const fleet = new Fleet(ids(10))
    const { canaries } = fleet.assignment.cohort
    const about = { phase: 'failed', release: target.digest, serving: baseline.digest } as const
    const state: InstallState = { ...about, reason: 'disk-full', message: 'no room' }
    const report = { ...parts, generation: 2, revision: 1, state }
    for (const id of canaries) fleet.set(id, { reports: reportsOf([report]) })
    for (let i = 0; i < 10; i++) fleet.turn()
    expect(fleet.state.phase).toBe('canary')
    expect(fleet.assignment.cohort).toMatchObject({ canaries, share: 0 })
  })

  test('R5: one node whose probe refuses takes the whole fleet back', () => {
    const fleet = new Fleet(ids(40))
    fleet.failing.add(fleet.assignment.cohort.canaries[0] ?? '')
    fleet.run()
    expect(fleet.state).toMatchObject({ phase: 'reverted', cause: { kind: 'node' } })
  })

  test('a fault of the machine holds nobody up and reverts nothing', () => {
    const fleet = new Fleet(ids(10))
    const id = fleet.assignment.cohort.canaries[0] ?? ''
    fleet.run(3)
    const state: InstallState = {
      ...{ phase: 'failed', release: target.digest, serving: baseline.digest },
      ...{ reason: 'disk-full', message: 'no room' },
    } as InstallState
    const report = { deployment: 'parts', project: 'default', generation: 2, revision: 1, state }
    const stuck = () => fleet.set(id, { reports: reportsOf([report]) })
    for (let i = 0; i < 60 && fleet.state.phase !== 'done'; i++) {
      stuck()
      fleet.turn()
      fleet.obey()
    }
    expect(fleet.state.phase).toBe('done')
  })

  test('a paused rollout starts no wave, yet a finding takes it back', () => {
    const fleet = new Fleet(ids(40))
    fleet.paused = true
    fleet.run(20)
    expect(fleet.state.phase).toBe('canary')
    fleet.gate = { verdict: 'breach', metric: 'errors', message: 'too many' }
    fleet.run(5)
    expect(fleet.state.phase).toBe('reverted')
  })

  test('the first deployment, taken back, leaves nothing running', () => {
    const fleet = new Fleet(ids(6))
    fleet.assignment = { ...fleet.assignment, baseline: null }
    fleet.failing.add('n0')
    fleet.nodes = fleet.nodes.map((node) => ({ ...node, reports: reportsOf([]) }))
    fleet.run()
    expect(fleet.state.phase).toBe('reverted')
    expect(releaseFor({ id: 'n1', labels: {} }, fleet.assignment)).toBeNull()
  })

  test('any history: the check finds nothing, it always ends, and cohorts only grow (R6, A2)', () => {
    const event = fc.record({
      kind: fc.constantFrom('away', 'back', 'fail', 'breach', 'pause', 'resume', 'none'),
      node: fc.nat(19),
      ms: fc.nat(30),
      obeys: fc.boolean(),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(event, { maxLength: 80 }),
        (count, events) => {
          const fleet = new Fleet(ids(count))
          let share = 0
          for (const { kind, node, ms, obeys } of events) {
            const id = `n${node % count}`
            if (kind === 'away') fleet.set(id, { connected: false })
            if (kind === 'back') fleet.set(id, { connected: true })
            if (kind === 'fail') fleet.failing.add(id)
            if (kind === 'breach')
              fleet.gate = { verdict: 'breach', metric: 'errors', message: 'x' }
            if (kind === 'pause') fleet.paused = true
            if (kind === 'resume') fleet.paused = false
            fleet.turn(ms)
            if (obeys) fleet.obey()
            expect(fleet.assignment.cohort.share).toBeGreaterThanOrEqual(share)
            share = fleet.assignment.cohort.share
          }
          fleet.paused = false
          for (const { id } of fleet.nodes) fleet.set(id, { connected: true })
          fleet.run(200)
          expect(['done', 'reverted']).toContain(fleet.state.phase)
          const wanted = fleet.state.phase === 'done' ? target : baseline
          fleet.obey()
          for (const node of fleet.nodes) {
            if (fleet.failing.has(node.id) && wanted === target) continue
            expect(reportOf(node, parts)?.state.serving).toBe(wanted.digest)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('check plan', () => {
  const fleet = new Fleet(ids(40))
  fleet.obey()
  const at = { assignment: fleet.assignment, view: fleet.view, nowMs: 0 }
  const state: RolloutState = { phase: 'canary', healthySinceMs: 0 }

  test.each([
    [
      'a wave over the budget',
      { mode: 'advance', cohort: { ...fleet.assignment.cohort, share: 0.9 } },
    ],
    ['a cohort that shrinks', { mode: 'advance', cohort: { canaries: [], share: 0 } }],
  ] as const)('finds %s', (_, change) => {
    const plan = { state: { phase: 'wave', wave: 0, healthySinceMs: null } as const, change }
    const copy = { ...change, cohort: { ...change.cohort, canaries: [...change.cohort.canaries] } }
    expect(checkPlan(fleet.spec, state, { ...plan, change: copy }, at)).not.toEqual([])
  })

  test('finds a wave that starts though nobody has proven the release (R4)', () => {
    const nodes = at.view.nodes.map((node) => ({ ...node, connected: false }))
    const change = { mode: 'advance' as const, cohort: { ...fleet.assignment.cohort, share: 0.1 } }
    const plan = { state: { phase: 'wave', wave: 0, healthySinceMs: null } as const, change }
    const findings = checkPlan(fleet.spec, state, plan, { ...at, view: { ...at.view, nodes } })
    expect(findings).toMatchObject([{ path: 'nodes' }])
  })

  test('finds a wave that starts while a canary is lost in trial (R7)', () => {
    const [id = ''] = fleet.assignment.cohort.canaries
    const trial = { phase: 'probe', release: target.digest, serving: baseline.digest } as const
    const head = { ...parts, generation: 2, revision: 1 }
    const lost = { connected: false, reports: reportsOf([{ ...head, state: trial }]) }
    const nodes = at.view.nodes.map((node) => (node.id === id ? { ...node, ...lost } : node))
    const change = { mode: 'advance' as const, cohort: { ...fleet.assignment.cohort, share: 0.1 } }
    const plan = { state: { phase: 'wave', wave: 0, healthySinceMs: null } as const, change }
    const find = (nowMs: number) =>
      checkPlan(fleet.spec, state, plan, { ...at, view: { ...at.view, nodes }, nowMs })
    expect(find(1_000)).toMatchObject([{ path: `nodes.${id}` }])
    expect(find(3_600_000)).toEqual([])
  })

  test('finds an advance over a breached gate, in a revert, or after the end', () => {
    const change = { mode: 'advance' as const, cohort: { ...fleet.assignment.cohort, share: 0.1 } }
    const next: RolloutState = { phase: 'wave', wave: 0, healthySinceMs: null }
    const breached = {
      ...at,
      view: { ...at.view, gate: { verdict: 'breach', metric: 'errors', message: '' } as const },
    }
    const cause = { kind: 'person', message: '' } as const
    expect(checkPlan(fleet.spec, state, { state: next, change }, breached)).not.toEqual([])
    expect(
      checkPlan(fleet.spec, { phase: 'reverting', cause }, { state: next, change }, at),
    ).not.toEqual([])
    expect(
      checkPlan(fleet.spec, { phase: 'done', atMs: 0 }, { state: next, change }, at),
    ).not.toEqual([])
    expect(
      checkPlan(fleet.spec, state, { state: { phase: 'done', atMs: 1 }, change: null }, at),
    ).not.toEqual([])
  })
})

describe('assignment', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })

  test('A2: a greater share includes every node of a smaller one', () => {
    fc.assert(
      fc.property(fc.string(), share, share, (id, a, b) => {
        const inCohort = (s: number) => isInCohort(id, assignmentOf({ canaries: [], share: s }))
        if (inCohort(Math.min(a, b))) expect(inCohort(Math.max(a, b))).toBe(true)
      }),
    )
  })

  test('a share takes about that share of the nodes, and 1 takes all', () => {
    const all = ids(10_000)
    const taken = (s: number) =>
      all.filter((id) => isInCohort(id, assignmentOf({ canaries: [], share: s }))).length
    expect(Math.abs(taken(0.1) - 1_000)).toBeLessThan(120)
    expect([taken(0), taken(1)]).toEqual([0, 10_000])
  })

  test('A3: only a newer one is obeyed', () => {
    const at = (generation: number, revision: number, uid = 'u') => ({ generation, revision, uid })
    expect(supersedes(at(1, 1), null)).toBe(true)
    expect(supersedes(at(2, 1), at(1, 9))).toBe(true)
    expect(supersedes(at(2, 2), at(2, 1))).toBe(true)
    expect(supersedes(at(2, 2), at(2, 2))).toBe(false)
    expect(supersedes(at(1, 9), at(2, 1))).toBe(false)
    expect(supersedes(at(2, 9, 'other'), at(2, 1))).toBe(false)
  })
})

test('canaries: of every stratum as many reachable ones as asked, or all', () => {
  const node = fc.record({ stratum: fc.constantFrom('a', 'b', 'c'), connected: fc.boolean() })
  fc.assert(
    fc.property(fc.array(node, { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), (some, n) => {
      const nodes = some.map((one, i) => nodeOf(`n${i}`, one))
      const picked = pickCanaries(nodes, n, { uid: 'u', generation: 1 })
      for (const stratum of ['a', 'b', 'c']) {
        const reachable = nodes.filter((one) => one.stratum === stratum && one.connected)
        const chosen = reachable.filter(({ id }) => picked.includes(id))
        expect(chosen).toHaveLength(Math.min(n, reachable.length))
      }
      expect(picked.every((id) => nodes.some((one) => one.id === id && one.connected))).toBe(true)
    }),
  )
})

test('waves ascend to 1, within the disruption budget', () => {
  const some = fc.double({ min: 0.01, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      fc.option(fc.array(some, { maxLength: 5 })),
      some,
      some,
      (waves, budget, canaries) => {
        const strategy = strategySchema.parse({
          maxUnavailable: budget,
          ...(waves ? { waves } : {}),
        })
        const shares = wavesOf(strategy, canaries)
        expect(shares.at(-1)).toBe(1)
        let before = 0
        for (const share of shares) {
          expect(share).toBeGreaterThan(before)
          expect(share - before).toBeLessThanOrEqual(budget + 1e-3)
          before = share
        }
      },
    ),
  )
})
