import { prepareWorkflow } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { startBackfill } from './backfill.ts'
import { bed, document, journalOf, openEngine, programs, useDatabase } from './engine.fixture.ts'
import { anyStart } from './judge-start.ts'
import { openSchedules } from './schedules.ts'
import { publishEvent } from './signal.ts'

useDatabase()

const hourMs = 3_600_000
const startMs = Date.parse('2026-11-21T09:30:00Z')
const work = [{ work: { set: { done: true } } }]

/** A version of a workflow as it stands when it was declared. */
async function declare(name: string, schedule: object, version = '1.0.0', more: object = {}) {
  const source = { ...Object(document(name, work)), schedule }
  source.document = { ...source.document, version, ...more }
  const prepared = prepareWorkflow(source)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  const atMs = startMs + Number(version.split('.')[1])
  await bed.database.sql`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms)
    values ('Workflow', 'default', ${`test.${name}:${version}`}, ${name + version}, 1, '{}', '{}',
      ${bed.database.sql.json({ document: source })}, '{}', ${atMs}, ${atMs})`
}

async function clear() {
  const { sql } = bed.database
  await sql`delete from resource`
  await sql`delete from workflow_signal`
  await sql`delete from workflow_schedule`
  await sql`delete from workflow_trigger`
}

/** What policy says of every tick; tests write. */
let refusal: string | null = null

/** What was asked for: the runs' ids, which hold their ticks, and their inputs. */
async function asked() {
  const rows = await bed.database.sql<{ run: string; body: string }[]>`
    select run, body from workflow_signal order by id`
  return rows.map(({ run, body }) => [run, JSON.parse(body).request.input])
}
const virtual = () => {
  let nowMs = startMs
  const judge = async () => () => refusal
  const ports = { sql: bed.database.sql, nowMs: () => nowMs, judge, productions: anyStart }
  return { ports, at: (text: string) => (nowMs = Date.parse(`2026-11-${text}:00Z`)) }
}
const ticks = async () =>
  (await asked()).map(([run]) => String(run).replace(/.*(on|cron|every)./, ''))

test('K1: of several control planes each tick starts one run, whatever the clock does', async () => {
  await clear()
  await declare('nightly', { cron: '0 * * * *', every: { minutes: 45 } })
  const { ports, at } = virtual()
  const planes = [openSchedules(ports), openSchedules(ports), openSchedules(ports)]
  const turn = () => Promise.all(planes.map((plane) => plane.turn()))
  await turn()
  expect(await asked()).toEqual([])
  for (const time of ['21T10:00', '21T10:14', '21T10:15', '21T10:00', '21T10:16', '21T11:00']) {
    at(time)
    await turn()
  }
  // A tick that a clock put back brings again asks for the run that is there already.
  const runs = new Set((await asked()).map(([run]) => String(run).slice('default.test.'.length)))
  expect([...runs].sort()).toEqual([
    'nightly.cron.2026-11-21T10:00:00.000Z',
    'nightly.cron.2026-11-21T11:00:00.000Z',
    'nightly.every.2026-11-21T10:15:00.000Z',
    'nightly.every.2026-11-21T11:00:00.000Z',
  ])
})

test('K2, K3: after downtime the newest missed tick is made up; a clock that was ahead comes back', async () => {
  await clear()
  await declare('hourly', { cron: '0 * * * *' })
  const all = { metadata: { tutti: { schedule: { catchUp: 3 } } } }
  await declare('thorough', { cron: '0 * * * *' }, '1.0.0', all)
  const { ports, at } = virtual()
  await openSchedules(ports).turn()
  at('22T12:30')
  await openSchedules(ports).turn()
  expect((await asked()).map(([run]) => String(run).slice(8))).toEqual([
    'test.hourly.cron.2026-11-22T12:00:00.000Z',
    'test.thorough.cron.2026-11-22T10:00:00.000Z',
    'test.thorough.cron.2026-11-22T11:00:00.000Z',
    'test.thorough.cron.2026-11-22T12:00:00.000Z',
  ])
  await bed.database.sql`delete from workflow_signal`
  at('29T12:30')
  const plane = openSchedules(ports)
  await plane.turn()
  at('22T13:30')
  await plane.turn()
  at('22T14:00')
  await plane.turn()
  expect((await ticks()).filter((tick) => tick.includes('22T14:00'))).toHaveLength(2)
})

test('the newest version alone is scheduled; one without a schedule ends it', async () => {
  await clear()
  await declare('report', { cron: '0 * * * *' })
  await declare('report', { cron: '30 * * * *' }, '1.1.0')
  const { ports, at } = virtual()
  const plane = openSchedules(ports)
  await plane.turn()
  at('21T10:00')
  await plane.turn()
  expect(await ticks()).toEqual([])
  at('21T10:30')
  await plane.turn()
  expect(await ticks()).toEqual(['2026-11-21T10:30:00.000Z'])
  await bed.database.sql`update resource set spec = spec #- '{document,schedule}'
    where name = 'test.report:1.1.0'`
  plane.forget()
  at('21T11:30')
  await plane.turn()
  expect(await ticks()).toHaveLength(1)
  expect(await bed.database.sql`select 1 from workflow_schedule`).toEqual([])
})

test('events start runs, each once, and what is not enough yet is kept', async () => {
  await clear()
  const of = (type: string) => ({ with: { type }, correlate: { order: { from: '.data.order' } } })
  await declare('ship', { on: { all: [of('paid'), of('packed')] } })
  const { ports } = virtual()
  await openSchedules(ports).turn()
  const event = (id: string, type: string, order: number) => ({
    ...{ specversion: '1.0', source: '/till', id, type },
    data: { order },
  })
  const tell = (one: ReturnType<typeof event>) =>
    publishEvent(bed.database.sql, 'default', one, startMs)
  await tell(event('s1', 'paid', 7))
  await openSchedules(ports).turn()
  expect(await asked()).toEqual([])
  for (const one of [
    event('s2', 'packed', 8),
    event('s3', 'packed', 7),
    event('s3', 'packed', 7),
  ]) {
    await tell(one)
  }
  // Whoever was up when the first event came may be gone.
  await Promise.all([openSchedules(ports).turn(), openSchedules(ports).turn()])
  expect((await asked()).map(([, input]) => input)).toEqual([[{ order: 7 }, { order: 7 }]])
})

test('a run that comes after another begins once that has ended; engines start what was asked for once', async () => {
  await clear()
  await declare('again', { after: { hours: 1 } })
  const { ports, at } = virtual()
  const plane = openSchedules(ports)
  await plane.turn()
  const [[first = ''] = []] = await asked()
  const hold = [{ hold: { call: 'http', with: { method: 'get', endpoint: 'http://h/' } } }]
  let finish = () => {}
  const held = new Promise<void>((resolve) => {
    finish = resolve
  })
  const act = async () => {
    await held
    return null
  }
  const nowMs = { nowMs: ports.nowMs }
  const known = programs(document('again', hold))
  const engines = [await openEngine(known, act, nowMs), await openEngine(known, act, nowMs)]
  const owner = engines[0]
  const ended = owner?.outcomeOf(String(first))
  at('21T15:00')
  await plane.turn()
  expect((await asked()).filter(([run]) => run !== first)).toEqual([])
  finish()
  await Promise.race([ended, engines[1]?.outcomeOf(String(first))])
  await plane.turn()
  at('21T15:59')
  await plane.turn()
  const scheduled = () => bed.database.sql<{ run: string | null; tick_at_ms: number | null }[]>`
    select run, tick_at_ms from workflow_schedule`
  const wanted = Date.parse('2026-11-21T15:00:00Z') + hourMs
  expect(await scheduled()).toEqual([{ run: null, tick_at_ms: wanted }])
  at('21T16:00')
  await plane.turn()
  const [row] = await scheduled()
  expect(row).toEqual({
    run: 'default.test.again.after.2026-11-21T16:00:00.000Z',
    tick_at_ms: null,
  })
  await Promise.race(engines.map((engine) => engine.outcomeOf(String(row?.run))))
  expect(await journalOf(String(row?.run))).toHaveLength(2)
  for (const engine of engines) await engine.stop()
})

test('a backfill starts a run for each tick of the past, some at a time', async () => {
  await clear()
  const { sql } = bed.database
  const document = { document: {}, schedule: { cron: '0 6 * * *' } }
  const request = {
    ...{ project: 'default', namespace: 'test', name: 'daily', version: '1.0.0' },
    ...{ concurrency: 2, input: { shop: 'a' } },
    fromMs: Date.parse('2026-11-01T00:00:00Z'),
    untilMs: Date.parse('2026-11-04T00:00:00Z'),
  }
  const start = (more: object = {}, of: object = document) =>
    startBackfill(sql, of as never, { ...request, ...more })
  expect(await start()).toMatchObject({ ok: true, runs: 3 })
  expect(await start({ untilMs: request.fromMs + 1 })).toMatchObject({ ok: false })
  expect(await start({ fromMs: 0 })).toMatchObject({ ok: false })
  expect(await start({}, { document: {}, schedule: { after: 'PT1S' } })).toMatchObject({
    ok: false,
  })
  const { ports } = virtual()
  const turn = () => Promise.all([openSchedules(ports).turn(), openSchedules(ports).turn()])
  await turn()
  await turn()
  const runs = async () => (await asked()).map(([run]) => String(run).split('1.0.0.')[1])
  expect(await runs()).toEqual(['2026-11-01T06:00:00.000Z', '2026-11-02T06:00:00.000Z'])
  expect((await asked())[0]?.[1]).toEqual({ shop: 'a', tick: '2026-11-01T06:00:00.000Z' })
  const [[first = ''] = []] = await asked()
  await sql`
    insert into workflow_run (id, project, namespace, name, version, shard, labels, started_at_ms,
      updated_at_ms, status, outcome)
    values (${first}, 'default', 'test', 'daily', '1.0.0', 0, '{}', 0, 0, 'completed', '{}')`
  await turn()
  expect(await runs()).toHaveLength(3)
  await sql`
    insert into workflow_run select run, 'default', 'test', 'daily', '1.0.0', 0, '{}', null, null, 0,
      0, 'completed', null, '{}' from workflow_signal where run <> ${first}`
  await turn()
  expect(await sql`select 1 from workflow_backfill`).toEqual([])
})

test('a run that time starts is about the part of the data that was over by then', async () => {
  await clear()
  const metadata = { tutti: { partition: { by: 'day' } } }
  await declare('parts', { cron: '0 2 * * *' }, '1.0.0', { metadata })
  const { ports, at } = virtual()
  const plane = openSchedules(ports)
  await plane.turn()
  at('22T02:00')
  await plane.turn()
  expect((await asked()).map(([, input]) => input)).toEqual([
    { tick: '2026-11-22T02:00:00.000Z', partition: '2026-11-21' },
  ])
})

test('K4: a tick that policy refuses starts nothing, is seen, and the next one is judged anew', async () => {
  await clear()
  const { sql } = bed.database
  await sql`delete from ledger_entry`
  await declare('nightly', { cron: '0 * * * *', after: { hours: 1 } })
  await declare('heard', { on: { one: { with: { type: 'paid' } } } })
  const { ports, at } = virtual()
  const plane = openSchedules(ports)
  refusal = 'denied by freeze: not now'
  await plane.turn()
  for (const time of ['21T10:00', '21T11:00']) {
    at(time)
    await plane.turn()
  }
  await publishEvent(sql, 'default', { id: 'k4', source: '/t', type: 'paid' }, startMs)
  await plane.turn()
  expect(await asked()).toEqual([])
  const rows = () => sql`
    select kind, refused_ticks, refusal, tick_at_ms from workflow_schedule order by kind`
  expect(await rows()).toMatchObject([
    { kind: 'after', refused_ticks: 2, tick_at_ms: Date.parse('2026-11-21T12:00:00Z') },
    { kind: 'cron', refused_ticks: 2, refusal: 'denied by freeze: not now' },
    { kind: 'on', refused_ticks: 1 },
  ])
  const refusals = async () => {
    const entries = await sql<{ body: string }[]>`select body from ledger_entry order by id`
    return entries.map(({ body }) => [JSON.parse(body).schedule, JSON.parse(body).refusal])
  }
  const said = (await refusals()).sort()
  expect(said).toEqual(['after', 'cron', 'on'].map((kind) => [kind, 'denied by freeze: not now']))
  refusal = null
  at('21T12:00')
  await plane.turn()
  expect((await asked()).map(([run]) => run)).toHaveLength(2)
  expect(await rows()).toMatchObject([{ refusal: null }, { refusal: null }, { kind: 'on' }])
  expect(await refusals()).toContainEqual(['cron', null])
})

test('K1: it is known beforehand when time brings the next tick, and who ends says so', async () => {
  await clear()
  await declare('timely', { cron: '0 * * * *' })
  await declare('next', { after: { minutes: 5 } })
  const { ports, at } = virtual()
  const plane = openSchedules(ports)
  expect(plane.dueInMs()).toBeLessThan(1_000) // nobody has looked
  await plane.turn()
  at('21T09:40')
  await plane.turn()
  expect(plane.dueInMs()).toBe(20 * 60_000)
  const told = new Promise<void>((resolve) => {
    const end = bed.news.subscribe('workflow_trigger', {
      onNews: () => {
        end()
        resolve()
      },
      onGap: () => {},
    })
  })
  const [row] = await bed.database.sql<{ run: string }[]>`
    select run from workflow_schedule where run is not null`
  const { nowMs } = ports
  const engine = await openEngine(programs(document('next', work)), undefined, { nowMs })
  expect(await engine.outcomeOf(row?.run ?? '')).toMatchObject({ status: 'completed' })
  await told
  await plane.turn()
  expect(plane.dueInMs()).toBe(5 * 60_000)
  await engine.stop()
})
