// Database
//
// One connection pool to one Postgres, ours or yours, brought to the schema that this code expects.

import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { Failure } from '../failure.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { migrate } from './migrate.ts'
import { openPool, type Pool } from './pool.ts'

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
   * Starts a Postgres of ours again that has died, and asks for an answer. Throws
   * `control-plane/database-unreachable`. A turn of a loop.
   */
  readonly keep: () => Promise<void>
  readonly stop: () => Promise<void>
}

const applicationPrefix = 'tutti-'
const listenAgainSeconds = 0.5
const probeMs = 10_000 // a busy one answers within a second
const silentMax = 3

/** Connects to `url`, or starts the embedded Postgres in `dataFolder` where there is none. */
export async function openDatabase(at: {
  readonly url: string | undefined
  readonly dataFolder: string
  /** Leaves later migrations out; absent: brings the schema up to date. */
  readonly upTo?: number
}): Promise<Database> {
  const applicationName = `${applicationPrefix}${randomUUID()}` // a pool of its own each time
  const options = {
    onnotice: () => {},
    idle_timeout: 0,
    max_lifetime: null, // what closes a connection is a loss
    connection: { application_name: applicationName },
    connect_timeout: 10,
  }
  const listening = { ...options, max: 1, backoff: () => listenAgainSeconds }
  const { url } = at
  if (url !== undefined) {
    const pool = openPool(({ max, onLost }) => postgres(url, { ...options, max, onclose: onLost }))
    const database = await connect(pool.sql, url, at.upTo)
    const openListener = () => postgres(url, listening)
    return { ...database, openListener, keep: keeping(pool) }
  }
  let running = await startEmbeddedPostgres(at.dataFolder) // `keep` writes
  const place = () => ({ path: running.socketPath, user: running.user, database: 'postgres' })
  const pool = openPool(({ max, onLost }) =>
    postgres({ ...options, ...place(), max, onclose: onLost }),
  )
  const database = await connect(pool.sql, `embedded Postgres in ${at.dataFolder}`, at.upTo)
  const keep = keeping(pool)
  return {
    ...database,
    openListener: () => postgres({ ...listening, ...place() }),
    keep: async () => {
      // It answers in the same place. A living one is adopted.
      running = await startEmbeddedPostgres(at.dataFolder)
      await keep()
    },
    stop: async () => {
      // A dead Postgres serves nobody.
      const isShared = await othersUse(pool.sql, applicationName).catch(() => false)
      await database.stop()
      if (!isShared) await running.stop()
    },
  }
}

/** Asks for an answer; connections that give none several times are given up. */
function keeping({ sql, giveUp }: Pool): () => Promise<void> {
  let silent = 0 // turns in a row without an answer
  return async () => {
    const isAnswered = await Promise.race([sql`select 1`.then(() => true), lateAnswer()])
    silent = isAnswered ? 0 : silent + 1
    if (isAnswered) return
    if (silent % silentMax === 0) giveUp()
    const message = `the database has not answered within ${probeMs} ms`
    throw new Failure('control-plane/database-unreachable', message, { retryable: true })
  }
}

function lateAnswer(): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), probeMs).unref()
  })
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
