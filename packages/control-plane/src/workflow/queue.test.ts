import { type Program, prepareWorkflow, replay } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { cancelQueued } from './cancel-queued.ts'
import { bed, document, openEngine, request, useDatabase } from './engine.fixture.ts'
import type { EnginePorts } from './engine-ports.ts'
import { loadJournals, loadRuns } from './load-runs.ts'
import {
  advanceQueues,
  enqueue,
  isEndAwaited,
  listQueued,
  loadQueued,
  productionLabel,
  queueLabel,
} from './queue.ts'
import { sendSignal } from './signal.ts'

useDatabase()

const flows: Readonly<Record<string, object>> = {
  one: { concurrency: 1 },
  slow: { queue: 'paced', rate: { runs: 2, per: { seconds: 10 } } },
  low: { queue: 'shared', concurrency: 1, priority: -1 },
  high: { queue: 'shared', concurrency: 1, priority: 5 },
}
const program: EnginePorts['program'] = async ({ name }): Promise<Program> => {
  const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
  const source = Object(document(name, [ask]))
  source.document.metadata = { tutti: flows[name] }
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return prepared.program
}
let nowMs = 1_000_000
const open = () =>
  openEngine(program, undefined, {
    queue: (asked, id, { properties }) =>
      enqueue(bed.database.sql, { request: asked, id }, properties, nowMs),
  })

async function running(name: string) {
  const rows = await bed.database.sql<{ id: string }[]>`
    select id from workflow_run where name = ${name} and outcome is null order by id`
  return rows.map(({ id }) => id)
}

/** Turns until as many runs are there; the test's own time limit bounds the wait. */
async function turnUntil(name: string, count: number) {
  for (;;) {
    await advanceQueues(bed.database.sql, nowMs)
    const ids = await running(name)
    if (ids.length === count) return ids
  }
}
async function finish(id: string) {
  await sendSignal(bed.database.sql, id, { kind: 'completed', key: '/do/0/ask', output: {} })
  for (;;) {
    const [row] = await bed.database.sql`select outcome from workflow_run where id = ${id}`
    if (row?.['outcome'] != null) return
  }
}

test('a run that its queue has admitted can be looked at before an engine has begun it', async () => {
  const { sql } = bed.database
  const asked = { request: request('one'), id: 'soon' }
  await enqueue(sql, asked, { concurrency: 1, priority: 0 }, nowMs)
  await advanceQueues(sql, nowMs)
  expect(await listQueued(sql, { project: 'default', limit: 9 })).toEqual([])
  expect(await loadQueued(sql, 'soon')).toMatchObject({ head: { id: 'soon' }, status: 'queued' })
  expect(await loadQueued(sql, 'none')).toBeNull()
  await sql`delete from workflow_queued`
  await sql`delete from workflow_signal`
})

test('Q1: as many runs at once as it says, each once, whoever admits them', async () => {
  const engine = await open()
  const { sql } = bed.database
  for (const id of ['q1', 'q2', 'q3']) await engine.start({ ...request('one'), id })
  await engine.start({ ...request('one'), id: 'q1' }) // asked for twice
  expect(
    (await listQueued(sql, { project: 'default', limit: 9 })).map(({ head }) => head.id),
  ).toEqual([...['q1', 'q2', 'q3']])
  await Promise.all([1, 2, 3].map(() => advanceQueues(sql, nowMs)))
  expect(await turnUntil('one', 1)).toEqual(['q1'])
  const [row] = await sql`select labels from workflow_run where id = 'q1'`
  expect(JSON.parse(row?.['labels'])).toEqual({ [queueLabel]: 'test.one' })
  const end = { reason: 'not needed', nowMs }
  expect(await cancelQueued(sql, 'q2', end)).toBe(true)
  expect(await cancelQueued(sql, 'q2', end)).toBe(false)
  expect(await cancelQueued(sql, 'q1', end)).toBe(false)
  await finish('q1')
  expect(await turnUntil('one', 1)).toEqual(['q3'])
  await finish('q3')
  await advanceQueues(sql, nowMs)
  expect(await sql`select 1 from workflow_queued`).toHaveLength(0)
  await engine.stop()
})

test('the end of a run is told where somebody waits for it besides its parent', () => {
  const awaited = (labels: Record<string, string>) => isEndAwaited({ labels })
  expect([
    awaited({}),
    awaited({ [queueLabel]: 'q' }),
    awaited({ [productionLabel]: 'a' }),
  ]).toEqual([false, true, true])
})

test('live runs before those of backfills, then by priority, then as they came', async () => {
  const engine = await open()
  await engine.start({ ...request('high'), id: 'b', labels: { 'tutti/backfill': 'x' } })
  for (const [name, id] of [
    ['low', 'l1'],
    ['low', 'l2'],
    ['high', 'h'],
  ] as const) {
    await engine.start({ ...request(name), id })
  }
  const order: string[] = []
  for (let i = 0; i < 4; i++) {
    for (;;) {
      await advanceQueues(bed.database.sql, nowMs)
      const [id] = [...(await running('high')), ...(await running('low'))]
      if (id === undefined) continue
      order.push(id)
      await finish(id)
      break
    }
  }
  expect(order).toEqual(['h', 'l1', 'l2', 'b'])
  await engine.stop()
})

test('Q2: runs begin as fast as the rate gives; what never began lets go of its place', async () => {
  const engine = await open()
  for (const id of ['r1', 'r2', 'r3']) await engine.start({ ...request('slow'), id })
  expect(await turnUntil('slow', 1)).toEqual(['r1'])
  nowMs += 3_000
  await advanceQueues(bed.database.sql, nowMs)
  expect(await listQueued(bed.database.sql, { project: 'default', limit: 9 })).toHaveLength(2)
  nowMs += 1_000
  expect(await turnUntil('slow', 2)).toEqual(['r1', 'r2'])
  await engine.stop()
  const { sql } = bed.database
  await sql`
    update workflow_queued set admitted_at_ms = ${nowMs}, concurrency = 1 where run = 'r3'`
  nowMs += 61_000
  await advanceQueues(sql, nowMs)
  expect(await sql`select run from workflow_queued order by run`).toEqual([
    ...[{ run: 'r1' }, { run: 'r2' }],
  ])
})

test('a run that is cancelled while it waits is seen as cancelled, and its journal says so', async () => {
  const { sql } = bed.database
  await sql`truncate workflow_queued`
  const engine = await open()
  await engine.start({ ...request('one'), id: 'c1', labels: { team: 'blue' } })
  expect(await cancelQueued(sql, 'c1', { reason: 'too late', nowMs })).toBe(true)
  await advanceQueues(sql, nowMs)
  const [run] = await loadRuns(sql, ['c1'])
  expect(run?.status).toBe('cancelled')
  expect(run?.head.labels).toEqual({ team: 'blue', [queueLabel]: 'test.one' })
  const outcome = { status: 'cancelled', reason: 'too late' }
  expect(JSON.parse(run?.outcome ?? '')).toEqual(outcome)
  const journal = (await loadJournals(sql, ['c1'])).get('c1')
  expect(run?.hash).toBe(journal?.head.hash)
  const around = { secrets: {}, runtime: { name: 'tutti', version: '0' } }
  const prepared = prepareWorkflow(document('one', [{ at: { set: { once: true } } }]))
  if (!prepared.ok) throw new Error('the document is not valid')
  const of = prepared.program // one that would be over before anybody could cancel it
  expect(replay(of, journal?.entries ?? [], around).outcome).toEqual(outcome)
  expect(await engine.outcomeOf('c1')).toEqual(outcome)
  await engine.stop()
})

test('many queues that are full keep no other waiting, and who has waited longest is admitted first', async () => {
  const { sql } = bed.database
  await sql`truncate workflow_queued`
  const asked = JSON.stringify({ ...request('one'), id: 'x', isAdmitted: true })
  await sql`
    insert into workflow_queued
      (run, project, queue, is_backfill, priority, concurrency, request, asked_at_ms)
    select 'full' || n, 'default', 'a' || n, false, 0, 0, ${asked}, ${nowMs}
    from generate_series(1, 250) n`
  for (const queue of ['late', 'early'])
    await sql`
      insert into workflow_queued (run, project, queue, is_backfill, priority, request, asked_at_ms)
      values (${queue}, 'default', ${queue}, false, 0, ${asked}, ${nowMs})`
  await advanceQueues(sql, nowMs)
  const signals = await sql<{ run: string }[]>`
    select run from workflow_signal where run in ('early', 'late') order by id`
  expect(signals.map(({ run }) => run)).toEqual(['late', 'early'])
  await sql`truncate workflow_queued, workflow_signal`
})

test('a cancellation right behind the admission reaches the run', async () => {
  const { sql } = bed.database
  const engine = await open()
  const asked = { ...request('one'), id: 'behind', isAdmitted: true }
  await sql.begin(async (tx) => {
    await sendSignal(tx, 'behind', { kind: 'start', request: asked })
    await sendSignal(tx, 'behind', { kind: 'cancel', reason: 'no more' })
  })
  expect(await engine.outcomeOf('behind')).toEqual({ status: 'cancelled', reason: 'no more' })
  await engine.stop()
})
