import type { ReleaseTelemetry } from '@tutti/core/fleet'
import { expect, test } from 'vitest'
import { GatheredTelemetry } from './gathered-telemetry.ts'
import { openRegistry } from './registry.ts'

const digestOf = (n: number): ReleaseTelemetry['release'] =>
  `sha256:${n.toString(16).padStart(64, '0')}`
const said = (change: Partial<ReleaseTelemetry>): ReleaseTelemetry => ({
  ...{ project: 'default', deployment: 'parts', release: digestOf(1), latency: [] },
  ...{ requests: 10, errors: 1, correct: 4, incorrect: 2, ...change },
})
const at = { stratum: 'x64', nowMs: 0 }
const all = () => true

test('counts add up by release, also after the gate has taken them', () => {
  const gathered = new GatheredTelemetry()
  gathered.add(said({}), at)
  gathered.add(said({}), { ...at, stratum: 'arm64' })
  expect(gathered.take('default/parts', all).size).toBe(2)
  expect(gathered.take('default/parts', all).size).toBe(0)
  gathered.add(said({ release: digestOf(2) }), at)
  const sums = gathered.totals().map(({ requests, correct, incorrect }) => {
    return [requests, correct, incorrect]
  })
  expect(sums).toEqual([
    [20, 8, 4],
    [10, 4, 2],
  ])
})

test('of a node that invents releases and changes its kind no more is held than a fleet has', () => {
  const gathered = new GatheredTelemetry()
  for (let i = 0; i < 3_000; i++) {
    gathered.add(said({ release: digestOf(i) }), { ...at, stratum: `kind ${i}` })
    gathered.add(said({ release: digestOf(i) }), at)
  }
  expect(gathered.totals().length).toBe(64)
  const taken = gathered.take('default/parts', all)
  expect(taken.size).toBe(1_024)
  expect(taken.get('x64')?.size).toBe(64)
})

test('what is no deployment any more is forgotten', () => {
  const gathered = new GatheredTelemetry()
  for (const deployment of ['parts', 'gone']) gathered.add(said({ deployment }), at)
  gathered.keep(new Set(['default/parts']))
  expect(gathered.totals().map(({ deployment }) => deployment)).toEqual(['parts'])
  expect(gathered.take('default/gone', all).size).toBe(0)
})

test('a node is heard of what it has said that it serves, and of nothing else', () => {
  const registry = openRegistry()
  registry.declare({ id: 'n', labels: {}, cordoned: false }, null)
  const state = { phase: 'idle' as const, serving: null }
  const report = { deployment: 'parts', project: 'default', generation: 1, revision: 1, state }
  registry.report('n', { full: true, facts: undefined, reports: [report], nowMs: 0 })
  const others = [{ deployment: 'others' }, { project: 'others' }]
  const telemetry = [said({}), ...others.map(said)]
  registry.heartbeat('n', {
    load: { inflight: 0, cpu: 0, memoryUsedBytes: 0 },
    telemetry,
    nowMs: 0,
  })
  const of = registry.totals().map(({ project, deployment }) => `${project}/${deployment}`)
  expect(of).toEqual(['default/parts'])
})
