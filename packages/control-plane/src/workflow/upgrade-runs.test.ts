import type { Json } from '@tutti/core/resource'
import { type Program, prepareWorkflow } from '@tutti/core/workflow'
import { expect, test } from 'vitest'
import { bed, document, journalOf, openEngine, request, useDatabase } from './engine.fixture.ts'
import type { EnginePorts } from './engine-ports.ts'
import { sendSignal } from './signal.ts'
import { upgradeRuns } from './upgrade-runs.ts'

useDatabase()

const ask = { ask: { call: 'tutti.human', with: { title: 'Go?' } } }
const out = { out: { call: 'http', with: { method: 'get', endpoint: 'http://h/' } } }
const versions: Readonly<Record<string, readonly object[]>> = {
  '1.0.0': [{ first: { set: { n: 1 } } }, ask, { last: { set: { by: 'one' } } }],
  '1.1.0': [{ first: { set: { n: 1 } } }, ask, { last: { set: { by: 'two' } } }],
  '2.0.0': [{ first: { set: { n: 2 } } }, ask, { last: { set: { by: 'three' } } }],
  '3.0.0': [out, { last: { set: { by: 'four' } } }],
  '3.1.0': [out, { last: { set: { by: 'five' } } }],
}
const program: EnginePorts['program'] = async ({ version }): Promise<Program> => {
  const source = document('up', versions[version])
  const prepared = prepareWorkflow({ ...Object(source) } as Json)
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.findings))
  return prepared.program
}
const surroundings = async () => ({ secrets: {}, runtime: { name: 'tutti', version: 'test' } })
const named = { project: 'default', namespace: 'test', name: 'up' }

const upgrade = (to: string, more: { from?: string; isDry?: boolean } = {}) =>
  upgradeRuns(
    { sql: bed.database.sql, program, surroundings },
    { ...named, to, from: more.from ?? null, isDry: more.isDry ?? false, by: 'ann' },
    '',
  )

async function rowOf(id: string) {
  const [row] = await bed.database.sql`select status, version from workflow_run where id = ${id}`
  return row
}

/** Once the run's row is so; the test's own time limit bounds the wait. */
async function isSo(id: string, wanted: object) {
  for (;;) {
    const row = await rowOf(id)
    if (Object.entries(wanted).every(([key, value]) => row?.[key] === value)) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('waiting runs go on with the version that agrees; the others stay, and are named', async () => {
  const engine = await openEngine(program)
  const ids = [await engine.start(request('up')), await engine.start(request('up'))]
  for (const id of ids) await isSo(id, { status: 'waiting' })
  const refused = await upgrade('2.0.0')
  expect(refused.moved).toEqual([])
  expect(new Set(refused.differing.map(({ run }) => run))).toEqual(new Set(ids))
  expect(refused.differing[0]).toMatchObject({
    ...{ version: '1.0.0', task: '/do/0/first' },
    reason: 'it asks for something else',
  })
  expect((await upgrade('1.1.0', { isDry: true })).moved).toHaveLength(2)
  expect(await upgrade('1.1.0', { from: '0.9.0' })).toMatchObject({ moved: [] })
  expect(await rowOf(ids[0] ?? '')).toMatchObject({ version: '1.0.0' })
  expect((await upgrade('1.1.0')).moved).toHaveLength(2)
  for (const id of ids) await isSo(id, { version: '1.1.0' })
  expect(await upgrade('1.1.0')).toEqual({ moved: [], differing: [], after: null }) // again
  const [id = ''] = ids
  expect((await journalOf(id)).at(-1)).toMatchObject({
    ...{ kind: 'upgraded', from: '1.0.0', to: '1.1.0', by: 'ann' },
  })
  // What was waited for is waited for still, and what follows is the new document's; elsewhere, too.
  await engine.stop()
  const other = await openEngine(program)
  await sendSignal(bed.database.sql, id, { kind: 'completed', key: '/do/1/ask', output: {} })
  expect(await other.outcomeOf(id)).toEqual({ status: 'completed', output: { by: 'two' } })
  await other.stop()
})

test('an answer that comes right behind the upgrade is for the new version', async () => {
  const engine = await openEngine(program)
  const id = await engine.start(request('up'))
  await isSo(id, { status: 'waiting' })
  await bed.database.sql.begin(async (tx) => {
    await sendSignal(tx, id, { kind: 'upgrade', version: '1.1.0', by: 'ann' })
    await sendSignal(tx, id, { kind: 'completed', key: '/do/1/ask', output: {} })
  })
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: { by: 'two' } })
  await engine.stop()
})

test('a step under way is not begun again, and its outcome counts for the new version', async () => {
  let begun = 0
  let answer: (output: Json) => void = () => {}
  const engine = await openEngine(program, () => {
    begun += 1
    return new Promise((resolve) => {
      answer = resolve
    })
  })
  const id = await engine.start({ ...request('up'), version: '3.0.0' })
  expect(await upgrade('3.1.0', { from: '3.0.0' })).toMatchObject({ moved: [id] })
  await isSo(id, { version: '3.1.0', status: 'running' })
  answer(1)
  expect(await engine.outcomeOf(id)).toEqual({ status: 'completed', output: { by: 'five' } })
  expect(begun).toBe(1)
  await engine.stop()
})

test('a run that has gone on to where the documents differ stays as it is', async () => {
  const engine = await openEngine(program)
  const id = await engine.start(request('up'))
  await isSo(id, { status: 'waiting' })
  const signal = { kind: 'upgrade', version: '2.0.0', by: 'ann' } as const
  await sendSignal(bed.database.sql, id, signal) // asked for when it still agreed
  for (;;) {
    const left = await bed.database.sql`select 1 from workflow_signal where run = ${id}`
    if (left.length === 0) break
  }
  expect(await rowOf(id)).toMatchObject({ version: '1.0.0', status: 'waiting' })
  await engine.stop()
})
