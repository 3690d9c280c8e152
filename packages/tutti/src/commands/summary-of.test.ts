import { expect, test } from 'vitest'
import { summaryOf } from './summary-of.ts'

const hourMs = 3_600_000

function keyThatEnds(expiresAtMs?: number): string {
  const spec = { owner: 'me', roles: ['caller'], ...(expiresAtMs && { expiresAtMs }) }
  return summaryOf({ kind: 'Key', spec, status: {} }, 5 * hourMs)
}

test('a key that has an end says so, and when it is past', () => {
  expect(keyThatEnds()).toBe('me (caller)')
  expect(keyThatEnds(8 * hourMs)).toBe('me (caller), ends in 3h')
  expect(keyThatEnds(5 * hourMs)).toBe('me (caller), expired')
})

test('an approval that nobody can sign any more is not pending; one that is void says why', () => {
  const of = (status: Readonly<Record<string, unknown>>, nowMs: number) => {
    const spec = { requestedBy: 'User::"ada"', expiresAtMs: 5 * hourMs }
    return summaryOf({ kind: 'Approval', spec, status }, nowMs)
  }
  const asked = 'asked by User::"ada"'
  expect(of({ phase: 'pending' }, 4 * hourMs)).toBe(`pending, ${asked}`)
  expect(of({ phase: 'pending' }, 5 * hourMs)).toBe(`expired, ${asked}`)
  const moved = { phase: 'pending', reason: 'the policies have changed' }
  expect(of(moved, 4 * hourMs)).toBe(`pending (the policies have changed), ${asked}`)
  expect(of(moved, 5 * hourMs)).toBe(`expired, ${asked}`)
  expect(of({ phase: 'applied' }, 6 * hourMs)).toBe(`applied, ${asked}`)
  const reason = 'it has\u001b[2J changed'
  expect(of({ phase: 'void', reason }, 6 * hourMs)).toBe(`void (it has [2J changed), ${asked}`)
})

test('a node that is cordoned says so, whether it is there or not', () => {
  const of = (connected: boolean, cordoned: boolean) =>
    summaryOf({ kind: 'Node', spec: { cordoned }, status: { connected, reports: [] } }, 0)
  expect(of(true, false)).toBe('connected, runs nothing')
  expect(of(true, true)).toBe('connected, runs nothing, cordoned')
  expect(of(false, true)).toBe('unreachable, cordoned')
})

test('a node does not name the Deployments that do not select it', () => {
  const of = (...reports: readonly object[]) =>
    summaryOf({ kind: 'Node', spec: {}, status: { connected: true, reports } }, 0)
  const idle = { deployment: 'elsewhere', state: { phase: 'idle', serving: null } }
  const parts = { deployment: 'parts', state: { phase: 'committed' } }
  expect(of(idle)).toBe('connected, runs nothing')
  expect(of(idle, parts)).toBe('connected, parts committed')
})

test('a route says whom it asks, and a provider where it is', () => {
  const spec = { dialect: 'openai', baseUrl: 'https://models.example.com/v1' }
  expect(summaryOf({ kind: 'Provider', spec, status: {} }, 0)).toBe(
    'openai at https://models.example.com/v1',
  )
  const provided = { provider: 'engine', model: 'a\u001b[2J' }
  const targets = [{ deployment: 'parts' }, provided]
  const of = (all: readonly unknown[]) =>
    summaryOf({ kind: 'Route', spec: { targets: all }, status: {} }, 0)
  expect(of(targets)).toBe('parts, engine/a [2J')
  expect(of([...targets, ...targets])).toBe('parts, engine/a [2J, parts, 1 more')
})

test.each([
  [null, 'nothing'],
  ['parts:1', 'parts:1'],
])('a deployment that went back says to what: %s', (baseline, told) => {
  const state = { phase: 'reverted', cause: { kind: 'node', node: 'n', message: 'it crashes' } }
  const status = { state, baseline, nodes: { converging: 1 } }
  const counts = '0 converged, 1 converging, 0 cannot, 0 unreachable'
  expect(summaryOf({ kind: 'Deployment', spec: { model: 'parts:2' }, status }, 0)).toBe(
    `parts:2 reverted to ${told}: it crashes: ${counts}`,
  )
})
