// Thousands of statements at once, as when a whole fleet comes back.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from './database.ts'

let folder: string
let database: Database
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-many-'))
  database = await openDatabase({ url: undefined, dataFolder: folder })
})
afterAll(async () => {
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('transactions among them are whole, and what is said to be written is', async () => {
  const { sql } = database
  const connections = 16
  const ask = () => sql`select 2::int`
  await sql`create table written (n int)`
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 64 }, ask)) // known everywhere
  // All connections are busy; behind them wait as many statements as one took at once, and a transaction.
  const all: Promise<unknown>[] = Array.from({ length: connections }, (_, i) =>
    sql.unsafe(`select pg_sleep(0.1), ${i}`, [], { prepare: true }).execute(),
  )
  await new Promise((resolve) => setImmediate(resolve))
  for (let group = 0; group < connections; group++) {
    for (let i = 0; i < 100; i++) all.push(ask().execute())
    all.push(sql.begin((tx) => tx`insert into written values (1)`))
  }
  await Promise.all(all)
  const inserts = Array.from({ length: 64 }, () => sql`insert into written values (2)`)
  await Promise.all(inserts)
  const other = database.openListener()
  const seen = await other<{ n: number; rows: string }[]>`
    select n, count(*) as rows from written group by n order by n`
  await other.end()
  expect(seen.map(({ n, rows }) => [n, Number(rows)])).toEqual([
    [1, connections],
    [2, 64],
  ])
})
