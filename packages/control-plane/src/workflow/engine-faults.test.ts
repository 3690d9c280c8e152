// What may befall runs: outputs that are too large to like, storms of events, deadlines that pass while nobody is there,
// a cancellation in the middle of retries. Each time a clear state, and nothing lost.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { expect, test, vi } from 'vitest'
import { ActFailed } from './act.ts'
import { bed, document, openEngine, programs, request, useDatabase } from './engine.fixture.ts'
import { loadRuns } from './load-runs.ts'
import { retryRun } from './retry-run.ts'
import { publishEvent, sendSignal } from './signal.ts'

useDatabase()

const call = (name: string, body: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://h/', body } },
})
const patience = { timeout: 30_000 }
const waitingOf = (run: string) =>
  bed.database.sql`select kind from workflow_waiting where run = ${run}`

test('an output of 50 MB goes to the next step whole, also by way of another engine', async () => {
  const text = 'x'.repeat(50_000_000)
  const tasks = [
    call('make', '${ . }'),
    { nap: { wait: { milliseconds: 1 } } },
    call('take', '${ {length: (.text | length)} }'),
  ]
  const program = programs(document('large', tasks))
  const given: Json[] = []
  const act = async ({ key, action }: { key: string; action: object }) => {
    if (key.endsWith('make')) return { text }
    given.push(Object(action).arguments?.body ?? null)
    return 'taken'
  }
  const first = await openEngine(program, act)
  const id = await first.start(request('large'))
  await vi.waitUntil(async () => (await waitingOf(id)).length > 0 || given.length > 0, patience)
  await first.stop()
  const second = await openEngine(program, act)
  expect(await second.outcomeOf(id)).toEqual({ status: 'completed', output: 'taken' })
  expect(given).toEqual([{ length: text.length }])
  await second.stop()
})

test('in a storm of events each run hears its own, once, and no event is left', async () => {
  const runs = 60
  const names = Array.from({ length: runs }, (_, i) => `storm-${i}`)
  const of = (type: string) => [{ hear: { listen: { to: { one: { with: { type } } } } } }]
  const engine = await openEngine(programs(...names.map((name) => document(name, of(name)))))
  const ids = await Promise.all(names.map((name) => engine.start(request(name))))
  const event = (type: string, id: string) => ({
    ...{ specversion: '1.0', source: 'storm', type, id, data: type },
  })
  const noise = Array.from({ length: 1_500 }, (_, i) => event('noise', `n-${i}`))
  const told = names.flatMap((name) => [event(name, name), event(name, name)])
  const all = [...noise.slice(0, 700), ...told, ...noise.slice(700)]
  const fresh = await Promise.all(
    all.map((one) => publishEvent(bed.database.sql, 'default', one, Date.now())),
  )
  expect(fresh.filter((isNew) => isNew)).toHaveLength(noise.length + runs)
  const outcomes = await Promise.all(ids.map((id) => engine.outcomeOf(id)))
  expect(outcomes).toEqual(names.map((name) => ({ status: 'completed', output: [name] })))
  expect(await bed.database.sql`select 1 from workflow_signal`).toHaveLength(0)
  await engine.stop()
})

test('a deadline that passed while no engine was there counts as soon as one is', async () => {
  const human = { call: 'tutti.human', with: { title: 'Well?', deadline: { minutes: 1 } } }
  const ask = { ask: { try: [{ human }], catch: { do: [{ late: { set: { late: true } } }] } } }
  const program = programs(document('deadline', [ask]))
  const startMs = Date.now()
  const first = await openEngine(program, undefined, { nowMs: () => startMs })
  const id = await first.start(request('deadline'))
  await vi.waitUntil(async () => (await waitingOf(id)).length > 0, patience)
  await first.stop()
  const second = await openEngine(program, undefined, { nowMs: () => startMs + 3_600_000 })
  expect(await second.outcomeOf(id)).toEqual({ status: 'completed', output: { late: true } })
  await second.stop()
})

test('a run that ended by a deadline is tried again: the person is asked anew, with all of the time', async () => {
  const { sql } = bed.database
  const human = { call: 'tutti.human', with: { title: 'Well?', deadline: { minutes: 1 } } }
  const program = programs(document('late', [{ human }]))
  const clock = { nowMs: Date.now() }
  const engine = await openEngine(program, undefined, { nowMs: () => clock.nowMs })
  const id = await engine.start(request('late'))
  await vi.waitUntil(async () => (await waitingOf(id)).length > 0, patience)
  await engine.stop()
  clock.nowMs += 3_600_000
  const other = await openEngine(program, undefined, { nowMs: () => clock.nowMs })
  expect(await other.outcomeOf(id)).toMatchObject({ error: { status: 408 } })
  const [late] = await loadRuns(sql, [id])
  if (late === undefined) throw new Error('it is gone')
  const surroundings = async () => ({ secrets: {}, runtime: { name: 'tutti', version: 'test' } })
  const retried = await retryRun({ sql, program, surroundings, nowMs: () => clock.nowMs }, late)
  if (!retried.ok) throw new Error(retried.reason)
  await vi.waitUntil(async () => (await waitingOf(retried.id)).length > 0, patience)
  const [row] = await sql`select wake_at_ms from workflow_run where id = ${retried.id}`
  expect(row?.['wake_at_ms']).toBe(clock.nowMs + 60_000)
  await sendSignal(sql, retried.id, { kind: 'completed', key: '/do/0/human', output: 'yes' })
  expect(await other.outcomeOf(retried.id)).toEqual({ status: 'completed', output: 'yes' })
  await other.stop()
})

test('a run that is cancelled between two tries is not tried again', async () => {
  const retry = { delay: { hours: 1 }, limit: { attempt: { count: 9 } } }
  const again = { again: { try: [call('flaky', '${ . }')], catch: { retry } } }
  let tries = 0
  const engine = await openEngine(programs(document('cancelled', [again])), async () => {
    tries += 1
    throw new ActFailed(standardError('communication', 'out of order'))
  })
  const id = await engine.start(request('cancelled'))
  await vi.waitUntil(async () => (await waitingOf(id)).length > 0 || tries > 0, patience)
  await sendSignal(bed.database.sql, id, { kind: 'cancel', reason: 'enough' })
  expect(await engine.outcomeOf(id)).toEqual({ status: 'cancelled', reason: 'enough' })
  expect(tries).toBe(1)
  expect(await waitingOf(id)).toHaveLength(0)
  await engine.stop()
})
