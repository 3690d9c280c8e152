// What may be away for a while, and what never comes: a database that is started again, runs that cannot be read, runs that were
// asked for and never begin. None of them is an error of a run that could go on, and none keeps others waiting.

import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { isDatabaseAway } from '../store/index.ts'
import { ActFailed } from './act.ts'
import { advanceBackfills } from './backfill.ts'
import {
  bed,
  document,
  journalOf,
  openEngine,
  programs,
  request,
  useDatabase,
} from './engine.fixture.ts'
import { anyStart } from './judge-start.ts'
import { loadRuns } from './load-runs.ts'
import { outlasting } from './outlast-database.ts'
import { performer } from './perform-act.ts'
import { askProcess } from './processes.ts'
import { openSchedules } from './schedules.ts'
import { openSecrets } from './secrets.ts'
import { sendSignal } from './signal.ts'
import { withholding } from './withhold-secrets.ts'

useDatabase()

const away = (code: string, more: object = {}) => Object.assign(new Error(code), { code, ...more })
const call = (name: string, body: string) => ({
  [name]: { call: 'http', with: { method: 'post', endpoint: 'http://h/', body } },
})

test('what fails because the database is away, and what does not', async () => {
  const { sql } = bed.database
  const wrong = await sql`select nope`.catch((error: unknown) => error)
  const ended = away('57P01', { name: 'PostgresError' })
  expect([isDatabaseAway(wrong), isDatabaseAway(ended)]).toEqual([false, true])
  expect(isDatabaseAway(away('CONNECTION_CLOSED'))).toBe(true)
  expect(isDatabaseAway(away('ENOENT', { syscall: 'connect' }))).toBe(true)
  expect(isDatabaseAway(away('ENOENT', { syscall: 'open' }))).toBe(false)
  expect(isDatabaseAway(new ActFailed(standardError('communication', 'gone')))).toBe(false)
})

test('a step that the database broke is done again under its key; what breaks otherwise is an error', async () => {
  const keys: string[] = []
  const errors = [away('CONNECTION_CLOSED'), away('57P01', { name: 'PostgresError' })]
  const act = outlasting(
    async ({ key }) => {
      keys.push(key)
      const error = errors.shift()
      if (error !== undefined) throw error
      if (key.endsWith('/b')) throw new ActFailed(standardError('communication', 'gone'))
      return { done: true }
    },
    async () => {},
  )
  const engine = await openEngine(
    programs(document('again', [call('a', 'x'), call('b', 'y')])),
    act,
  )
  const id = await engine.start(request('again'))
  expect(await engine.outcomeOf(id)).toMatchObject({ error: { detail: 'gone' } })
  expect(keys).toEqual(['/do/0/a', '/do/0/a', '/do/0/a', '/do/1/b'])
  await engine.stop()
})

test('a run that was asked for while the database was away begins when it is back', async () => {
  const known = programs(document('late', [{ a: { set: { b: 1 } } }]))
  let isAway = true
  const engine = await openEngine(async (of) => {
    if (!isAway) return await known(of)
    isAway = false
    throw away('CONNECTION_CLOSED')
  })
  const { sql } = bed.database
  await sendSignal(sql, 'late-1', { kind: 'start', request: { ...request('late'), id: 'late-1' } })
  expect(await engine.outcomeOf('late-1')).toMatchObject({ status: 'completed' })
  await engine.stop()
})

test('runs that cannot be read keep nobody behind them waiting', async () => {
  const { sql } = bed.database
  const known = programs(document('nap', [{ nap: { wait: { milliseconds: 1 } } }]))
  const first = await openEngine(known)
  const { shards } = first
  const shard = [...shards][0] ?? 0
  await sql`
    insert into workflow_run (id, project, namespace, name, version, shard, labels, started_at_ms,
      updated_at_ms, status, wake_at_ms)
    select 'broken-' || n, 'default', 'test', 'gone', '1.0.0', ${shard}, '{}', 0, 0, 'waiting', 1
    from generate_series(1, 1000) n`
  const id = await first.start(request('nap'))
  expect(await first.outcomeOf(id)).toMatchObject({ status: 'completed' })
  await sql`delete from workflow_run where name = 'gone'`
  await first.stop()
})

test('a backfill and a schedule go on past a run that never began', async () => {
  const { sql } = bed.database
  await sql`
    insert into workflow_backfill (id, project, namespace, name, version, input, concurrency, ticks,
      running)
    values ('b', 'default', 'test', 'gone', '1.0.0', '{}', 1, '["rome"]', '{never-began}')`
  await advanceBackfills(sql)
  const [row] = await sql`select running from workflow_backfill where id = 'b'`
  expect(row?.['running']).toEqual(['default.test.gone.backfill.1.0.0.rome'])
  await advanceBackfills(sql) // this one was asked for, and is about to begin
  expect(await sql`select 1 from workflow_backfill where id = 'b'`).toHaveLength(1)
  await sql`delete from workflow_signal`
  await advanceBackfills(sql)
  expect(await sql`select 1 from workflow_backfill where id = 'b'`).toHaveLength(0)
  const after = {
    ...Object(document('after', [{ a: { set: { b: 1 } } }])),
    schedule: { after: 'PT1M' },
  }
  await sql`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms)
    values ('Workflow', 'default', 'test.after:1.0.0', 'u', 1, '{}', '{}',
      ${sql.json({ document: after })}, '{}', 1, 1)`
  const ports = { sql, nowMs: () => 1_000, judge: async () => () => null, productions: anyStart }
  const plane = openSchedules(ports)
  await plane.turn()
  const started = await sql`select run from workflow_schedule`
  expect(started).toEqual([{ run: 'default.test.after.after.1970-01-01T00:00:00.001Z' }])
  await sql`delete from workflow_signal`
  await plane.turn()
  const next = await sql`select run, tick_at_ms from workflow_schedule`
  expect(next).toEqual([{ run: null, tick_at_ms: 61_000 }])
  await sql`delete from resource`
})

test('what an act and a signal both say stands in the journal once, and is not asked for again', async () => {
  let end = (_: Json) => {}
  const acts: AbortSignal[] = []
  const engine = await openEngine(
    programs(document('both', [call('a', 'x'), { ask: { call: 'tutti.human', with: {} } }])),
    async (_, { signal }) => {
      acts.push(signal)
      return await new Promise<Json>((resolve) => {
        end = resolve
      })
    },
  )
  const id = await engine.start(request('both'))
  await expect.poll(() => acts).toHaveLength(1)
  await sendSignal(bed.database.sql, id, { kind: 'completed', key: '/do/0/a', output: 1 })
  await expect.poll(() => acts[0]?.aborted).toBe(true)
  end(1)
  await sendSignal(bed.database.sql, id, { kind: 'completed', key: '/do/1/ask', output: 2 })
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: 2 })
  const keys = (await journalOf(id)).flatMap(({ key = '' }) => (key === '' ? [] : [key]))
  expect(keys).toEqual(['/do/0/a', '/do/1/ask'])
  const [stored] = await loadRuns(bed.database.sql, [id])
  if (stored === undefined) throw new Error('the run is not there')
  const body = { text: 'x', arguments: [], environment: {}, stdin: null }
  const asked = { run: stored.head, key: '/do/9/p', kind: 'shell', language: null, body } as const
  const about = { ...asked, isAwaited: true, returns: 'stdout' }
  await askProcess(bed.database.sql, about, 0, AbortSignal.abort())
  expect(await bed.database.sql`select 1 from workflow_process`).toEqual([])
  await engine.stop()
})

test('secrets stand in no journal: not in errors, not where a callee repeats them, not in what was sent', async () => {
  const secrets = { api: { key: 's3cret/of shop' }, short: 'no' }
  const asked: string[] = []
  const perform = performer({
    ...{ sql: bed.database.sql, nowMs: () => 0, inference: () => null, newest: async () => null },
    egress: async ({ url, headers }) => {
      asked.push(headers['x-api-key'] ?? '')
      const isFine = url.includes('fine')
      const body = Buffer.from(`key ${headers['x-api-key']} says no`)
      return { status: isFine ? 200 : 403, headers: {}, body }
    },
    reach: async (name) => name,
    start: async () => '',
    outcome: async () => null,
  })
  const act = withholding(perform, async () => secrets)
  const http = (path: string) => ({
    call: 'http',
    with: {
      ...{ method: 'get', endpoint: `http://h/${path}`, output: 'response' },
      headers: { 'x-api-key': '${ $secrets.api.key }' },
      query: { key: '${ $secrets.api.key }' },
    },
  })
  const use = { use: { secrets: ['api'] } }
  const engine = await openEngine(
    programs(
      document('fine', [{ a: http('fine') }], use),
      document('bad', [{ a: http('no') }], use),
    ),
    act,
    { surroundings: async () => ({ secrets, runtime: { name: 'tutti', version: 'test' } }) },
  )
  const outcomes: Json[] = []
  for (const name of ['fine', 'bad']) {
    const id = await engine.start(request(name))
    outcomes.push(JSON.parse(JSON.stringify(await engine.outcomeOf(id))))
  }
  expect(asked).toEqual(['s3cret/of shop', 's3cret/of shop'])
  const [fine, bad] = outcomes
  expect(Object(fine).output.request.headers['x-api-key']).toBe('***')
  expect(JSON.stringify(Object(fine).output.request)).not.toMatch(/s3cret/)
  expect(Object(bad).error.detail).toBe('GET h/no answered 403: key *** says no')
  await engine.stop()
})

test('policy is asked about what a subflow reaches, unless it has begun already', async () => {
  const started: string[] = []
  const perform = performer({
    ...{
      sql: bed.database.sql,
      nowMs: () => 0,
      inference: () => null,
      newest: async () => '2.0.0',
    },
    egress: async () => ({ status: 200, headers: {}, body: Buffer.from('') }),
    reach: async (name) => name,
    start: async ({ name, version, id = '' }) => {
      started.push(`${name}:${version}`)
      return id
    },
    outcome: async () => ({ status: 'completed', output: 'there' }),
    mayStart:
      async () =>
      async (_, { name, version }) =>
        name === 'open'
          ? { ok: true, version }
          : { ok: false, error: { type: 'urn:p', status: 403 } },
  })
  const sub = (name: string) => [
    { go: { run: { workflow: { namespace: 'test', name, version: 'latest' } } } },
  ]
  const engine = await openEngine(
    programs(document('a', sub('open')), document('b', sub('secret'))),
    perform,
  )
  const run = async (name: string, id: string) => {
    await engine.start({ ...request(name), id })
    return await engine.outcomeOf(id)
  }
  expect(await run('a', 'sub-1')).toEqual({ status: 'completed', output: 'there' })
  expect(await run('b', 'sub-2')).toMatchObject({ error: { status: 403 } })
  await bed.database.sql`
    insert into workflow_run (id, project, namespace, name, version, shard, labels, started_at_ms,
      updated_at_ms, status)
    values ('sub-3/do/0/go', 'default', 'test', 'secret', '2.0.0', 0, '{}', 0, 0, 'waiting')`
  expect(await run('b', 'sub-3')).toMatchObject({ status: 'completed' })
  expect(started).toEqual(['open:2.0.0', 'secret:2.0.0'])
  await engine.stop()
})

test('secrets are read once, and again when Postgres tells that one of the project has changed', async () => {
  const { sql } = bed.database
  let reads = 0
  const counting = new Proxy(sql, {
    apply: (of, _, given: Parameters<typeof sql>) => {
      reads += 1
      return of(...given)
    },
  })
  const secrets = openSecrets({
    sql: counting,
    news: bed.news,
    decrypt: (sealed) => sealed.slice('enc:v1:'.length),
  })
  const write = (value: string) => sql`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms)
    values ('Secret', 'p', 's', 's', 1, '{}', '{}', ${sql.json({ value: `enc:v1:${value}` })}, '{}', 0, 0)
    on conflict (kind, project, name) do update set spec = excluded.spec`
  await write('one')
  expect([await secrets.of('p'), await secrets.of('p'), await secrets.of('q')]).toEqual([
    ...[{ s: 'one' }, { s: 'one' }, {}],
  ])
  expect(reads).toBe(2)
  await write('two')
  const told = new Promise<void>((resolve) => {
    const end = bed.news.subscribe('resource', {
      onNews: (key) => {
        if (key !== 'Secret/p/s') return
        end()
        resolve()
      },
      onGap: () => {},
    })
  })
  await sql`select pg_notify('resource', name) from unnest(array['Key/q/s', 'Secret/p/s']) name`
  await told
  expect([await secrets.of('p'), await secrets.of('q')]).toEqual([{ s: 'two' }, {}])
  expect(reads).toBe(3)
  secrets.stop()
  await sql`delete from resource`
})
