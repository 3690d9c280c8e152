// Migrate
//
// Brings a database to the schema that this code expects: plain numbered SQL files, each applied once.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sql } from 'postgres'
import { Failure } from '../failure.ts'

const folder = fileURLToPath(new URL('../../migrations/', import.meta.url))
const migrationLock = 0x7475_7474 // 'tutt': any number that nobody else locks

/**
 * Applies the migrations that are missing, one transaction for all; `upTo` leaves out later ones.
 * Throws `control-plane/database-newer`.
 */
export async function migrate(sql: Sql, upTo = Number.MAX_SAFE_INTEGER): Promise<void> {
  const files = readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .sort()
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${migrationLock})`
    await tx`create table if not exists migration (
      number int primary key, name text not null, applied_at timestamptz not null default now())`
    const [last] = await tx<{ number: number }[]>`
      select coalesce(max(number), 0) as number from migration`
    const applied = last?.number ?? 0
    const known = Number(files.at(-1)?.slice(0, 4) ?? 0)
    if (applied > known) throw newer(applied, known)
    for (const name of files) {
      const number = Number(name.slice(0, 4))
      if (number <= applied || number > upTo) continue
      await tx.unsafe(readFileSync(join(folder, name), 'utf8'))
      await tx`insert into migration (number, name) values (${number}, ${name})`
    }
    if (upTo !== Number.MAX_SAFE_INTEGER && upTo > known) throw newer(upTo, known)
  })
}

function newer(number: number, known: number): Failure {
  return new Failure(
    'control-plane/database-newer',
    `the database is at migration ${number}, this version of Tutti knows ${known}: upgrade Tutti`,
  )
}
