// A4: what a cordoned node sets out to run.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Assignment, type Release, releaseFor, supersedes, wishFor } from './assignment.ts'
import { convergenceOf, type NodeView, reportsOf } from './node.ts'

const release = (version: string): Release => ({
  digest: `sha256:${version.repeat(64)}`,
  model: 'parts',
  version,
  specBytes: 2,
})
const [target, baseline, older] = [release('a'), release('b'), release('c')]

const assignments = fc.record({
  mode: fc.constantFrom<Assignment['mode']>('advance', 'revert', 'remove'),
  baseline: fc.constantFrom(null, baseline),
  share: fc.constantFrom(0, 0.5, 1),
})
const committedOnes = fc.constantFrom(null, target, baseline, older)

function assignmentOf(of: { mode: Assignment['mode']; baseline: Release | null; share: number }) {
  return {
    format: 'tutti/assignment/v1',
    ...{ deployment: 'parts', project: 'default', uid: 'u', generation: 2, revision: 1 },
    ...{ serves: 'parts', selector: { matchLabels: {} }, target },
    ...{ baseline: of.baseline, mode: of.mode, cohort: { canaries: [], share: of.share } },
    ...{ soakMs: 0, publishers: [], issuedAtMs: 0 },
  } satisfies Assignment
}

test('A4: a cordoned node installs nothing new, whatever it is assigned', () => {
  const law = fc.property(assignments, committedOnes, fc.uuid(), (of, committed, id) => {
    const assignment = assignmentOf(of)
    const wish = wishFor({ id, labels: {}, cordoned: true }, assignment, committed)
    const isNew = wish !== null && wish.digest !== committed?.digest
    const isLeaving = assignment.mode === 'revert' && committed?.digest === target.digest
    expect(isNew && !isLeaving).toBe(false)
    if (assignment.mode === 'remove') expect(wish).toBeNull()
    if (isLeaving) expect(wish).toEqual(assignment.baseline)
  })
  fc.assert(law)
})

test('without a cordon a node sets out for what the assignment gives it', () => {
  const law = fc.property(assignments, committedOnes, fc.uuid(), (of, committed, id) => {
    const node = { id, labels: {}, cordoned: false }
    const assignment = assignmentOf(of)
    expect(wishFor(node, assignment, committed)).toEqual(releaseFor(node, assignment))
  })
  fc.assert(law)
})

test('A3: of two assignments of one deployment the newer one holds, and never an equal one', () => {
  const version = fc.record({
    uid: fc.constantFrom('a', 'b'),
    generation: fc.nat(3),
    revision: fc.integer({ min: 1, max: 4 }),
  })
  const law = fc.property(version, version, (next, held) => {
    const isNewer =
      next.generation > held.generation ||
      (next.generation === held.generation &&
        next.uid === held.uid &&
        next.revision > held.revision)
    expect(supersedes(next, held)).toBe(isNewer)
    expect(supersedes(next, null)).toBe(true)
  })
  fc.assert(law, { numRuns: 500 })
})

test('I9: a cordoned node that lacks the release cannot, and says why', () => {
  const assignment = assignmentOf({ mode: 'advance', baseline, share: 1 })
  const head = { deployment: 'parts', project: 'default', generation: 2, revision: 1 }
  const view = (cordoned: boolean, { digest }: Release): NodeView => {
    const state = { phase: 'committed', release: digest, serving: digest, variant: 'a' } as const
    const node = { id: 'n', labels: {}, cordoned, connected: true, seenMs: 0, stratum: 's' }
    return { ...node, reports: reportsOf([{ ...head, state }]) }
  }
  expect(convergenceOf(view(true, baseline), assignment)).toMatchObject({ fact: 'cannot' })
  expect(convergenceOf(view(true, target), assignment)).toEqual({ fact: 'converged' })
  expect(convergenceOf(view(false, baseline), assignment)).toMatchObject({ fact: 'converging' })
})

test('I9: a node that refused this very assignment cannot, whatever it gives it', () => {
  const law = fc.property(assignments, fc.constantFrom(0, 1), (of, revision) => {
    const about = { release: older.digest, serving: older.digest, message: 'unknown: a key' }
    const state = { phase: 'failed', reason: 'assignment-invalid', ...about } as const
    const head = { deployment: 'parts', project: 'default', generation: 2, revision }
    const node = { id: 'n', labels: {}, cordoned: false, connected: true, seenMs: 0, stratum: 's' }
    const convergence = convergenceOf(
      { ...node, reports: reportsOf([{ ...head, state }]) },
      assignmentOf(of),
    )
    const isIt = revision === 1
    const cannot = { fact: 'cannot', reason: 'unknown: a key' }
    expect(convergence).toEqual(isIt ? cannot : { fact: 'converging', doing: 'failed' })
  })
  fc.assert(law)
})
