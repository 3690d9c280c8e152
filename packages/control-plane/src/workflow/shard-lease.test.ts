import { expect, test } from 'vitest'
import type { Batch } from './batch.ts'
import { bed, useDatabase } from './engine.fixture.ts'
import { loadRuns } from './load-runs.ts'
import { shardCount } from './run-head.ts'
import { claimShards, registerEngine } from './shard-lease.ts'
import { writeBatches } from './write-batches.ts'

useDatabase()

const [one, other] = ['11111111-one', '22222222-other']
const batch = (id: string): Batch => ({
  head: {
    ...{ id, project: 'p', namespace: 'n', name: 'w', version: '1.0.0', shard: 0, labels: {} },
    ...{ parent: null, startedAtMs: 0 },
  },
  ...{ status: 'running', wakeAtMs: null, atMs: 0, isRowChanged: true, outcome: null, hash: null },
  ...{ journal: { seq: 0, body: '[]', length: 1 }, waits: [], heard: [], signals: [] },
  ...{ told: null, lifecycle: [] },
  committed: () => {},
})

/** Resolves when a statement waits for a lock that another one holds. */
async function untilOneWaits(): Promise<'waits'> {
  for (;;) {
    const waiting = await bed.database.sql`
      select 1 from pg_stat_activity where wait_event_type = 'Lock'`
    if (waiting.length > 0) return 'waits'
  }
}

test('S1: an engine says that it is alive while it writes; who buries it waits for that, and what it writes then is refused', async () => {
  const { sql } = bed.database
  const unlock = await registerEngine(sql, one)
  const unlockOther = await registerEngine(sql, other)
  const mine = await claimShards(sql, one, new Set())
  expect(mine.gained).toHaveLength(shardCount / 2)
  const flush = await sql.reserve()
  await flush`begin`
  expect(await writeBatches(flush, one, [batch('early')])).toBe('written')
  const again = await claimShards(sql, one, new Set(mine.gained))
  expect(again).toEqual({ gained: [], surplus: [], isDead: false })
  await sql`update workflow_engine set alive_until = now() - interval '1 s' where id = ${one}`
  const burial = claimShards(sql, other, new Set())
  expect(await Promise.race([burial, untilOneWaits()])).toBe('waits')
  await flush`commit`
  flush.release()
  expect((await burial).gained).toHaveLength(shardCount)
  expect(await writeBatches(sql, one, [batch('late')])).toBe('fenced')
  expect((await loadRuns(sql, ['early', 'late'])).map(({ head }) => head.id)).toEqual(['early'])
  expect((await claimShards(sql, one, new Set(mine.gained))).isDead).toBe(true)
  await unlock()
  await unlockOther()
})
