// Shard lease
//
// Which shards this engine runs. An engine's session holds a lock, and it says every second that it is alive;
// where the lock is free, or it has not said so for four seconds, it is marked dead, which is its fence, and
// its shards are shared out among those that are left.
//
//   S1. A shard belongs to at most one engine that is not dead.
//   S2. A dead engine never comes back: a process that was marked dead starts again under a new id.

import type { Query, Sql } from '../store/index.ts'
import { shardCount } from './run-head.ts'

export interface Claim {
  /** Shards that this engine has from now on and had not before. */
  readonly gained: readonly number[]
  /** Shards that it must give back because others have too few. */
  readonly surplus: readonly number[]
  readonly isDead: boolean
}

const aliveSeconds = 4 // three heartbeats lost, and a take-over within five seconds

const lockSpace = 0x776b // 'wk': the first of two keys, so that no other lock of ours is met

/** Registers an engine under an id that no other has had; gives how to let its lock go. */
export async function registerEngine(sql: Sql, id: string): Promise<() => Promise<void>> {
  const lockKey = Number.parseInt(id.slice(0, 7), 16)
  const session = await sql.reserve()
  await session`select pg_advisory_lock_shared(${lockSpace}, ${lockKey})`
  await sql`
    insert into workflow_engine (id, lock_key, alive_until)
    values (${id}, ${lockKey}, now() + make_interval(secs => ${aliveSeconds}))`
  return async () => {
    try {
      await session`select pg_advisory_unlock_shared(${lockSpace}, ${lockKey})`
    } catch {
      // a session that is gone has let go of it
    } finally {
      session.release()
    }
  }
}

/** Says that the engine is alive, buries those that are not, and takes its share of free shards. */
export async function claimShards(sql: Sql, id: string, held: ReadonlySet<number>): Promise<Claim> {
  const [sight] = await sql<Sight[]>`
    with me as (
      update workflow_engine set alive_until = now() + make_interval(secs => ${aliveSeconds})
      where id = ${id} and not is_dead returning id)
    select exists (select 1 from me) as "isAlive",
      count(*)::int as engines,
      coalesce(bool_or(id <> ${id} and ${isLost(sql)}), false) as "isOneLost",
      exists (select 1 from ${freeShards(sql)}) as "isOneFree"
    from workflow_engine where not is_dead`
  if (sight?.isAlive !== true) return { gained: [], surplus: [], isDead: true } // S2
  const share = shareOf(sight.engines)
  const isQuiet = !sight.isOneLost && (!sight.isOneFree || held.size >= share)
  if (isQuiet) return { gained: [], surplus: [...held].slice(share), isDead: false }
  return await sql.begin((tx) => takeOver(tx, id, held))
}

interface Sight {
  readonly isAlive: boolean
  readonly engines: number
  readonly isOneLost: boolean
  readonly isOneFree: boolean
}

function shareOf(engines: number): number {
  return Math.ceil(shardCount / Math.max(1, engines))
}

function isLost(sql: Query) {
  return sql`(alive_until < now() or pg_try_advisory_xact_lock(${lockSpace}, lock_key))`
}

function freeShards(sql: Query) {
  return sql`workflow_shard s left join workflow_engine e on e.id = s.engine
    where s.engine is null or e.is_dead`
}

/** Who buries is alive meanwhile; all lock in one order, so that two do not wait for each other. */
async function takeOver(tx: Query, id: string, held: ReadonlySet<number>): Promise<Claim> {
  const rows = await tx<{ id: string }[]>`
    select id from workflow_engine where not is_dead and (id = ${id} or ${isLost(tx)})
    order by id for update` // waits for what they write, and what they write then waits
  const found = rows.map((row) => row.id)
  if (!found.includes(id)) return { gained: [], surplus: [], isDead: true } // S2
  const lost = found.filter((one) => one !== id)
  await tx`update workflow_engine set is_dead = true where id = any(${lost})` // fence
  const [count] = await tx<{ engines: number }[]>`
    select count(*)::int as engines from workflow_engine where not is_dead`
  const share = shareOf(count?.engines ?? 1)
  const wanted = Math.max(0, share - held.size)
  const gained = wanted === 0 ? [] : await takeShards(tx, id, wanted) // S1
  return {
    gained: gained.map(({ shard }) => shard),
    surplus: [...held].slice(share),
    isDead: false,
  }
}

/** Shards that nobody alive has; as many as are wanted, at most. */
async function takeShards(
  tx: Query,
  id: string,
  wanted: number,
): Promise<readonly { readonly shard: number }[]> {
  return await tx<{ shard: number }[]>`
    update workflow_shard set engine = ${id} where shard in (
      select s.shard from ${freeShards(tx)} order by s.shard limit ${wanted}
      for update of s skip locked)
    returning shard`
}

/** Gives shards back, once nothing of theirs is under way. */
export async function releaseShards(
  sql: Sql,
  id: string,
  shards: readonly number[],
): Promise<void> {
  await sql`
    update workflow_shard set engine = null
    where engine = ${id} and shard = any(${[...shards]})`
}

/** Leaves in order: the shards are free at once, and nobody has to wait for the lease to end. */
export async function buryEngine(sql: Sql, id: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`update workflow_shard set engine = null where engine = ${id}`
    await tx`select 1 from workflow_engine where id = ${id} for update`
    await tx`update workflow_engine set is_dead = true where id = ${id}`
    await tx`
      delete from workflow_engine e where is_dead
        and not exists (select 1 from workflow_shard s where s.engine = e.id)
        and alive_until < now() - interval '1 day'`
  })
}
