// Database
//
// One connection pool to one Postgres, ours or yours, brought to the schema that this code expects.

import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { Failure } from '../failure.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'

export type Sql = postgres.Sql
export type TransactionSql = postgres.TransactionSql
/** A pool or a transaction: what a query needs. */
export type Query = postgres.Sql | postgres.TransactionSql

export interface Database {
  readonly sql: Sql
  readonly describe: string
  readonly stop: () => Promise<void>
}

const applicationPrefix = 'tutti-'

/** Connects to `url`, or starts the embedded Postgres in `dataFolder` where there is none. */
export async function openDatabase(at: {
  readonly url: string | undefined
  readonly dataFolder: string
  /** Leaves later migrations out; absent: brings the schema up to date. */
  readonly upTo?: number
}): Promise<Database> {
  const applicationName = `${applicationPrefix}${randomUUID()}` // a pool of its own each time
  const options = {
    max: 16, // more only queue inside Postgres: it has two to a few dozen cores
    onnotice: () => {},
    idle_timeout: 0,
    connection: { application_name: applicationName },
    connect_timeout: 10,
  }
  if (at.url !== undefined) return connect(postgres(at.url, options), at.url, at.upTo)
  const running = await startEmbeddedPostgres(at.dataFolder)
  const sql = postgres({
    ...options,
    path: running.socketPath,
    user: running.user,
    database: 'postgres',
  })
  const database = await connect(sql, `embedded Postgres in ${at.dataFolder}`, at.upTo)
  return {
    ...database,
    stop: async () => {
      // A dead Postgres serves nobody.
      const isShared = await othersUse(sql, applicationName).catch(() => false)
      await database.stop()
      if (!isShared) await running.stop()
    },
  }
}

/**
 * True where somebody else works on the same embedded Postgres (another control plane, a backup):
 * whoever leaves last stops it.
 */
async function othersUse(sql: Sql, applicationName: string): Promise<boolean> {
  const rows = await sql`
    select 1 from pg_stat_activity
    where application_name like ${`${applicationPrefix}%`}
      and application_name <> ${applicationName}
    limit 1`
  return rows.length > 0
}

async function connect(sql: Sql, describe: string, upTo: number | undefined): Promise<Database> {
  const safe = describe.replace(/\/\/[^@/]*@/, '//***@')
  try {
    await migrate(sql, upTo)
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
