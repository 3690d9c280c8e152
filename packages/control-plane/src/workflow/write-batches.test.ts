import { expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { bed, useDatabase } from './engine.fixture.ts'
import { loadJournals, loadRuns } from './load-runs.ts'
import { rewriteBatches, writeBatches } from './write-batches.ts'

useDatabase()

const odd = 'a "quoted" \\ key,\n{with} a\ttab, NULL and 𝄞'
const head = {
  ...{ id: 'odd', project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0 },
  ...{ labels: { [odd]: odd }, parent: { run: 'up', key: odd }, startedAtMs: 1.5 },
}
const batch = (more: Partial<Batch>): Batch => ({
  ...{ head, status: 'running', wakeAtMs: null, atMs: 2, isRowChanged: true, outcome: null },
  ...{ hash: null, waits: [], heard: [], signals: [], told: null, lifecycle: [], journal: null },
  committed: () => {},
  ...more,
})
const turn = (seq: number, value: string): Batch['journal'] => ({
  ...{ seq, length: 1 },
  body: JSON.stringify([{ kind: 'completed', atMs: 1, key: value, output: value }]),
})

test('texts are kept as they are, to the letter: quotes, backslashes, lines, nothing, halves of letters', async () => {
  const { sql } = bed.database
  await sql`insert into workflow_engine (id, lock_key, alive_until) values ('e', 1, now())`
  const half = `\ud834 ${odd} \u0000`
  const [first, second] = [turn(0, odd), turn(1, half)]
  const outcome = JSON.stringify({ status: 'completed', output: half })
  const some = [batch({ journal: first }), batch({ journal: second, wakeAtMs: 7 })]
  expect(await writeBatches(sql, 'e', some)).toBe('written')
  const [running] = await loadRuns(sql, ['odd'])
  expect(running).toMatchObject({ head, status: 'running', wakeAtMs: 7, outcome: null, hash: null })
  const end = batch({ status: 'completed', outcome, hash: 'h' })
  expect(await writeBatches(sql, 'e', [end])).toBe('written')
  expect(await rewriteBatches(sql, 'e', some)).toBe('written') // one that comes late
  expect(await rewriteBatches(sql, 'e', [end])).toBe('written')
  await expect(writeBatches(sql, 'e', some)).rejects.toThrow() // what is there is not new
  const [stored] = await loadRuns(sql, ['odd'])
  expect(stored).toMatchObject({ head, status: 'completed', wakeAtMs: null, outcome, hash: 'h' })
  const rows = await sql<{ body: string }[]>`
    select body from workflow_entry where run = 'odd' order by seq`
  expect(rows.map(({ body }) => body)).toEqual([first?.body, second?.body])
  expect((await loadJournals(sql, ['odd'])).get('odd')?.entries).toHaveLength(2)
})

test('of an engine that is dead nothing is written', async () => {
  const { sql } = bed.database
  await sql`
    insert into workflow_engine (id, lock_key, alive_until, is_dead) values ('d', 2, now(), true)`
  const late = { ...head, id: 'late' }
  const some = [batch({ head: late, journal: turn(0, 'x') })]
  expect(await writeBatches(sql, 'd', some)).toBe('fenced')
  expect(await loadRuns(sql, ['late'])).toEqual([])
  expect((await loadJournals(sql, ['late'])).size).toBe(0)
})

test('what is told of a run is written with its turn, and once', async () => {
  const { sql } = bed.database
  const told = {
    number: 3,
    type: 't',
    isHeard: true,
    body: JSON.stringify({ odd: `${odd}\u0000` }),
  }
  const some = [batch({ head: { ...head, id: 'tells' }, lifecycle: [told], journal: turn(0, 'x') })]
  expect(await writeBatches(sql, 'e', some)).toBe('written')
  expect(await rewriteBatches(sql, 'e', some)).toBe('written')
  expect(await writeBatches(sql, 'd', [{ ...batch({ lifecycle: [told] }), head }])).toBe('fenced')
  const rows = await sql`select run, number, workflow, labels, body from workflow_lifecycle`
  expect(rows).toEqual([
    {
      run: 'tells',
      number: 3,
      workflow: 'n.w:1.0.0',
      labels: JSON.stringify(head.labels),
      body: told.body,
    },
  ])
})
