// Database
//
// One connection pool to one Postgres, ours or yours, brought to the schema that this code expects.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { Failure } from '../failure.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'

export type Sql = postgres.Sql
/** A pool or a transaction: what a query needs. */
export type Query = postgres.Sql | postgres.TransactionSql

export interface Database {
  readonly sql: Sql
  readonly describe: string
  readonly stop: () => Promise<void>
}

const migrationsFolder = fileURLToPath(new URL('../../migrations/', import.meta.url))
const applicationPrefix = 'tutti-'
const applicationName = `${applicationPrefix}${process.pid}`
const migrationLock = 0x7475_7474 // 'tutt': any number that nobody else locks

/** Connects to `url`, or starts the embedded Postgres in `dataFolder` where there is none. */
export async function openDatabase(at: {
  readonly url: string | undefined
  readonly dataFolder: string
}): Promise<Database> {
  const options = {
    max: 16, // more only queue inside Postgres: it has two to a few dozen cores
    onnotice: () => {},
    idle_timeout: 0,
    connection: { application_name: applicationName },
    connect_timeout: 10,
  }
  if (at.url !== undefined) return connect(postgres(at.url, options), at.url)
  const running = await startEmbeddedPostgres(at.dataFolder)
  const sql = postgres({
    ...options,
    path: running.socketPath,
    user: running.user,
    database: 'postgres',
  })
  const database = await connect(sql, `embedded Postgres in ${at.dataFolder}`)
  return {
    ...database,
    stop: async () => {
      const isShared = await othersUse(sql).catch(() => false) // a dead Postgres serves nobody
      await database.stop()
      if (!isShared) await running.stop()
    },
  }
}

/**
 * True where another control plane works on the same embedded Postgres: whoever leaves last stops
 * it.
 */
async function othersUse(sql: Sql): Promise<boolean> {
  const rows = await sql`
    select 1 from pg_stat_activity
    where application_name like ${`${applicationPrefix}%`}
      and application_name <> ${applicationName}
    limit 1`
  return rows.length > 0
}

async function connect(sql: Sql, describe: string): Promise<Database> {
  const safe = describe.replace(/\/\/[^@/]*@/, '//***@')
  try {
    await migrate(sql)
  } catch (cause) {
    await sql.end({ timeout: 1 })
    if (cause instanceof Failure) throw cause
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new Failure(
      'control-plane/database-unreachable',
      `cannot use the database (${safe}): ${said}`,
      { cause, retryable: true },
    )
  }
  return { sql, describe: safe, stop: () => sql.end({ timeout: 5 }) }
}

/** Applies the numbered migrations that are missing, one transaction for all. */
async function migrate(sql: Sql): Promise<void> {
  const files = readdirSync(migrationsFolder)
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
    if (applied > known) {
      throw new Failure(
        'control-plane/database-newer',
        `the database is at migration ${applied}, this version of Tutti knows ${known}: upgrade Tutti`,
      )
    }
    for (const name of files.filter((file) => Number(file.slice(0, 4)) > applied)) {
      await tx.unsafe(readFileSync(join(migrationsFolder, name), 'utf8'))
      await tx`insert into migration (number, name) values (${Number(name.slice(0, 4))}, ${name})`
    }
  })
}
