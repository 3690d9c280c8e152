import type { Json } from '@tutti/core/resource'
import { afterEach, expect, test } from 'vitest'
import { type AssetPorts, advanceAssets, needAssets } from './assets.ts'
import { bed, document, openEngine, programs, request, useDatabase } from './engine.fixture.ts'
import type { Engine } from './engine.ts'
import type { EnginePorts } from './engine-ports.ts'
import { Later } from './later.ts'
import { loadLineage } from './lineage.ts'
import { loadRuns } from './load-runs.ts'
import { performer } from './perform-act.ts'
import { openSchedules } from './schedules.ts'
import { sendSignal } from './signal.ts'

useDatabase()

const ask = { ask: { call: 'tutti.human', with: { title: 'How many?' } } }
const readings = { name: 'readings' }
const produce = { namespace: 'test', name: 'nightly', version: '1.0.0' }
const step = (tutti: object, set: object) => ({ set, metadata: { tutti } })
const learn = (needs: readonly object[], value = '${ $assets }') =>
  document('learn', [{ learn: step({ needs }, { read: value }) }])
/** Makes the asset of what somebody says, and goes on until somebody says so. */
const nightly = (asset: object = readings) =>
  document('nightly', [
    ask,
    { sum: step({ asset }, { count: '${ .answer }' }) },
    { last: { call: 'tutti.human', with: { title: 'Done?' } } },
  ])

const wanted = new AbortController().signal
let nowMs = 1_000_000
let refusal: string | null = null
const engines: Engine[] = []
const ports = (): AssetPorts & { sql: typeof bed.database.sql } => ({
  sql: bed.database.sql,
  nowMs: () => nowMs,
  judge:
    async () =>
    async (_, { version }) =>
      refusal === null
        ? { ok: true, version }
        : { ok: false, error: { type: 'urn:policy', status: 403, detail: refusal } },
})
async function open(...sources: readonly Json[]): Promise<Engine> {
  const { sql, judge, nowMs: now } = ports()
  const act: EnginePorts['act'] = performer({
    ...{ sql, nowMs: now, mayStart: judge, inference: () => null, newest: async () => null },
    egress: async () => ({ status: 200, headers: {}, body: Buffer.from('') }),
    reach: async (name) => name,
    start: async () => '',
    outcome: async () => null,
  })
  const engine = await openEngine(programs(...sources), act, { nowMs: now })
  engines.push(engine)
  return engine
}
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop()
  const { sql } = bed.database
  await sql`truncate workflow_run, workflow_entry, workflow_waiting, workflow_signal, workflow_asset,
    workflow_production, workflow_asset_wait, workflow_lineage`
  refusal = null
})

/** The rows once there are so many; the test's own time limit bounds the wait. */
async function waitingSteps(count: number) {
  for (;;) {
    const rows = await bed.database.sql`select run, key, rounds from workflow_asset_wait`
    if (rows.length === count) return rows
  }
}
async function productions(): Promise<readonly { asset: string; run: string; depth: number }[]> {
  return await bed.database.sql`select asset, run, depth from workflow_production order by asset`
}
/** Answers a step of a run, once it asks. */
async function say(run: string, key: string, answer: Json) {
  for (;;) {
    const rows = await bed.database.sql`
      select 1 from workflow_waiting where run = ${run} and key = ${key}`
    if (rows.length > 0) break
  }
  await sendSignal(bed.database.sql, run, { kind: 'completed', key, output: { answer } })
}
async function ended(run: string) {
  for (;;) {
    const [row] = await bed.database.sql`select outcome from workflow_run where id = ${run}`
    if (row?.['outcome'] != null) return
  }
}
/** Goes on until the production of an asset has made it. */
async function make(asset: string, answer: Json): Promise<string> {
  const run = (await productions()).find((one) => one.asset === asset)?.run ?? ''
  await say(run, '/do/0/ask', answer)
  for (;;) {
    const rows = await bed.database.sql`select 1 from workflow_asset where run = ${run}`
    if (rows.length > 0) return run
  }
}

test('what a run made another one reads, with where it is from; old, absent or foreign it is an error', async () => {
  const needs = [{ asset: 'readings', freshness: 'PT1M' }]
  const engine = await open(nightly(), learn(needs))
  const maker = await engine.start(request('nightly'))
  await say(maker, '/do/0/ask', 3)
  await say(maker, '/do/2/last', null)
  await ended(maker)
  const reader = await engine.start(request('learn'))
  expect(await engine.outcomeOf(reader)).toEqual({
    ...{ status: 'completed', output: { read: { readings: { count: 3 } } } },
  })
  const { sql } = bed.database
  expect(await loadLineage(sql, maker)).toMatchObject([
    { key: '/do/1/sum!asset', kind: 'makes', subject: 'readings' },
  ])
  const [version] = await sql`select digest from workflow_asset`
  expect(await loadLineage(sql, reader)).toMatchObject([
    { key: '/do/0/learn!needs', kind: 'needs', detail: { digest: version?.['digest'] } },
  ])
  nowMs += 61_000
  const late = await engine.outcomeOf(await engine.start(request('learn')))
  expect(late).toMatchObject({
    error: {
      ...{ type: 'urn:tutti:error:asset', status: 424, instance: '/do/0/learn' },
      detail: 'readings is 61 s old, and may be 60 s',
    },
  })
  const foreign = await engine.start({ ...request('learn'), project: 'other' })
  expect(await engine.outcomeOf(foreign)).toMatchObject({
    error: { detail: 'there is no asset readings in this project' },
  })
})

test('N2: of many that need it at once one run makes it; all go on when it is made, not when it ends', async () => {
  const engine = await open(nightly(), learn([{ asset: 'readings', freshness: 'PT1M', produce }]))
  const runs = await Promise.all(Array.from({ length: 20 }, () => engine.start(request('learn'))))
  await waitingSteps(20)
  expect(await productions()).toMatchObject([{ asset: 'readings', depth: 1 }])
  const maker = await make('readings', 8)
  for (const run of runs) {
    expect(await engine.outcomeOf(run)).toMatchObject({
      output: { read: { readings: { count: 8 } } },
    })
  }
  await waitingSteps(0)
  const [row] = await bed.database.sql`select outcome, labels from workflow_run where id = ${maker}`
  expect(row).toEqual({ outcome: null, labels: '{"tutti/asset":"readings"}' })
  await advanceAssets(ports())
  expect(await productions()).toHaveLength(1) // it has not ended
  await say(maker, '/do/2/last', null)
  await ended(maker)
  await advanceAssets(ports())
  expect(await productions()).toEqual([])
})

test('N3: a production that fails, never begins or makes nothing is told to all that wait', async () => {
  const fails = document('nightly', [
    ask,
    { no: { raise: { error: { type: 'urn:e', status: 500, detail: 'no disk' } } } },
  ])
  const needs = [{ asset: 'readings', produce }]
  for (const [source, detail] of [
    [fails, 'faulted: no disk'],
    [document('nightly', [ask]), 'has made none'],
  ] as const) {
    const engine = await open(source, learn(needs))
    const runs = [await engine.start(request('learn')), await engine.start(request('learn'))]
    await waitingSteps(2)
    const [production] = await productions()
    await say(production?.run ?? '', '/do/0/ask', 1)
    await ended(production?.run ?? '')
    await Promise.all([advanceAssets(ports()), advanceAssets(ports())])
    for (const run of runs) {
      const outcome = await engine.outcomeOf(run)
      expect(outcome).toMatchObject({ error: { detail: expect.stringContaining(detail) } })
    }
    await engine.stop()
  }
  const engine = await open(learn(needs)) // nobody knows `nightly`
  const run = await engine.start(request('learn'))
  await waitingSteps(1)
  for (let left = 1; left > 0; ) {
    const [row] = await bed.database.sql`select count(*)::int as left from workflow_signal`
    left = row?.['left']
  }
  await advanceAssets(ports())
  expect(await productions()).toHaveLength(1) // it may be about to begin
  nowMs += 61_000
  await advanceAssets(ports())
  expect(await engine.outcomeOf(run)).toMatchObject({
    error: { detail: expect.stringContaining('never began') },
  })
})

test('I7: an engine that goes away leaves the wait to another, and nothing is made twice', async () => {
  const sources = [nightly(), learn([{ asset: 'readings', produce }])]
  const first = await open(...sources)
  const run = await first.start(request('learn'))
  await waitingSteps(1)
  const [production] = await productions()
  await first.stop()
  const second = await open(...sources)
  expect(await productions()).toEqual([production])
  await waitingSteps(1)
  const maker = await make('readings', 4)
  expect(maker).toBe(production?.run)
  expect(await second.outcomeOf(run)).toMatchObject({
    output: { read: { readings: { count: 4 } } },
  })
})

test('I7: what a step was told while no engine looked counts, also when it is asked for again', async () => {
  const sources = [nightly(), learn([{ asset: 'readings', freshness: 'PT1M', produce }])]
  const first = await open(...sources)
  const run = await first.start(request('learn'))
  await waitingSteps(1)
  const { sql } = bed.database
  await first.stop()
  const output = [{ name: 'readings', partition: '', value: { count: 9 } }]
  await sql`delete from workflow_asset_wait`
  await sql`delete from workflow_production`
  const key = '/do/0/learn!needs'
  await sendSignal(sql, run, { kind: 'completed', key, output })
  const [stored] = await loadRuns(sql, [run])
  const again = { needs: [{ name: 'readings', partition: '', freshMs: null, produce: null }], key }
  if (stored === undefined) throw new Error('the run is not there')
  await expect(needAssets(ports(), again, { ...stored, signal: wanted })).rejects.toThrow(Later)
  const second = await open(...sources)
  expect(await second.outcomeOf(run)).toMatchObject({
    output: { read: { readings: { count: 9 } } },
  })
})

test('N1: two assets are read when both are fresh at the same time; what grew old meanwhile is made again', async () => {
  const other = { ...produce, name: 'other' }
  const needs = [
    { asset: 'readings', freshness: 'PT1M', produce },
    { asset: 'limits', freshness: 'PT1M', produce: other },
  ]
  const limits = { ...Object(nightly({ name: 'limits' })) }
  limits.document = { ...limits.document, name: 'other' }
  const engine = await open(nightly(), limits, learn(needs))
  const run = await engine.start(request('learn'))
  await waitingSteps(1)
  const early = await make('readings', 1)
  await say(early, '/do/2/last', null)
  await ended(early)
  nowMs += 120_000
  await Promise.all([advanceAssets(ports()), advanceAssets(ports())])
  expect((await productions()).map(({ asset }) => asset)).toEqual(['limits', 'readings'])
  const [stored] = await loadRuns(bed.database.sql, [run])
  const [row] = await bed.database.sql`select needs from workflow_asset_wait`
  if (stored === undefined) throw new Error('the run is not there')
  const again = { needs: JSON.parse(row?.['needs']), key: '/do/0/learn!needs' }
  await expect(needAssets(ports(), again, { ...stored, signal: wanted })).rejects.toThrow(Later)
  expect(await waitingSteps(1)).toMatchObject([{ rounds: 1 }])
  await make('limits', 2)
  await make('readings', 3)
  expect(await engine.outcomeOf(run)).toMatchObject({
    output: { read: { readings: { count: 3 }, limits: { count: 2 } } },
  })
})

test('N4: who makes an asset cannot wait for it, nor for who waits for it', async () => {
  const needing = (name: string, asset: string, of: string) => {
    const needs = [{ asset: of, produce: { ...produce, name: of } }]
    return document(name, [{ go: step({ needs, asset: { name: asset } }, { a: 1 }) }])
  }
  const selfish = await open(needing('a', 'a', 'a'))
  const [waits] = [await selfish.start(request('a'))]
  await waitingSteps(1)
  const [production] = await productions()
  await ended(production?.run ?? '')
  await advanceAssets(ports())
  expect(await selfish.outcomeOf(waits)).toMatchObject({
    error: { detail: expect.stringContaining('which waits for this one') },
  })
  await selfish.stop()
  const engine = await open(needing('a', 'a', 'b'), needing('b', 'b', 'a'))
  const run = await engine.start(request('a'))
  // a → (b by b1 → a by a1 → b by b1): a1 is told, then b1, then a.
  const all = async () => {
    for (;;) {
      await advanceAssets(ports())
      const [row] = await bed.database.sql`select outcome from workflow_run where id = ${run}`
      if (row?.['outcome'] != null) return JSON.parse(row['outcome'])
    }
  }
  expect((await all()).error.detail).toContain('which waits for this one')
  await waitingSteps(0)
})

test('what policy refuses is not started, and who is cancelled waits no more', async () => {
  const engine = await open(nightly(), learn([{ asset: 'readings', produce }]))
  refusal = 'denied by freeze: not now'
  const refused = await engine.start(request('learn'))
  expect(await engine.outcomeOf(refused)).toMatchObject({
    error: { status: 403, detail: refusal },
  })
  expect(await productions()).toEqual([])
  refusal = null
  const run = await engine.start(request('learn'))
  await waitingSteps(1)
  await sendSignal(bed.database.sql, run, { kind: 'cancel', reason: 'enough' })
  expect(await engine.outcomeOf(run)).toMatchObject({ status: 'cancelled' })
  await make('readings', 1)
  await waitingSteps(0)
  expect(await bed.database.sql`select 1 from workflow_lineage where run = ${run}`).toEqual([])
})

test('of a partition the twenty newest versions are kept; each says what it was made of', async () => {
  const many = document('many', [
    { read: step({ needs: [{ asset: 'readings' }] }, { a: '${ $assets.readings.count }' }) },
    {
      all: {
        call: 'tutti.map',
        with: {
          ...{ in: '${ [range(25)] }', each: 'n', maxConcurrency: 1 },
          do: [{ one: step({ asset: { name: 'sums', partition: '"p"' } }, { n: '${ $n }' }) }],
        },
      },
    },
  ])
  const engine = await open(nightly(), many)
  const maker = await engine.start(request('nightly'))
  await say(maker, '/do/0/ask', 3)
  await say(maker, '/do/2/last', null)
  await ended(maker)
  await engine.outcomeOf(await engine.start(request('many')))
  const rows = await bed.database.sql`select value, sources from workflow_asset where name = 'sums'`
  expect(rows).toHaveLength(20)
  expect(JSON.parse(rows[0]?.['sources'])).toEqual([{ kind: 'needs', subject: 'readings' }])
})

test('P2: who needs what a scheduled run is about to make waits for that run, and is told when it fails', async () => {
  const { sql } = bed.database
  const source = { ...Object(nightly()), schedule: { every: { minutes: 1 } } }
  await sql`
    insert into resource (kind, project, name, uid, generation, labels, annotations, spec, status,
      created_at_ms, updated_at_ms)
    values ('Workflow', 'default', 'test.nightly:1.0.0', 'n', 1, '{}', '{}',
      ${sql.json({ document: source })}, '{}', ${nowMs}, ${nowMs})`
  const engine = await open(nightly(), learn([{ asset: 'readings', freshness: 'PT1S', produce }]))
  const judge = async () => () => null
  const plane = openSchedules({ ...ports(), judge, productions: ports().judge })
  await plane.turn()
  for (const ends of ['made', 'failed']) {
    nowMs += 60_000
    await plane.turn()
    const [scheduled] = await productions()
    expect(scheduled?.run).toMatch(/^default\.test\.nightly\.every\./)
    const reader = await engine.start(request('learn'))
    await waitingSteps(1)
    expect(await productions()).toEqual([scheduled])
    if (ends === 'made') await make('readings', 7)
    else {
      await sendSignal(sql, scheduled?.run ?? '', { kind: 'cancel', reason: 'not today' })
      await ended(scheduled?.run ?? '')
      await advanceAssets(ports()) // a turn of the loop, which the end wakes
    }
    const outcome = await engine.outcomeOf(reader)
    if (ends === 'made') {
      expect(outcome).toMatchObject({ output: { read: { readings: { count: 7 } } } })
      await say(scheduled?.run ?? '', '/do/2/last', null)
    } else {
      expect(outcome).toMatchObject({ error: { detail: expect.stringContaining('not today') } })
    }
    await ended(scheduled?.run ?? '')
    await advanceAssets(ports())
  }
  await sql`delete from resource`
})
