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
  /** A pool of one connection of its own, to listen on. */
  readonly openListener: () => Sql
  /**
   * Starts a Postgres of ours again that has died, and asks the pool for an answer. Throws
   * `control-plane/database-unreachable`. A turn of a loop.
   */
  readonly keep: () => Promise<void>
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
    // The driver does not keep a connection for a transaction whose `begin` is the last statement that the
    // connection takes at once: the transaction is refused, stays open all the same, and swallows what others
    // then write there. So there is no last one.
    max_pipeline: 1_000_000,
    connection: { application_name: applicationName },
    connect_timeout: 10,
  }
  const { url } = at
  if (url !== undefined) {
    const openListener = () => postgres(url, { ...options, max: 1 })
    const database = await connect(postgres(url, options), url, at.upTo)
    return { ...database, openListener, keep: () => probe(database.sql) }
  }
  let running = await startEmbeddedPostgres(at.dataFolder) // `keep` writes
  const open = (max: number) => {
    const { socketPath, user } = running
    return postgres({ ...options, max, path: socketPath, user, database: 'postgres' })
  }
  const sql = open(options.max)
  const database = await connect(sql, `embedded Postgres in ${at.dataFolder}`, at.upTo)
  return {
    ...database,
    openListener: () => open(1),
    keep: async () => {
      // It answers in the same place: the pool finds it by itself. A living one is adopted.
      running = await startEmbeddedPostgres(at.dataFolder)
      await probe(sql)
    },
    stop: async () => {
      // A dead Postgres serves nobody.
      const isShared = await othersUse(sql, applicationName).catch(() => false)
      await database.stop()
      if (!isShared) await running.stop()
    },
  }
}

/** Throws where the pool does not answer: its connections may wait for a Postgres that is gone. */
async function probe(sql: Sql): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    const message = `the database has not answered within ${probeMs} ms`
    const failure = new Failure('control-plane/database-unreachable', message, { retryable: true })
    setTimeout(() => reject(failure), probeMs).unref()
  })
  await Promise.race([sql`select 1`, late])
}

const probeMs = 10_000 // a busy one answers within a second

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

async function connect(
  sql: Sql,
  describe: string,
  upTo: number | undefined,
): Promise<Pick<Database, 'sql' | 'describe' | 'stop'>> {
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
