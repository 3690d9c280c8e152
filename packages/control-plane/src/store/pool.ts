// Pool
//
// Connections that outlast a Postgres that dies. The driver's own pool (postgres 3.4.9) does not: on a connection that it has lost, what a
// transaction still says ends the process, or is carried out on the next connection without the transaction; a connection that is lost with
// something unsent never sends again; and failed attempts of all connections are counted together, up to a wait of twenty seconds. So a pool that
// has lost one connection is given up, and statements and transactions have pools of their own: the driver does not mix them on one connection, either.
//
//   L1. Nothing more is said in a transaction or a session whose pool has lost a connection: it fails.
//   L2. What is asked next goes to a new pool, at once.

import type postgres from 'postgres'

/** Opens one of the driver's; it calls `onLost` in the turn in which it loses a connection. */
export type OpenPool = (of: { readonly max: number; readonly onLost: () => void }) => Sql

/** A pool of the driver's, until it loses a connection. */
interface Life {
  readonly pool: Sql
  readonly isLost: () => boolean
  /** What comes of it; throws `ConnectionLost` where the pool is: the driver forgets who waits. */
  readonly unlessLost: <T>(coming: Promise<T>) => Promise<T>
  readonly lose: () => void
}

type Sql = postgres.Sql
type EndOptions = Parameters<Sql['end']>[0]
type Begun<T> = (tx: postgres.TransactionSql) => T | Promise<T>

const statementsMax = 10 // more only queue inside Postgres: it has two to a few dozen cores
const sessionsMax = 8
const endSeconds = 1 // for what is under way on the other connections of a pool that is given up

export interface Pool {
  /** What the driver's is, without `listen`, savepoints and prepared transactions. */
  readonly sql: Sql
  /** Its connections are taken for lost: nothing comes back on them. */
  readonly giveUp: () => void
}

export function openPool(open: OpenPool): Pool {
  const statements = livesOf(open, statementsMax)
  const sessions = livesOf(open, sessionsMax)
  const reserve = async () => {
    for (;;) {
      const life = sessions.now()
      try {
        const session = sessionOf(life, await life.unlessLost(life.pool.reserve()))
        return { life, session }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
      }
    }
  }
  const begin = async <T>(first: string | Begun<T>, second?: Begun<T>): Promise<T> => {
    const [options, work] = typeof first === 'string' ? [first, second] : ['', first]
    if (work === undefined) throw new TypeError('a transaction without work')
    const { life, session } = await reserve()
    return await life.unlessLost(transact(session, options, work))
  }
  const end = async (options: EndOptions) => {
    await Promise.all([statements.end(options), sessions.end(options)])
  }
  const own: Readonly<Record<PropertyKey, unknown>> = {
    ...{ begin, end },
    reserve: async () => (await reserve()).session,
  }
  const sql = new Proxy(statements.now().pool, {
    apply: (_, __, words: Parameters<Sql>) => statements.now().pool(...words),
    get: (_, name) => own[name] ?? Reflect.get(statements.now().pool, name),
  })
  return {
    sql,
    giveUp: () => {
      statements.now().lose()
      sessions.now().lose()
    },
  }
}

/** Lives of pools, one after the other. */
function livesOf(open: OpenPool, max: number) {
  const begin = (): Life => {
    let isLost = false // `lose` writes
    const waiting = new Set<(error: ConnectionLost) => void>()
    const unlessLost = <T>(coming: Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.add(reject)
        coming.then(resolve, reject).finally(() => waiting.delete(reject))
      })
    const lose = () => {
      if (isLost || isEnded) return
      isLost = true
      for (const reject of waiting) reject(new ConnectionLost())
      pool.end({ timeout: endSeconds }).catch(() => {}) // nobody asks it any more
    }
    const pool = open({ max, onLost: lose })
    return { pool, isLost: () => isLost, unlessLost, lose }
  }
  let isEnded = false // `end` writes
  let life = begin() // `now` writes
  return {
    now: (): Life => {
      if (life.isLost() && !isEnded) life = begin() // L2
      return life
    },
    end: (options: EndOptions): Promise<void> => {
      isEnded = true
      return life.pool.end(options)
    },
  }
}

/** A reserved connection, for as long as nothing of its pool is lost. */
function sessionOf({ isLost }: Life, session: postgres.ReservedSql): postgres.ReservedSql {
  const assertKept = () => {
    if (isLost()) throw new ConnectionLost() // L1
  }
  const release = () => {
    if (!isLost()) session.release()
  }
  return new Proxy(session, {
    apply: (_, __, words: Parameters<Sql>) => {
      assertKept()
      return session(...words)
    },
    get: (_, name) => {
      if (name === 'release') return release
      assertKept()
      return Reflect.get(session, name)
    },
  })
}

async function transact<T>(
  session: postgres.ReservedSql,
  options: string,
  work: Begun<T>,
): Promise<T> {
  try {
    await session.unsafe(`begin ${options}`)
    const result = await work(session as postgres.ISql as postgres.TransactionSql)
    const { command } = await session.unsafe('commit')
    // Postgres takes a commit after a statement that failed for a rollback.
    if (command !== 'COMMIT') throw new Error('a statement of the transaction had failed')
    return result
  } catch (error) {
    await rollBack(session)
    throw error
  } finally {
    session.release()
  }
}

/** It fails where the connection is lost alone: then Postgres has done it. */
async function rollBack(session: postgres.ReservedSql): Promise<void> {
  try {
    await session.unsafe('rollback')
  } catch {}
}

class ConnectionLost extends Error {
  /** The driver's, for a connection that it lost. */
  readonly code = 'CONNECTION_CLOSED'

  constructor() {
    super('the connection to the database was lost amid a transaction')
  }
}
