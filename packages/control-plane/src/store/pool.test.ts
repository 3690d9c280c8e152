// Connections that are lost, by a real Postgres that ends them.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isDatabaseAway } from './database-away.ts'
import { type RunningPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { openPool, type Pool } from './pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'tutti-pool-'))
let running: RunningPostgres
let other: postgres.Sql // connections that are not the pool's
const pools: Pool[] = []

beforeAll(async () => {
  running = await startEmbeddedPostgres(folder)
  other = postgres({ ...place(), max: 1, onnotice: () => {} })
})
afterAll(async () => {
  await Promise.all(pools.map(({ sql }) => sql.end({ timeout: 1 })))
  await other.end()
  await running.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await other`drop table if exists written`
  await other`create table written (n int)`
})

const place = () => ({ path: running.socketPath, user: running.user, database: 'postgres' })
const poolAt = (options: postgres.Options<Record<string, never>> = place()) => {
  const pool = openPool(({ max, onLost }) =>
    postgres({ ...options, max, onclose: onLost, onnotice: () => {} }),
  )
  pools.push(pool)
  return pool
}
const written = async () => (await other`select n from written order by n`).map((row) => row['n'])
const endAll = () =>
  other`select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and backend_type = 'client backend'`

/** Ends the connection that a statement is carried out on, and says when that is known here. */
const endOwn = async (tx: postgres.ISql) =>
  await tx`select pg_terminate_backend(pg_backend_pid())`.then(
    () => expect.unreachable('nobody answers any more'),
    () => {},
  )

test('L1: what a transaction says after its connection was lost is not carried out', async () => {
  const { sql } = poolAt({ ...place(), connection: { application_name: 'crowded' } })
  const backends = async () => {
    const rows = await other`select pid from pg_stat_activity where application_name = 'crowded'`
    return rows.map((row) => row['pid'])
  }
  let others: Promise<unknown>[] = []
  const lost = sql.begin(async (tx) => {
    await tx`insert into written values (1)`
    // Others have all connections and wait for one: the driver takes this one up again for them.
    others = Array.from({ length: 12 }, () =>
      sql.begin((their) => their`select pg_sleep(0.5)`).catch(() => {}),
    )
    while ((await backends()).length < 8) await other`select 1`
    const known = await backends()
    await endOwn(tx)
    while ((await backends()).every((pid) => known.includes(pid))) await other`select 1`
    await tx`insert into written values (2)`
  })
  await expect(lost).rejects.toSatisfy(isDatabaseAway)
  await Promise.all(others)
  await sql.begin((tx) => tx`insert into written values (3)`)
  expect(await written()).toEqual([3])
})

test('L1: a session ends with its connection, and lets go of nothing that is another’s', async () => {
  const { sql } = poolAt()
  const session = await sql.reserve()
  await endOwn(session)
  expect(() => session`select 1`).toThrow('was lost')
  session.release()
  expect(await sql`select 1 as n`).toEqual([{ n: 1 }])
})

test('L2: whatever was under way when all connections went, the next statements are answered', async () => {
  const { sql } = poolAt()
  const ask = () => sql`select 1 as n`.catch((error) => expect(error).toSatisfy(isDatabaseAway))
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 32 }, ask))
    const ended = { isEnded: false }
    const gone = endAll().then(() => {
      ended.isEnded = true
    })
    const asked: Promise<unknown>[] = []
    for (let turns = 0; turns < 20; turns += ended.isEnded ? 1 : 0) {
      for (let i = 0; i < 4; i++) asked.push(ask())
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all([gone, ...asked])
  }
  expect(await Promise.all(Array.from({ length: 64 }, () => sql`select 1 as n`))).toHaveLength(64)
})

test('a transaction that fails is taken back, and one whose failure was not heeded, too', async () => {
  const { sql } = poolAt()
  const own = new Error('of the work')
  const failing = sql.begin(async (tx) => {
    await tx`insert into written values (1)`
    throw own
  })
  await expect(failing).rejects.toBe(own)
  const heedless = sql.begin(async (tx) => {
    await tx`insert into written values (2)`
    await tx`select 1 / 0`.catch(() => {})
  })
  await expect(heedless).rejects.toThrow('had failed')
  await sql.begin('isolation level serializable', (tx) => tx`insert into written values (3)`)
  expect(await written()).toEqual([3])
})

test('connections that give no answer are given up for others', async () => {
  const deaf = new Set<Socket>()
  const sockets = new Set<Socket>()
  const front = createServer((socket) => {
    const inner = connect(running.socketPath)
    sockets.add(socket)
    socket.on('data', (bytes) => deaf.has(socket) || inner.write(bytes))
    inner.on('data', (bytes) => socket.write(bytes)).on('close', () => socket.destroy())
    socket.on('close', () => inner.destroy())
    for (const one of [socket, inner]) one.on('error', () => one.destroy())
  }).listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo
  const { user, database } = place()
  const { sql, giveUp } = poolAt({ host: '127.0.0.1', port, user, database })
  await sql`select 1`
  for (const socket of sockets) deaf.add(socket)
  const unanswered = sql`select 1`.execute()
  await once([...deaf][0] as Socket, 'data')
  giveUp()
  expect(await sql`select 2 as n`).toEqual([{ n: 2 }])
  await expect(unanswered).rejects.toSatisfy(isDatabaseAway)
  for (const socket of sockets) socket.destroy()
  front.close()
})
