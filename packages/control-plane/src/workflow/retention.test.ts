import { expect, test } from 'vitest'
import { archiveRuns, loadArchived, retentionDefault } from './archive-runs.ts'
import {
  bed,
  document,
  journalOf,
  openEngine,
  programs,
  request,
  useDatabase,
} from './engine.fixture.ts'
import { loadRuns } from './load-runs.ts'
import { recordHeads } from './record-heads.ts'

useDatabase()

const dayMs = 86_400_000

test('the heads of ended runs go into the ledger once; then runs are archived, and at last forgotten', async () => {
  const { sql } = bed.database
  const nap = [{ a: { set: { n: 1 } } }, { nap: { wait: { hours: 1 } } }]
  const engine = await openEngine(
    programs(document('quick', [{ a: { set: { n: 1 } } }]), document('slow', nap)),
  )
  const id = await engine.start(request('quick'))
  const waiting = await engine.start(request('slow'))
  await engine.outcomeOf(id)
  await engine.stop()
  const nowMs = Date.now()
  expect(await Promise.all([recordHeads(sql, nowMs), recordHeads(sql, nowMs)])).toContain(1)
  expect(await recordHeads(sql, nowMs)).toBe(0)
  const records = await sql<{ body: string; resource: string }[]>`
    select body, resource from ledger_entry where resource = 'Workflow/default/runs'`
  const [run] = await loadRuns(sql, [id])
  expect(records.map(({ body }) => JSON.parse(body))).toEqual([
    {
      ...{ format: 'tutti/runs/v1', atMs: nowMs, project: 'default' },
      runs: [{ id, workflow: 'test.quick:1.0.0', status: 'completed', hash: run?.hash }],
    },
  ])
  const journal = await journalOf(id)
  expect(await archiveRuns(sql, retentionDefault, nowMs + 29 * dayMs)).toBe(0)
  expect(await archiveRuns(sql, retentionDefault, nowMs + 31 * dayMs)).toBe(1)
  expect(await loadRuns(sql, [id, waiting])).toMatchObject([{ head: { id: waiting } }])
  expect(await journalOf(id)).toEqual([])
  const archived = await loadArchived(sql, id)
  expect(archived?.run).toEqual(run)
  expect(archived?.journal.entries).toEqual(journal)
  expect(archived?.journal.head.hash).toBe(run?.hash)
  await archiveRuns(sql, retentionDefault, nowMs + 400 * dayMs)
  expect(await loadArchived(sql, id)).toBeNull()
})

test('a run whose head is in no ledger is not archived; events are forgotten after a week', async () => {
  const { sql } = bed.database
  const engine = await openEngine(programs(document('quick', [{ a: { set: { n: 1 } } }])))
  const id = await engine.start(request('quick'))
  await engine.outcomeOf(id)
  await engine.stop()
  await sql`insert into workflow_event (source, id, project, at_ms) values ('s', '1', 'p', 0)`
  expect(await archiveRuns(sql, retentionDefault, Date.now() + 31 * dayMs)).toBe(0)
  expect(await loadRuns(sql, [id])).toHaveLength(1)
  expect(await sql`select 1 from workflow_event where source = 's'`).toEqual([])
})
